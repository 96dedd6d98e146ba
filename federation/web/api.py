"""The readers' JSON interface: works, sign in, propose, order, amend, track; and the door for envelopes.

Pages and programs use the same interface. Errors are JSON problems with the codes of ``schemas.problems``. The session
travels as a bearer token.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, ValidationError

from federation.gateway import Gateway
from federation.loans.ordering import is_on_shelf
from federation.web.link import Links
from federation.web.readers import ReaderProblem, Readers, ReaderSession
from federation.web.stages import stage_of
from schemas.directory import Agency, Role
from schemas.envelope import ENVELOPE_BYTES_MAX
from schemas.identifiers import AgencyId, ConversationId, ShortText, Wire
from schemas.lending import PickupPoint
from schemas.loan import Loan
from schemas.problems import PROBLEMS, ProblemCode
from trust.errors import TrustError

log = logging.getLogger(__name__)

GATEWAY = web.AppKey("gateway", Gateway)
READERS = web.AppKey("readers", Readers)
LINKS = web.AppKey("links", Links)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SignInBegin(Wire):
    """Which library vouches."""

    home: AgencyId


class SignInSealed(Wire):
    """Card and PIN, sealed in the page."""

    session: ShortText
    sealed: Annotated[str, Field(max_length=8192)]


class ProposalWish(Wire):
    """Which work, to be collected where."""

    cluster: ShortText
    pickup: PickupPoint


class SignedOrder(Wire):
    """The reader's order, signed in the page."""

    conv: ConversationId
    signed_order: Annotated[str, Field(max_length=8192)]


class SignedAmendment(Wire):
    """The reader's wish to renew or cancel, signed in the page."""

    signed_amendment: Annotated[str, Field(max_length=8192)]


def add_api(app: web.Application) -> None:
    """Add the interface's routes."""
    app.add_routes([
        web.get("/link", _link),
        web.post("/envelopes", _envelope),
        web.get("/api/libraries", _libraries),
        web.get("/api/works/{cluster}", _work),
        web.post("/api/sessions", _begin_sign_in),
        web.post("/api/sessions/sign-in", _sign_in),
        web.post("/api/proposals", _propose),
        web.post("/api/loans", _order),
        web.get("/api/loans", _loans),
        web.get("/api/loans/{conv}", _loan),
        web.post("/api/loans/{conv}/amendments", _amend),
    ])


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every known error into a JSON problem; an unknown one is logged by type and hidden."""
    try:
        return await handler(request)
    except ValidationError as error:
        return problem(ProblemCode.BAD_REQUEST, f"{error.error_count()} fields do not fit")
    except (ReaderProblem, TrustError) as error:
        return problem(error.code, str(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = ProblemCode.NOT_FOUND if error.status == 404 else ProblemCode.BAD_REQUEST
        return problem(code, error.reason, error.status)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return web.json_response({"code": "internal", "detail": "an error of this gateway; it has been noted"},
                                 status=500)


def problem(code: ProblemCode, detail: str, status: int | None = None) -> web.Response:
    """Return a JSON problem, with the code's own HTTP status unless the server has a more exact one."""
    row = PROBLEMS[code]
    return web.json_response({"code": code, "meaning": row.meaning, "detail": detail, "may_retry": row.may_retry},
                             status=status or row.http_status)


