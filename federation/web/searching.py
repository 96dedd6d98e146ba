"""Searching for readers, the same for pages and programs: what was asked, how often one visitor may ask, the answers.

A visitor is an address, since nobody has to sign in to search. It is kept for a minute, in the cache, as a counter's
name. Where a proxy on this machine ends TLS, it is the address that the proxy adds to ``X-Forwarded-For``; what a
visitor writes there stands before it and counts for nothing.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

from aiohttp import web

from federation.catalogue.facets import Facet, Facets, Narrowing
from federation.catalogue.views import Hit, SearchPage
from federation.web.api import GATEWAY, READERS
from federation.web.readers import ReaderProblem
from schemas.directory import Directory
from schemas.problems import ProblemCode

PAGE_HITS = 20
QUERY_CHARS_MAX = 200
VALUE_CHARS_MAX = 100
"""Of a facet's value."""
PER_MINUTE: Mapping[str, int] = MappingProxyType({"search": 300, "suggest": 900, "live": 30})
"""What one address may ask: a reading room's terminals may share it."""
AVAILABLE = "available"


def add_searching(app: web.Application) -> None:
    """Add the interface's routes."""
    app.add_routes([web.get("/api/search", _search), web.get("/api/suggestions", _suggestions)])


async def found(request: web.Request, offset: int) -> SearchPage:
    """Return the page of what the address asks for.

    Raises:
        ReaderProblem: asked too often.
    """
    await allow(request, "search")
    query, narrowing = asked(request), narrowing_of(request)
    cities = cities_of(request.app[GATEWAY].directory().directory)
    return await request.app[READERS].search(query, PAGE_HITS, offset, narrowing, cities)


def asked(request: web.Request) -> str:
    """Return what the reader typed."""
    return request.query.get("q", "")[:QUERY_CHARS_MAX].strip()


def narrowing_of(request: web.Request) -> Narrowing:
    """Return what the reader has chosen, one value of a facet: ``?city=上海&class=I&available=1``."""
    chosen = {facet: request.query.get(facet, "")[:VALUE_CHARS_MAX] for facet in Facet}
    return Narrowing({facet: value for facet, value in chosen.items() if value}, request.query.get(AVAILABLE) == "1")


def cities_of(directory: Directory) -> Mapping[str, str]:
    """Return the city of each library, by the name that stands in addresses of pages."""
    return {library.agency: library.city_zh or library.city_en for library in directory.libraries()
            if library.city_zh or library.city_en}


async def _search(request: web.Request) -> web.Response:
    page = await found(request, _offset(request))
    return web.json_response({"total": page.total, "capped": page.capped, "facets": _shown_facets(page.facets),
                              "hits": [_shown_hit(hit) for hit in page.hits]})


async def _suggestions(request: web.Request) -> web.Response:
    await allow(request, "suggest")
    suggested = await request.app[READERS].suggest(asked(request))
    return web.json_response({"suggestions": [{"kind": one.kind, "text": one.text} for one in suggested]})


def _offset(request: web.Request) -> int:
    text = request.query.get("offset", "0")
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise ReaderProblem(ProblemCode.BAD_REQUEST, "offset is a number of hits to skip")
    return int(text)


async def allow(request: web.Request, kind: str) -> None:
    """Count a question of this visitor; raise ``ReaderProblem`` where there were too many."""
    if not await request.app[READERS].cache.allow(f"{kind} {_visitor(request)}", PER_MINUTE[kind], 60.0):
        raise ReaderProblem(ProblemCode.TOO_MANY_REQUESTS, f"at most {PER_MINUTE[kind]} a minute from one address")


def _visitor(request: web.Request) -> str:
    """Return the visitor's address; one in IPv6 by its network, of which a household has a whole one."""
    peer = request.remote or ""
    if _is_loopback(peer):
        peer = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or peer
    try:
        address = ip_address(peer)
    except ValueError:
        return "unknown"
    return ":".join(address.exploded.split(":")[:4]) if address.version == 6 else str(address)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _shown_hit(hit: Hit) -> dict[str, Any]:
    return {"cluster": hit.cluster_id, "title": hit.title, "author": hit.author, "publisher": hit.publisher,
            "year": hit.year, "isbn13": hit.isbn13, "libraries": sorted({h.agency for h in hit.holdings})}


def _shown_facets(facets: Facets) -> dict[str, Any]:
    """Return the counts by facet; ``counted`` books were looked at, and ``available`` is null where too many match."""
    counts = {str(facet): [{"value": value, "count": number} for value, number in found]
              for facet, found in facets.counts.items()}
    return {**counts, AVAILABLE: facets.available, "counted": facets.counted}
