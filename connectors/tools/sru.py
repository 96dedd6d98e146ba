"""``delta-connector sru``: search one server, scan one of its indexes, or have it describe itself.

The query is CQL and goes as it is typed. What a search prints is what ``z3950 search`` prints, and means the same.
"""

import argparse
import asyncio
import time
from typing import Any

from connectors.sru.client import SruClient
from connectors.sru.cql import parse
from connectors.sru.errors import MESSAGES, SruDiagnostic, SruError, UnwritableQuery
from connectors.sru.live import ask_server
from connectors.sru.messages import Diagnostic, Explanation, ScanAnswer, ScanRequest, Version
from connectors.tools import amounts
from connectors.tools.terminal import Refused, WrongUse, error_code, plain, say, say_json, table
from connectors.tools.z3950_answer import to_json, to_text
from connectors.z3950.answer import SERVED, Answer


def add_commands(commands: Any) -> None:
    """Add ``sru`` and what is under it."""
    sru = commands.add_parser("sru", help="检索 SRU 服务器 search an SRU server")
    verbs = sru.add_subparsers(required=True, metavar="COMMAND")
    search = verbs.add_parser("search", help="检索并显示 search and show records")
    _add_server(search)
    search.add_argument("query", metavar="CQL", help='such as \'dc.title="三体" and dc.creator=刘慈欣\'')
    search.add_argument("--schema", default="", metavar="NAME", help="of the records, as the server calls it")
    _add_count(search)
    search.set_defaults(run=_search)
    scan = verbs.add_parser("scan", help="浏览索引词 look at the terms of an index")
    _add_server(scan)
    scan.add_argument("query", metavar="CLAUSE", help="an index and a term to begin at, as dc.title=三")
    _add_count(scan)
    scan.set_defaults(run=_scan)
    explain = verbs.add_parser("explain", help="显示服务器自述 what the server says of itself")
    _add_server(explain)
    explain.set_defaults(run=_explain)


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="of the database, as http://127.0.0.1:8080/sru/union")
    parser.add_argument("--version", type=Version, choices=list(Version), default=Version.V1_2, help="of SRU (1.2)")
    parser.add_argument("--charset", type=amounts.charset, default="utf-8", metavar="NAME",
                        help="of the query, where a server does not read utf-8; XML tells its own")
    parser.add_argument("--timeout", type=amounts.seconds, default=10.0, metavar="SECONDS", help="for the whole (10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_count(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", dest="count", type=amounts.count, default=10, metavar="N", help="how many (10)")


def _search(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    _require_cql(arguments.query)
    try:
        answer = asyncio.run(_ask(arguments))
    except UnwritableQuery as error:
        raise WrongUse(f"the query: {error}") from None
    seconds = time.monotonic() - started
    if arguments.json:
        say_json(to_json(answer, None, seconds))
    else:
        say(to_text(answer, None, seconds))
    return 0 if answer.state in SERVED else 1


async def _ask(arguments: argparse.Namespace) -> Answer:
    async with _client(arguments) as client:
        return await ask_server(client, arguments.query, arguments.count, schema=arguments.schema,
                                seconds=arguments.timeout)


def _scan(arguments: argparse.Namespace) -> int:
    _require_cql(arguments.query)
    answer = asyncio.run(_told(arguments, lambda client: client.scan(
        ScanRequest(arguments.query, maximum=max(arguments.count, 1)))))
    assert isinstance(answer, ScanAnswer)
    terms = answer.terms[:arguments.count]
    if arguments.json:
        say_json({"terms": [{"term": term.value, "occurrences": term.hits} for term in terms]})
    else:
        say(table(("词 Term", "记录数 Records"), [(term.value, term.hits) for term in terms]))
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    said = asyncio.run(_told(arguments, lambda client: client.explain()))
    assert isinstance(said, Explanation)
    if arguments.json:
        say_json({"database": said.database, "title": said.title, "indexes": list(said.indexes),
                  "schemas": dict(said.schemas), "records_default": said.records_default,
                  "records_max": said.records_max})
        return 0
    rows = [("数据库 Database", said.database), ("名称 Title", said.title), ("索引 Indexes", " ".join(said.indexes)),
            *((f"格式 Schema {name}", uri) for name, uri in said.schemas.items())]
    say("\n".join(f"{name}: {plain(value)}" for name, value in rows))
    return 0


async def _told(arguments: argparse.Namespace, ask: Any) -> ScanAnswer | Explanation:
    """Return what a server answers to a question without records; raise ``Refused`` where it complains."""
    try:
        async with _client(arguments) as client:
            answer: ScanAnswer | Explanation = await ask(client)
    except UnwritableQuery as error:
        raise WrongUse(f"the query: {error}") from None
    except SruError as error:
        raise Refused(f"{error_code(error)}: {plain(error)}") from None
    if answer.diagnostics and not getattr(answer, "terms", ()):
        raise Refused(_text(answer.diagnostics[0]))
    return answer


def _client(arguments: argparse.Namespace) -> SruClient:
    return SruClient(arguments.url, version=arguments.version, charset=arguments.charset,
                     deadline_seconds=arguments.timeout)


def _require_cql(text: str) -> None:
    try:
        parse(text)
    except SruDiagnostic as error:
        raise WrongUse(f"the query: {plain(error)}") from None


def _text(diagnostic: Diagnostic) -> str:
    message = diagnostic.message or MESSAGES.get(diagnostic.code or 0, "")
    return plain(": ".join(filter(None, (f"diagnostic {diagnostic.code}", message, diagnostic.details))))
