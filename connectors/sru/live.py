"""One search of one SRU server, from the query to the answer: whatever happens, what has come is returned.

Records are fetched part by part through ``nextRecordPosition``, so that what has come by the deadline is kept. The
answer is the one that a Z39.50 search has, in its seven states; its diagnostics are SRU's own.
"""

import asyncio
from collections.abc import Mapping

from connectors.sru.client import SruClient
from connectors.sru.errors import MESSAGES, NotSru, SruError, SruRefused, SruSilent, UnwritableQuery
from connectors.sru.messages import Diagnostic, SearchAnswer, SearchRequest
from connectors.z3950 import oid
from connectors.z3950.answer import Answer
from connectors.z3950.errors import (
    InitRefused,
    MalformedApdu,
    TargetDiagnostic,
    TargetSilent,
    TargetUnreachable,
    Z3950Error,
)
from connectors.z3950.reply import Record

PART_RECORDS = 10
AUTHENTICATION = 3
"""SRU's diagnostic for who is not let in."""
_UNSPECIFIED = 1
_SAME: Mapping[type[SruError], type[Z3950Error]] = {
    SruSilent: TargetSilent, SruRefused: InitRefused, NotSru: MalformedApdu,
}
"""What goes wrong with a server, in the words that both protocols' answers share."""


async def ask_server(client: SruClient, query: str, wanted: int, *, schema: str = "", seconds: float) -> Answer:
    """Search, fetch the first ``wanted`` records, and return the answer within ``seconds``.

    Raises:
        UnwritableQuery: the query cannot be written in the server's charset.
    """
    answer = Answer(wanted, query.isascii())
    try:
        async with asyncio.timeout(seconds):
            await _fetch(client, query, schema, answer)
    except TimeoutError:
        answer.end(TargetSilent(f"not done within {seconds:g} s"))
    except UnwritableQuery:
        raise
    except tuple(_SAME) as error:
        answer.end(_SAME[type(error)](str(error)))
    except SruError as error:
        answer.end(TargetUnreachable(str(error)))
    return answer


async def _fetch(client: SruClient, query: str, schema: str, answer: Answer) -> None:
    start: int | None = 1
    while start is not None:
        count = min(answer.wanted - start + 1, PART_RECORDS)
        found = await client.search(SearchRequest(query, start=start, maximum=count, schema=schema))
        _take(answer, found, count)
        start = _next(answer, found, start)


def _take(answer: Answer, found: SearchAnswer, count: int) -> None:
    """Take over a part. A server that complains and counts nothing has not searched."""
    for diagnostic in found.diagnostics:
        if diagnostic.code == AUTHENTICATION:
            raise SruRefused(diagnostic.details or MESSAGES.get(AUTHENTICATION, "authentication error"))
    answer.diagnostics += map(_diagnostic, found.diagnostics)
    if answer.hits is None and (found.hits or not found.diagnostics):
        answer.hits = len(found.records) if found.hits is None else found.hits
    answer.take([Record(oid.XML, record.data) for record in found.records[:count]])


def _next(answer: Answer, found: SearchAnswer, start: int) -> int | None:
    """Return where the next part begins; a server may leave that unsaid, but may not lead in circles."""
    following = found.next_start or start + len(found.records) + len(found.diagnostics)
    is_more = bool(found.records) and start < following <= min(answer.wanted, answer.hits or 0)
    return following if is_more else None


def _diagnostic(diagnostic: Diagnostic) -> TargetDiagnostic:
    code = _UNSPECIFIED if diagnostic.code is None else diagnostic.code
    return TargetDiagnostic(code, diagnostic.details or diagnostic.message or MESSAGES.get(code, ""))
