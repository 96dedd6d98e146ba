"""``delta-connector z3950``: search one target, or scan one of its indexes, and say what state the answer is in.

The query is PQF where it begins with ``@``, else plain words, each looked for anywhere. Records are fetched in small
parts, so that what has come by the deadline is shown. Where no syntax is asked for, the usual ones are tried in turn.
"""

import argparse
import asyncio
import re
import time
from functools import reduce
from typing import Any

from connectors.marc.charset import MARC8
from connectors.tools import amounts
from connectors.tools.terminal import Refused, WrongUse, error_code, plain, say, say_json, table
from connectors.tools.z3950_answer import to_json, to_text
from connectors.z3950 import oid, pqf
from connectors.z3950.answer import SERVED, Answer
from connectors.z3950.association import Association
from connectors.z3950.errors import MalformedQuery, TargetSilent, Z3950Error
from connectors.z3950.live import ask_target
from connectors.z3950.pool import Pool
from connectors.z3950.profile import Profile
from connectors.z3950.query import And, Query, Term, Use, look_for
from connectors.z3950.reply import ScanEntry

USUAL_SYNTAXES = ("usmarc", "unimarc", "xml")
_PART_RECORDS = 5
"""What a target that falls mute within a part has sent of it is lost, so parts are small."""
_ADDRESS = re.compile(r"(?:z3950://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})/(\S+)")
_OID = re.compile(r"[0-2](\.\d{1,9}){1,20}")


def address_of(text: str) -> Profile:
    """Read ``HOST:PORT/DB``; for ``argparse``.

    >>> str(address_of("[::1]:210/uacn_bib"))
    '::1:210/uacn_bib'
    """
    found = _ADDRESS.fullmatch(text)
    if not found or not 0 < int(found[2]) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT/DB, as in 127.0.0.1:210/Default")
    return Profile(host=found[1].strip("[]"), port=int(found[2]), database=found[3])


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
    _add_target(search, "QUERY", "PQF (begins with @) or plain words")
    search.add_argument("--syntax", type=_syntaxes, default=USUAL_SYNTAXES, metavar="NAME",
                        help=f"{', '.join(oid.SYNTAXES)} or an OID; without it the usual ones in turn")
    search.set_defaults(run=_search)
    scan = verbs.add_parser("scan", help="浏览索引词 look at the terms of an index")
    _add_target(scan, "TERM", "PQF of one term, as @attr 1=4 三, or a plain one, looked for among titles")
    scan.set_defaults(run=_scan)


def _add_target(parser: argparse.ArgumentParser, what: str, meaning: str) -> None:
    parser.add_argument("address", type=address_of, metavar="HOST:PORT/DB")
    parser.add_argument("query", metavar=what, help=meaning)
    parser.add_argument("--charset", type=amounts.charset, metavar="NAME",
                        help="of query and records; without it utf-8, and each record's charset is told")
    parser.add_argument("-n", dest="count", type=amounts.count, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--timeout", type=amounts.seconds, default=10.0, metavar="SECONDS", help="for the whole (10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _syntaxes(name: str) -> tuple[str, ...]:
    if name.lower() in oid.SYNTAXES or _OID.fullmatch(name):
        return (name,)
    raise argparse.ArgumentTypeError(f"{name!r} is no record syntax; known: {', '.join(oid.SYNTAXES)}")


def _profile(arguments: argparse.Namespace, syntaxes: tuple[str, ...] = USUAL_SYNTAXES) -> Profile:
    """Return the target as the options describe it; the command's own deadline is the one that counts."""
    # MARC-8 is a charset of records; its terms beyond ASCII nobody can be trusted to read.
    charset = "ascii" if arguments.charset == MARC8 else arguments.charset or "utf-8"
    place: Profile = arguments.address
    return Profile(host=place.host, port=place.port, database=place.database, query_charset=charset,
                   syntaxes=syntaxes, chunk_records=_PART_RECORDS, chunk_records_max=_PART_RECORDS,
                   deadline_seconds=amounts.SECONDS_MAX)


def _search(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    try:
        answer = asyncio.run(_ask(read_query(arguments.query), arguments))
    except MalformedQuery as error:
        raise WrongUse(f"the query: {error}") from None
    seconds = time.monotonic() - started
    if arguments.json:
        say_json(to_json(answer, arguments.charset, seconds))
    else:
        say(to_text(answer, arguments.charset, seconds))
    return 0 if answer.state in SERVED else 1


async def _ask(query: Query, arguments: argparse.Namespace) -> Answer:
    profile = _profile(arguments, arguments.syntax)
    async with Pool() as pool:
        return await ask_target(pool, profile, query, arguments.count, seconds=arguments.timeout)


def read_start(text: str) -> Term:
    """Return the term at which a scan begins.

    Raises:
        MalformedQuery: it is no term, or more than one.
    """
    start = pqf.parse(text) if text.lstrip().startswith("@") else look_for(text.strip(), Use.TITLE)
    if not isinstance(start, Term):
        raise MalformedQuery("a scan begins at one term")
    return start


def _scan(arguments: argparse.Namespace) -> int:
    try:
        entries = asyncio.run(_terms(read_start(arguments.query), arguments))
    except MalformedQuery as error:
        raise WrongUse(f"the term: {error}") from None
    except Z3950Error as error:
        raise Refused(f"{error_code(error)}: {plain(error)}") from None
    if arguments.json:
        say_json({"terms": [{"term": entry.term, "occurrences": entry.occurrences} for entry in entries]})
    else:
        say(table(("词 Term", "记录数 Records"), [(entry.term, entry.occurrences) for entry in entries]))
    return 0


async def _terms(start: Term, arguments: argparse.Namespace) -> list[ScanEntry]:
    association = Association(_profile(arguments))
    try:
        async with asyncio.timeout(arguments.timeout), association:
            return await association.scan(start, arguments.count)
    except TimeoutError:
        raise TargetSilent(f"{association}: no answer within {arguments.timeout:g} s") from None
