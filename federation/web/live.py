"""Live search of the members: every library's own catalogue is asked now, and shown as it answers.

Without script the page waits for the deadline and shows what has come; with script the same is told as server-sent
events: ``library`` for each state, with the works that it brought, and ``done``. Each library has its deadline within
the gateway's, and its link lets only so many questions through, so a slow one delays nobody.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from federation.catalogue.live import LiveWork, LiveWorks
from federation.ports import Unit
from federation.web.api import GATEWAY, LINKS
from federation.web.link import LibraryUnreachable, Links
from federation.web.searching import allow, asked
from schemas.catalogue import CatalogueAnswer, CatalogueQuestion, Index, Operator, Sought
from schemas.identifiers import AgencyId
from schemas.live import LiveAnswer, LiveQuestion, LiveState
from schemas.messages import MessageType

SECONDS = 3.0
"""When an answer is declared, complete or not."""
TRAVEL_SECONDS = 0.3
"""What is left of that for the way to a library and back."""
RECORDS = 10
"""Of each library."""
UNION_WORKS = 50
"""Works of the union catalogue that answers are put to."""
WORDS_MAX = 20
_UNHEARD = LiveAnswer(state=LiveState.TIMED_OUT)
_UNREACHED = LiveAnswer(state=LiveState.FAILED)


@dataclass(frozen=True, slots=True)
class Heard:
    """One library's answer, and the works that it named; ``seconds`` after the question."""

    agency: AgencyId
    answer: LiveAnswer
    works: tuple[LiveWork, ...]
    seconds: float


def add_live(app: web.Application) -> None:
    """Add the interface's route."""
    app.add_routes([web.get("/api/live", _events)])


@dataclass(frozen=True, slots=True)
class LivePage:
    """A live search that is over: how it went at each library, in the order of their answers, and what was found."""

    heard: tuple[Heard, ...]
    works: tuple[LiveWork, ...]


async def live_page(request: web.Request) -> LivePage:
    """Return what ``search_live`` yields, once it is over."""
    heard = tuple([each async for each in search_live(request)])
    works = {work.number: work for each in heard for work in each.works}
    return LivePage(heard, tuple(works[number] for number in sorted(works)))


def steps_of(typed: str) -> tuple[Sought | Operator, ...]:
    """Return what a reader typed as a question: every word, anywhere.

    >>> [str(getattr(step, "text", step)) for step in steps_of("三体 刘慈欣")]
    ['三体', '刘慈欣', 'and']
    """
    words = typed.split()[:WORDS_MAX]
    steps: list[Sought | Operator] = []
    for number, word in enumerate(words):
        steps += [Sought(text=word, index=Index.ANY), *([Operator.AND] if number else [])]
    return tuple(steps)


async def search_live(request: web.Request, seconds: float = SECONDS) -> AsyncGenerator[Heard, None]:
    """Ask every library for what the reader typed, and yield each one's answer as it comes, all by the deadline.

    Raises:
        ReaderProblem: asked too often.
    """
    await allow(request, "live")
    steps = steps_of(asked(request))
    if not steps:
        return
    gateway, links = request.app[GATEWAY], request.app[LINKS]
    begun = time.monotonic()
    works = LiveWorks((await gateway.store.run(lambda unit: _union(unit, steps))).works)
    question = LiveQuestion(query=steps, limit=RECORDS, milliseconds=round(1000 * (seconds - TRAVEL_SECONDS)))
    libraries = [library.agency for library in gateway.directory().directory.libraries()]
    tasks = [asyncio.create_task(_ask(links, agency, question, seconds)) for agency in libraries]
    try:
        for answering in asyncio.as_completed(tasks):
            agency, answer = await answering
            named = {(work := works.add(agency, bib)).number: work for bib in answer.bibs}
            yield Heard(agency, answer, tuple(named.values()), time.monotonic() - begun)
    finally:
        for task in tasks:
            task.cancel()


async def _ask(links: Links, agency: AgencyId, question: LiveQuestion, seconds: float) -> tuple[AgencyId, LiveAnswer]:
    """Return a library's answer, or what its silence means."""
    try:
        async with asyncio.timeout(seconds):
            said = (await links.ask(agency, MessageType.LIVE_QUESTION, question, seconds)).body
    except LibraryUnreachable:
        said = _UNHEARD if agency in links.connected() else _UNREACHED
    except TimeoutError:
        said = _UNHEARD
    return agency, said if isinstance(said, LiveAnswer) else _UNREACHED


def _union(unit: Unit, steps: tuple[Sought | Operator, ...]) -> CatalogueAnswer:
    return unit.union.find(CatalogueQuestion(query=steps, limit=UNION_WORKS))


async def _events(request: web.Request) -> web.StreamResponse:
    heard = search_live(request)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store",
                                           "X-Accel-Buffering": "no"})
    async with aclosing(heard):
        first = await anext(heard, None)
        await response.prepare(request)
        if first is not None:
            await response.write(_event("library", _shown(first)))
        async for each in heard:
            await response.write(_event("library", _shown(each)))
        await response.write(_event("done", {}))
    return response


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _shown(heard: Heard) -> dict[str, Any]:
    answer = heard.answer
    return {"agency": heard.agency, "state": answer.state, "hits": answer.hits, "changes": answer.changes,
            "seconds": round(heard.seconds, 3), "works": [shown_work(work) for work in heard.works]}


def shown_work(work: LiveWork) -> dict[str, Any]:
    """Return a work as a line of the list; ``number`` stays the same throughout one search."""
    bib = work.bib
    return {"number": work.number, "cluster": work.cluster, "title": bib.title, "author": bib.responsibility,
            "publisher": bib.publisher, "year": bib.year, "found_at": list(work.found_at)}
