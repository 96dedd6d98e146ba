"""The readers' pages: search, one work and its shelves, sign-in, loans.

Search and works are rendered here and need no script. What belongs to a reader (session, PIN, orders) stays in the
browser: the pages' script talks to the JSON interface, and no page holds anything personal. Every text from outside
is escaped, and the headers allow neither foreign nor inline code.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from jinja2 import FileSystemLoader, StrictUndefined
from yarl import URL

from federation.catalogue.views import ClusterView
from federation.web.api import GATEWAY, PAGE_HITS, READERS
from federation.web.readers import ReaderProblem
from federation.web.stages import STAGES, STEPS
from federation.web.texts import PAGES, Language, accepted_language, chosen_language, load_texts, phrase, speech_of
from schemas.directory import Agency, Directory
from schemas.problems import PROBLEMS, ProblemCode

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEXTS = web.AppKey("texts", Mapping[Language, Mapping[str, Mapping[str, str]]])
QUERY_CHARS_MAX = 200
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
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of this site in printable ASCII, without ``\\``: browsers read ``//host`` and ``/\\host`` as other sites."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One library's copies of a work, as the work's page lists them."""

    agency: str
    library: Agency | None
    copies: int
    call_numbers: tuple[str, ...]


def add_portal(app: web.Application) -> None:
    """Add the pages, their static files and the headers that protect them."""
    app[TEXTS] = load_texts()
    aiohttp_jinja2.setup(app, loader=FileSystemLoader(PAGES), undefined=StrictUndefined, trim_blocks=True,
                         lstrip_blocks=True, filters={"speech": speech_of})
    app.middlewares.append(_problems_as_pages)
    app.on_response_prepare.append(_protect)
    app.add_routes([
        web.get("/", _search),
        web.get("/works/{cluster}", _work),
        web.get("/sign-in", _sign_in),
        web.get("/loans", _loans),
        web.static("/assets", PAGES / "static"),
    ])


def shelves(cluster: ClusterView, directory: Directory) -> list[Shelf]:
    """Return each library that holds the work once, in the order of their ids."""
    found = []
    for agency, group in groupby(cluster.members, key=lambda member: member.agency):
        items = [item for member in group for item in member.items]
        call_numbers = dict.fromkeys(item.call_number for item in items if item.call_number)
        found.append(Shelf(agency, directory.by_id.get(agency), len(items), tuple(call_numbers)))
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
    known = code if code in (ProblemCode.NOT_FOUND, ProblemCode.BAD_REQUEST) else "other"
    return _render(request, "problem.html", status, problem=f"problem_{known}")


async def _search(request: web.Request) -> web.Response:
    query, page = request.query.get("q", "")[:QUERY_CHARS_MAX].strip(), _page_number(request)
    found = await request.app[READERS].search(query, PAGE_HITS, (page - 1) * PAGE_HITS) if query else None
    more = found is not None and page * PAGE_HITS < found.total
    return _render(request, "search.html", query=query, page=page, found=found, more=more)


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


def _render(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    asked = chosen_language(request.query.get("lang"))
    language = asked or accepted_language(request.headers.get("Accept-Language", ""))
    texts = request.app[TEXTS][language]
    link = partial(_link, asked)
    response = aiohttp_jinja2.render_template(template, request, {
        **context, "language": language, "asked": asked, "text": partial(phrase, texts["pages"]), "link": link,
        "local": partial(_local, language),
        "switch": _link(language.other, request.path, **{**request.query, "lang": language.other}),
        "script": {"texts": texts["script"], "reasons": texts["reasons"], "language": language.tag,
                   "steps": STEPS, "stages": {stage: asdict(facts) for stage, facts in STAGES.items()},
                   "renewals_max": request.app[GATEWAY].directory().policies.renewals_max,
                   "sign_in": link("/sign-in"), "loans": link("/loans"), "here": _link(asked, request.path)},
    }, status=status)
    response.headers.update({"Content-Language": language.tag, "Vary": "Accept-Language"})
    return response


def _link(asked: Language | None, path: str, **query: str) -> str:
    """Return a link within the site that keeps the language the reader asked for."""
    kept = {"lang": str(asked), **query} if asked else query
    return str(URL.build(path="/" + path.lstrip("/"), query=kept))


def _local(language: Language, agency: Agency, what: str = "name") -> str:
    """Return an agency's name or city in the page's language, or in the other where only that is known."""
    own, other = (getattr(agency, f"{what}_{one}") for one in (language, language.other))
    return str(own or other)
