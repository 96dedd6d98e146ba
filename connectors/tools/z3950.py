"""``delta-connector z3950 search``: ask one target, and say what state its answer is in.

The query is PQF where it begins with ``@``, else plain words, each looked for anywhere. Records are fetched in small
parts, so that what has come by the deadline is shown. Where no syntax is asked for, the usual ones are tried in turn.
"""

import argparse
import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from connectors.marc.charset import MARC8, charset_named
from connectors.marc.record import UnknownCharset
from connectors.tools.terminal import WrongUse, say, say_json
from connectors.tools.z3950_answer import SERVED, Answer
from connectors.z3950 import oid, pqf
from connectors.z3950.client import Record, Z3950Client
from connectors.z3950.errors import MalformedQuery, TargetDiagnostic, TargetSilent, Z3950Error
from connectors.z3950.query import And, Query, Use, look_for, terms

USUAL_SYNTAXES = (oid.USMARC, oid.UNIMARC, oid.XML)
_PART_RECORDS = 5
"""What a target that falls mute within a part has sent of it is lost, so parts are small."""
_COUNT_MAX = 100_000
_ADDRESS = re.compile(r"(?:z3950://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})/(\S+)")
_OID = re.compile(r"[0-2](\.\d{1,9}){1,20}")
# Bib-1 diagnostics: record not available in the syntax asked for, syntax not supported
_WRONG_SYNTAX = frozenset({238, 239})


@dataclass(frozen=True)
class Address:
    """Where a target listens, and which of its databases is asked."""

    host: str
    port: int
    database: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``HOST:PORT/DB``.

        >>> Address.parse("[::1]:210/uacn_bib")
        Address(host='::1', port=210, database='uacn_bib')
        """
        found = _ADDRESS.fullmatch(text)
        if not found or not 0 < int(found[2]) < 1 << 16:
            raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT/DB, as in 127.0.0.1:210/Default")
        return cls(found[1].strip("[]"), int(found[2]), found[3])


def read_query(text: str) -> Query:
    """Return the tree of PQF, or of plain words that must all be found.

    Raises:
        MalformedQuery: it is neither.
    """
    if text.lstrip().startswith("@"):
        return pqf.parse(text)
    words: list[Query] = [look_for(word, Use.ANY) for word in text.split()]
    if not words:
        raise MalformedQuery("the query is empty")
    return reduce(And, words)


def add_commands(commands: Any) -> None:
    """Add ``z3950`` and what is under it."""
    z3950 = commands.add_parser("z3950", help="检索 Z39.50 目标 search a Z39.50 target")
    verbs = z3950.add_subparsers(required=True, metavar="COMMAND")
    search = verbs.add_parser("search", help="检索并显示 search and show records")
    search.add_argument("address", type=Address.parse, metavar="HOST:PORT/DB")
    search.add_argument("query", metavar="QUERY", help="PQF (begins with @) or plain words")
    search.add_argument("--syntax", type=_syntaxes, default=USUAL_SYNTAXES, metavar="NAME",
                        help=f"{', '.join(oid.SYNTAXES)} or an OID; without it the usual ones in turn")
    search.add_argument("--charset", type=_charset, metavar="NAME",
                        help="of query and records; without it utf-8, and each record's charset is told")
    search.add_argument("-n", dest="count", type=_count, default=10, metavar="N", help="how many records (10)")
    search.add_argument("--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for the whole (10)")
    search.add_argument("--json", action="store_true", help="print one JSON object")
    search.set_defaults(run=_search)


def _syntaxes(name: str) -> tuple[str, ...]:
    if syntax := oid.SYNTAXES.get(name.lower()):
        return (syntax,)
    if _OID.fullmatch(name):
        return (name,)
    raise argparse.ArgumentTypeError(f"{name!r} is no record syntax; known: {', '.join(oid.SYNTAXES)}")


def _charset(name: str) -> str:
    try:
        return charset_named(name)
    except UnknownCharset as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > _COUNT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of records from 0 to {_COUNT_MAX}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to 3600")
    return seconds


def _search(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    try:
        query = read_query(arguments.query)
        answer = asyncio.run(ask(query, arguments))
    except MalformedQuery as error:
        raise WrongUse(f"the query: {error}") from None
    seconds = time.monotonic() - started
    if arguments.json:
        say_json(answer.to_json(arguments.charset, seconds))
    else:
        say(answer.to_text(arguments.charset, seconds))
    return 0 if answer.state in SERVED else 1


async def ask(query: Query, arguments: argparse.Namespace) -> Answer:
    """Search and fetch within the time given; whatever happens, return what has come.

    Raises:
        MalformedQuery: the query cannot be written in the charset.
    """
    answer = Answer(arguments.count, all(term.value.isascii() for term in terms(query)))
    address, timeout_seconds = arguments.address, arguments.timeout
    # MARC-8 is a charset of records; its terms beyond ASCII nobody can be trusted to read.
    query_charset = "ascii" if arguments.charset == MARC8 else arguments.charset or "utf-8"
    client = Z3950Client(address.host, address.port, address.database, query_charset,
                         preferred_syntax=arguments.syntax[0], deadline_seconds=2 * timeout_seconds)
    try:
        async with asyncio.timeout(timeout_seconds), client:
            answer.hits = await client.search(query)
            await _fetch(client, answer, arguments.syntax)
    except TimeoutError:
        answer.end(TargetSilent(f"{client}: not done within {timeout_seconds:g} s"))
    except MalformedQuery:
        raise
    except Z3950Error as error:
        answer.end(error)
    return answer


async def _fetch(client: Z3950Client, answer: Answer, syntaxes: Sequence[str]) -> None:
    """Fetch part by part, in the first syntax that the target has."""
    if not answer.places:
        return
    asked = min(_PART_RECORDS, answer.places)
    syntax, records = await _first_part(client, asked, syntaxes)
    answer.take(records)
    position = 1 + len(records)
    while position <= answer.places and len(records) == asked:
        asked = min(_PART_RECORDS, answer.places - position + 1)
        records = await client.present(position, asked, syntax)
        answer.take(records)
        position += len(records)


async def _first_part(client: Z3950Client, asked: int, syntaxes: Sequence[str]) -> tuple[str, list[Record]]:
    for syntax in syntaxes[:-1]:
        try:
            records = await client.present(1, asked, syntax)
        except TargetDiagnostic as error:
            if error.code not in _WRONG_SYNTAX:
                raise
            continue
        if not all(record.diagnostic and record.diagnostic.code in _WRONG_SYNTAX for record in records):
            return syntax, records
    return syntaxes[-1], await client.present(1, asked, syntaxes[-1])
