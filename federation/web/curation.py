"""The librarians' part of the operator's interface: why records are one book, pins, and building the clusters anew.

Part of the operator's socket, which is its owner's alone; ``by`` says on whose behalf.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from federation.catalogue.pinning import Act, NoSuchPin, NoSuchRecord, Pin, PinKind, PinRefused
from federation.catalogue.reasons import Link
from federation.ports import Unit
from federation.web.api import GATEWAY, problem
from schemas.identifiers import ShortText, Wire
from schemas.problems import ProblemCode

Handler = Callable[[web.Request], Awaitable[web.Response]]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class UndoWish(Wire):
    """Who undoes a pin, and why."""

    by: Annotated[ShortText, Field(min_length=1)]
    reason: Reason


class PinWish(UndoWish):
    """Which two records are pinned, and how."""

    kind: PinKind
    one: ShortText
    other: ShortText


def curation_routes() -> list[web.RouteDef]:
    """Return the routes of the operator's interface that are the librarians'."""
    return [
        web.get("/catalogue/why", _refusing(_why)),
        web.get("/catalogue/pins", _pins),
        web.post("/catalogue/pins", _refusing(_pin)),
        web.post(r"/catalogue/pins/{number:\d{1,9}}/undo", _refusing(_undo)),
        web.post("/catalogue/reindex", _reindex),
    ]


def shown_pin(pin: Pin) -> dict[str, Any]:
    """Return a pin as JSON."""
    return {"number": pin.number, "kind": pin.kind, "one": str(pin.one), "other": str(pin.other),
            "made": _shown_act(pin.made), "undone": pin.undone and _shown_act(pin.undone)}


def shown_link(link: Link) -> dict[str, Any]:
    """Return what the scorer says of two records, as JSON."""
    decision = link.decision
    return {"one": str(link.one), "other": str(link.other), "same": decision.same, "vetoed": decision.vetoed,
            "score": decision.score, "reasons": [reason._asdict() for reason in decision.reasons],
            "pin": link.pin and shown_pin(link.pin)}


def _refusing(handler: Handler) -> Handler:
    """Answer a refusal of the catalogue by its name."""
    @wraps(handler)
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (NoSuchRecord, NoSuchPin) as error:
            return problem(ProblemCode.NOT_FOUND, f"{type(error).__name__}: {error}")
        except PinRefused as error:
            return problem(ProblemCode.BAD_REQUEST, f"{type(error).__name__}: {error}", 409)

    return answer


def _shown_act(act: Act) -> dict[str, str]:
    return {"by": act.by, "at": act.at.isoformat(), "reason": act.reason}


async def _why(request: web.Request) -> web.Response:
    one, other = request.query.get("one", ""), request.query.get("other")

    def work(unit: Unit) -> dict[str, Any]:
        if other is None:
            work_id, links = unit.curation.why(one)
            return {"work": work_id, "links": [shown_link(link) for link in links]}
        reasons = unit.curation.why_two(one, other)
        return {"verdict": reasons.verdict, "between": shown_link(reasons.between), "shared_keys": reasons.shared,
                "links": [shown_link(link) for link in reasons.links]}

    return web.json_response(await request.app[GATEWAY].store.run(work))


async def _pins(request: web.Request) -> web.Response:
    undone = "undone" in request.query
    pins = await request.app[GATEWAY].store.run(lambda unit: unit.curation.pins(undone=undone))
    return web.json_response([shown_pin(pin) for pin in pins])


async def _pin(request: web.Request) -> web.Response:
    gateway, wish = request.app[GATEWAY], PinWish.model_validate_json(await request.read())
    made = Act(wish.by, gateway.clock(), wish.reason)
    pin = await gateway.store.run(lambda unit: unit.curation.pin(wish.kind, wish.one, wish.other, made))
    return web.json_response(shown_pin(pin))


async def _undo(request: web.Request) -> web.Response:
    gateway, wish = request.app[GATEWAY], UndoWish.model_validate_json(await request.read())
    number, undone = int(request.match_info["number"]), Act(wish.by, gateway.clock(), wish.reason)
    pin = await gateway.store.run(lambda unit: unit.curation.undo(number, undone))
    return web.json_response(shown_pin(pin))


async def _reindex(request: web.Request) -> web.Response:
    """Do one step, so that nobody waits long for the database; the caller asks until ``phase`` is ``done``."""
    progress = await request.app[GATEWAY].store.run(lambda unit: unit.curation.reindex())
    return web.json_response(progress._asdict())
