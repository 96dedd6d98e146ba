"""The readers' pages: search, one work and its shelves, sign-in, loans.

Search and works are rendered here and need no script. What belongs to a reader (session, PIN, orders) stays in the
browser: the pages' script talks to the JSON interface, and no page holds anything personal. Every text from outside
is escaped, and the headers allow neither foreign nor inline code.
"""

import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from jinja2 import FileSystemLoader, StrictUndefined
from yarl import URL

from federation.catalogue.views import ClusterView
from federation.web import searching
from federation.web.api import GATEWAY
from federation.web.live import live_page
from federation.web.narrowing import names_of, narrowings, parameters
from federation.web.readers import ReaderProblem
from federation.web.searching import PAGE_HITS
from federation.web.stages import STAGES, STEPS
from federation.web.texts import PAGES, Language, accepted_language, chosen_language, load_texts, phrase, speech_of
from schemas.directory import Agency, Directory, KeyPurpose
from schemas.problems import PROBLEMS, ProblemCode
from trust.key_life import warnings_for

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEXTS = web.AppKey("texts", Mapping[Language, Mapping[str, Mapping[str, str]]])
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                               "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
                               "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}
_TOLD = (ProblemCode.NOT_FOUND, ProblemCode.BAD_REQUEST, ProblemCode.TOO_MANY_REQUESTS)
"""The problems that have words of their own; the others are an error."""
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of this site in printable ASCII, without ``\\``: browsers read ``//host`` and ``/\\host`` as other sites."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where copies of one call number stand in a library: branch and room, as far as the library tells."""

    branch: str
    location: str
    call_number: str
    copies: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """One library's copies of a work, as the work's page lists them."""

    agency: str
    library: Agency | None
    places: tuple[Place, ...]

    @property
    def copies(self) -> int:
        """All its copies."""
        return sum(place.copies for place in self.places)


@dataclass(frozen=True, slots=True)
class Speech:
    """The language of a page, and the one asked for in its address, which its links keep."""

    asked: Language | None
    language: Language
    texts: Mapping[str, Mapping[str, str]]

    def link(self, path: str, /, **query: str) -> str:
        """Return a link within the site."""
        kept = {"lang": str(self.asked), **query} if self.asked else query
        return str(URL.build(path="/" + path.lstrip("/"), query=kept))

    def local(self, agency: Agency, what: str = "name") -> str:
        """Return an agency's name or city in the page's language, or in the other where only that is known."""
        own, other = (getattr(agency, f"{what}_{one}") for one in (self.language, self.language.other))
        return str(own or other)


def add_portal(app: web.Application) -> None:
    """Add the pages, their static files and the headers that protect them."""
    app[TEXTS] = load_texts()
    aiohttp_jinja2.setup(app, loader=FileSystemLoader(PAGES), undefined=StrictUndefined, trim_blocks=True,
                         lstrip_blocks=True, filters={"speech": speech_of, "day": "{:%F}".format})
    app.middlewares.append(_problems_as_pages)
    app.on_response_prepare.append(_protect)
    app.add_routes([
        web.get("/", _search),
        web.get("/live", _live),
        web.get("/works/{cluster}", _work),
        web.get("/sign-in", _sign_in),
        web.get("/loans", _loans),
        web.get("/alliance", _alliance),
        web.static("/assets", PAGES / "static"),
    ])


def shelves(cluster: ClusterView, directory: Directory) -> list[Shelf]:
    """Return each library that holds the work once, in the order of their ids."""
    found = []
    for agency, group in groupby(cluster.members, key=lambda member: member.agency):
        copies = Counter(
            (holding.branch, item.location or holding.location, item.call_number or holding.call_number)
            for member in group for holding in member.bib.holdings for item in holding.items)
        places = tuple(Place(*place, count) for place, count in sorted(copies.items()))
        found.append(Shelf(agency, directory.by_id.get(agency), places))
    return found


def own_path(text: str) -> str:
    """Return where to go after sign-in: a path of this site, else the loans."""
    return text if _OWN_PATH.fullmatch(text) else "/loans"