async def signed_in(request: web.Request) -> ReaderSession:
    """Return the reader's session from the bearer token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise ReaderProblem(ProblemCode.NOT_SIGNED_IN, "no session in the request")
    return await request.app[READERS].session(token)


def shown_loan(loan: Loan) -> dict[str, Any]:
    """Return what a reader sees of a loan."""
    return {"conv": loan.conv, "title": loan.title, "status": loan.status, "custody": loan.custody,
            "stage": stage_of(loan), "outcome": loan.outcome, "supplier": loan.supplier,
            "pickup": loan.pickup.model_dump(),
            "due_date": loan.due_date.isoformat() if loan.due_date else None, "renewals": loan.renewals,
            "note": loan.note}


def shown_library(agency: Agency) -> dict[str, Any]:
    """Return a member as readers see it."""
    return {"agency": agency.agency, "name_zh": agency.name_zh, "name_en": agency.name_en, "city_zh": agency.city_zh,
            "city_en": agency.city_en, "pickup_points": agency.pickup_points,
            "delivering_points": agency.delivering_points}


async def _link(request: web.Request) -> web.WebSocketResponse:
    return await request.app[LINKS].serve(request)


async def _envelope(request: web.Request) -> web.Response:
    """Take an envelope over plain HTTP; the answer is the signed Accepted or Refusal."""
    raw = await request.content.read(ENVELOPE_BYTES_MAX + 1)
    while len(raw) <= ENVELOPE_BYTES_MAX and not request.content.at_eof():
        raw += await request.content.read(ENVELOPE_BYTES_MAX + 1 - len(raw))
    return web.Response(body=await request.app[GATEWAY].receive(raw), content_type="application/json")


async def _libraries(request: web.Request) -> web.Response:
    agencies = request.app[GATEWAY].directory().directory.agencies
    return web.json_response([shown_library(agency) for agency in agencies if agency.role is Role.LIBRARY])


async def _work(request: web.Request) -> web.Response:
    cluster, answers = await request.app[READERS].work(request.match_info["cluster"])
    bib = cluster.members[0].bib
    holdings = [{"agency": member.agency, "record_id": member.record_id, "copies": len(member.items),
                 "on_shelf": is_on_shelf(answers.get(member.agency))} for member in cluster.members]
    return web.json_response({"cluster": cluster.cluster_id, "title": bib.title, "holdings": holdings})


async def _begin_sign_in(request: web.Request) -> web.Response:
    wish = SignInBegin.model_validate_json(await request.read())
    return web.json_response(await request.app[READERS].begin_sign_in(wish.home))


async def _sign_in(request: web.Request) -> web.Response:
    wish = SignInSealed.model_validate_json(await request.read())
    answer = await request.app[READERS].sign_in(wish.session, wish.sealed)
    return web.json_response(answer.model_dump(exclude={"patron"}), status=200 if answer.signed_in else 401)


async def _propose(request: web.Request) -> web.Response:
    session = await signed_in(request)
    wish = ProposalWish.model_validate_json(await request.read())
    conv, proposal = await request.app[READERS].propose(session, wish.cluster, wish.pickup)
    return web.json_response({
        "conv": conv, "home": session.home, "bib": proposal.bib.model_dump(), "pickup": proposal.pickup.model_dump(),
        "rota": [entry.model_dump() for entry in proposal.rota], "quote": proposal.quote.model_dump(),
        "sealing_key": request.app[READERS].sealing_key(session.home),
        "created": request.app[GATEWAY].clock().strftime("%Y-%m-%dT%H:%M:%SZ")})


async def _order(request: web.Request) -> web.Response:
    session = await signed_in(request)
    order = SignedOrder.model_validate_json(await request.read())
    loan = await request.app[READERS].order(session, order.conv, order.signed_order)
    return web.json_response(shown_loan(loan), status=201)


async def _loans(request: web.Request) -> web.Response:
    session = await signed_in(request)
    return web.json_response([shown_loan(loan) for loan in await request.app[READERS].loans(session)])


async def _loan(request: web.Request) -> web.Response:
    session = await signed_in(request)
    return web.json_response(shown_loan(await request.app[READERS].loan(session, request.match_info["conv"])))


async def _amend(request: web.Request) -> web.Response:
    session = await signed_in(request)
    wish = SignedAmendment.model_validate_json(await request.read())
    conv = ConversationId(request.match_info["conv"])
    await request.app[READERS].amend(session, conv, wish.signed_amendment)
    return web.json_response({"conv": conv}, status=202)
