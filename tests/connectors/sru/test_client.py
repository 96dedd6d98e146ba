"""Our SRU client at Zebra's server, and at servers that are broken, silent, endless or hostile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from connectors.sru.client import SruClient
from connectors.sru.errors import NotSru, SruDiagnostic, SruRefused, SruSilent, SruUnreachable, UnwritableQuery
from connectors.sru.messages import SearchAnswer, SearchRequest, Version
from connectors.sru.writing import write_search

ASKED = SearchRequest("三体")


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes([web.get("/db", handler)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/db"
    finally:
        await runner.cleanup()


async def failure(handler: Callable[[web.Request], Awaitable[web.StreamResponse]], seconds: float = 5.0) -> Exception:
    async with answering(handler) as url, SruClient(url, deadline_seconds=seconds) as client:
        with pytest.raises((NotSru, SruRefused, SruSilent, SruUnreachable)) as error:
            await client.search(ASKED)
    return error.value


async def silent(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"<a>" * 100_000)
    except ConnectionError:
        return response


async def moved_for_ever(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(request.url)


def status(code: int, body: bytes = b"sorry") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, body=body)

    return answer


@pytest.mark.parametrize(("handler", "error"), [
    (status(500), SruUnreachable), (status(404), SruUnreachable), (status(401), SruRefused), (status(403), SruRefused),
    (status(200), NotSru), (status(200, b"<html/>"), NotSru), (endless, NotSru), (moved_for_ever, SruUnreachable),
])
async def test_a_server_that_has_no_answer_is_told_by_name(handler: object, error: type[Exception]) -> None:
    assert type(await failure(handler)) is error  # type: ignore[arg-type]


async def test_a_silent_server_is_left_at_the_deadline() -> None:
    assert type(await failure(silent, 0.3)) is SruSilent


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/db", "no address", "ftp://127.0.0.1/x", "http://127.0.0.1:99999/"])
async def test_an_address_where_nobody_serves(url: str) -> None:
    async with SruClient(url, deadline_seconds=2) as client:
        with pytest.raises(SruUnreachable):
            await client.search(ASKED)


@pytest.mark.parametrize("version", Version)
async def test_the_terms_travel_in_the_servers_charset(version: Version) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.rel_url.raw_query_string)
        return web.Response(body=write_search(SearchAnswer(0), version))

    async with answering(note) as url, SruClient(url, version=version, charset="gb18030") as client:
        assert (await client.search(ASKED)).hits == 0
    assert "query=%C8%FD%CC%E5" in asked[0]
    assert ("operation=searchRetrieve" in asked[0]) == (version is Version.V1_2)


async def test_a_query_that_the_charset_has_not_is_not_sent() -> None:
    async with SruClient("http://127.0.0.1:1/db", charset="latin-1") as client:
        with pytest.raises(UnwritableQuery):
            await client.search(ASKED)


def test_a_diagnostic_says_its_number_and_its_words() -> None:
    assert str(SruDiagnostic(16, "shoesize")) == "SRU diagnostic 16, Unsupported index: shoesize"