async def _protect(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def _problems_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show problems as pages to those who navigate; programs and scripts get what the interface says."""
    if request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", ""):
        return await handler(request)
    try:
        return await handler(request)
    except ReaderProblem as error:
        return _problem(request, error.code, PROBLEMS[error.code].http_status)
    except web.HTTPNotFound:
        return _problem(request, ProblemCode.NOT_FOUND, 404)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return _problem(request, "other", 500)


def _problem(request: web.Request, code: str, status: int) -> web.Response:
    known = code if code in _TOLD else "other"
    return _render(request, "problem.html", status, problem=f"problem_{known}")


async def _search(request: web.Request) -> web.Response:
    query, page, narrowing = searching.asked(request), _page_number(request), searching.narrowing_of(request)
    if not query:
        return _render(request, "search.html", query="", found=None)
    found = await searching.found(request, (page - 1) * PAGE_HITS)
    speech = _speech(request)
    names = names_of(speech.texts["facets"], request.app[GATEWAY].directory().directory, speech.local)
    offered = narrowings(found.facets, narrowing, query, found.total, speech.texts["facets"], names, speech.link)
    return _render(request, "search.html", query=query, page=page, first=(page - 1) * PAGE_HITS + 1, found=found,
                   more=page * PAGE_HITS < found.total,
                   kept=parameters(query, narrowing), narrowings=offered, available=narrowing.available)


async def _live(request: web.Request) -> web.Response:
    """Ask the libraries' own catalogues, and show what has come by the deadline."""
    query = searching.asked(request)
    return _render(request, "live.html", query=query, found=await live_page(request) if query else None,
                   libraries=request.app[GATEWAY].directory().directory.by_id)


def _page_number(request: web.Request) -> int:
    text = request.query.get("page", "1")
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise ReaderProblem(ProblemCode.BAD_REQUEST, "page is a number from 1")
    return int(text)


async def _work(request: web.Request) -> web.Response:
    """Show what the catalogue knows at once; the script asks the libraries, so that a slow one delays no page."""
    gateway, id_ = request.app[GATEWAY], request.match_info["cluster"]
    cluster = await gateway.store.run(lambda unit: unit.catalogue.cluster(id_))
    if cluster is None:
        raise ReaderProblem(ProblemCode.NOT_FOUND, "no such work in the union catalogue")
    directory = gateway.directory().directory
    return _render(request, "work.html", cluster=cluster.cluster_id, bib=cluster.members[0].bib,
                   shelves=shelves(cluster, directory), libraries=directory.libraries())


async def _sign_in(request: web.Request) -> web.Response:
    after = URL(own_path(request.query.get("next", "")))
    asked = chosen_language(request.query.get("lang"))
    return _render(request, "sign_in.html", after=after.update_query(lang=asked) if asked else after,
                   libraries=request.app[GATEWAY].directory().directory.libraries())


async def _loans(request: web.Request) -> web.Response:
    return _render(request, "loans.html")


async def _alliance(request: web.Request) -> web.Response:
    """Show the directory in force, whose key it names for each member, and what runs out soon: none of it is secret."""
    gateway = request.app[GATEWAY]
    directory, now = gateway.directory(), gateway.clock()
    members = [(member, member.key_in_use(KeyPurpose.SIGN, now)) for member in directory.directory.agencies
               if member.keys]
    return _render(request, "alliance.html", directory=directory, members=members,
                   warnings=warnings_for(directory, now))


def _speech(request: web.Request) -> Speech:
    asked = chosen_language(request.query.get("lang"))
    language = asked or accepted_language(request.headers.get("Accept-Language", ""))
    return Speech(asked, language, request.app[TEXTS][language])


def _render(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    speech = _speech(request)
    language, texts = speech.language, speech.texts
    elsewhere = replace(speech, asked=language.other)
    kept = {name: value for name, value in request.query.items() if name != "lang"}
    response = aiohttp_jinja2.render_template(template, request, {
        **context, "language": language, "asked": speech.asked, "text": partial(phrase, texts["pages"]),
        "link": speech.link, "local": speech.local, "switch": elsewhere.link(request.path, **kept),
        "script": {"texts": texts["script"], "reasons": texts["reasons"], "language": language.tag,
                   "steps": STEPS, "stages": {stage: asdict(facts) for stage, facts in STAGES.items()},
                   "renewals_max": request.app[GATEWAY].directory().policies.renewals_max,
                   "sign_in": speech.link("/sign-in"), "loans": speech.link("/loans"),
                   "here": speech.link(request.path)},
    }, status=status)
    response.headers.update({"Content-Language": language.tag, "Vary": "Accept-Language"})
    return response
