"""The operator's JSON interface on a 0600 Unix socket: status, loans, closing a window, evidence.

Only ``serve`` opens the database; every other command of ``delta-gateway`` talks to the running gateway through here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from federation.gateway import Gateway
from federation.loans.reaction import Reply
from federation.metrics import metrics_text
from federation.ports import Unit
from federation.retention import erase
from federation.road import Road
from federation.settlement.audit import audit
from federation.settlement.closing import Closing, close
from federation.settlement.window import IndexAlreadyClosed
from federation.web.api import GATEWAY, LINKS, problem, problems, shown_loan
from federation.web.curation import curation_routes
from federation.web.link import Links
from federation.web.log import cosigned_note
from federation.web.readers import ReaderProblem
from federation.web.standing import trust_status
from schemas.identifiers import Wire
from schemas.loan import Loan
from schemas.messages import MessageType
from schemas.problems import ProblemCode
from trust.bundle import write_bundle
from trust.checkpoint import Checkpoint, sign_checkpoint
from trust.metrics import CONTENT_TYPE

OVERDUE_SHOWN = 20
"""Messages of the gateway's own that ``/status`` names when nobody has confirmed them in time."""


class ResetWish(Wire):
    """Why the gateway's own streams begin again; every library reads it."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ErasureWish(Wire):
    """Which loans' contents are to be erased: those that had ended before a day (UTC)."""

    ended_before: date
    dry_run: bool = True


def build_operator(gateway: Gateway, links: Links) -> web.Application:
    """Return the operator's interface of a running gateway."""
    app = web.Application(middlewares=[problems])
    app[GATEWAY], app[LINKS] = gateway, links
    app.add_routes([
        web.get("/status", _status),
        web.get("/metrics", _metrics),
        web.get("/loans", _loans),
        web.get("/loans/{conv}", _loan),
        web.get("/mailboxes", _mailboxes),
        web.post("/windows", _close_window),
        web.post("/checkpoints", _checkpoint),
        web.post("/streams/reset", _reset_streams),
        web.post("/erase", _erase),
        web.get("/evidence/{conv}", _evidence),
        web.get("/audit", _audit),
        *curation_routes(),
    ])
    return app


@asynccontextmanager
async def serve_operator(gateway: Gateway, links: Links, socket: Path) -> AsyncIterator[None]:
    """Serve the operator's interface on its socket until left."""
    runner = web.AppRunner(build_operator(gateway, links), access_log=None)
    await runner.setup()
    socket.unlink(missing_ok=True)
    await web.UnixSite(runner, str(socket)).start()
    socket.chmod(0o600)
    try:
        yield
    finally:
        await runner.cleanup()
        socket.unlink(missing_ok=True)


async def make_checkpoint(gateway: Gateway) -> Checkpoint:
    """Sign the log as it stands, unless it already is."""
    def work(unit: Unit) -> Checkpoint:
        size, root = unit.log.extend_tree()
        checkpoint = Checkpoint(gateway.me, size, root)
        unit.log.put_checkpoint(size, sign_checkpoint(checkpoint, gateway.key(gateway.clock())))
        return checkpoint

    return await gateway.store.run(work)


async def close_window(gateway: Gateway) -> Closing:
    """Close the settlement window at the log's end and send every library its statement, in one transaction."""
    def work(road: Road) -> Closing:
        closing = close(road.unit.accounts, gateway.directory(), road.unit.log.size() - 1)
        for agency, proposal in closing.proposals.items():
            road.say(Reply(MessageType.STATEMENT_PROPOSAL, agency, proposal, None), None)
        return closing

    return await gateway.act(work)


def _counts(unit: Unit, now: datetime) -> dict[str, Any]:
    count, overdue = unit.messages.overdue(now, OVERDUE_SHOWN)
    return {
        "log": unit.log.size(),
        "loans": unit.loans.count_by_outcome(),
        "messages": unit.messages.count_by_type(),
        "waiting": unit.mailboxes.lengths(),
        "ledger": unit.accounts.totals(),
        ProblemCode.NOT_CONFIRMED: {"count": count, "first": [
            {"type": late.type, "library": late.dst, "conv": late.conv, "hash": late.hash,
             "until": late.until.isoformat()} for late in overdue]},
    }


async def _state(app: web.Application) -> dict[str, Any]:
    gateway = app[GATEWAY]
    status = await gateway.store.run(lambda unit: _counts(unit, gateway.clock()) | trust_status(gateway, unit))
    return {"gateway": gateway.me, "directory": gateway.directory().version,
            "connected": sorted(app[LINKS].connected()), **status}


async def _status(request: web.Request) -> web.Response:
    return web.json_response(await _state(request.app))


async def _metrics(request: web.Request) -> web.Response:
    text = metrics_text(await _state(request.app), request.app[GATEWAY].clock())
    return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


def _shown(loan: Loan, changed: str) -> dict[str, Any]:
    return {**shown_loan(loan), "home": loan.home, "holder": loan.holder, "barcode": loan.barcode,
            "confirmed": loan.confirmed is not None, "position": loan.position, "changed": changed}


async def _loans(request: web.Request) -> web.Response:
    loans = await request.app[GATEWAY].store.run(lambda unit: unit.loans.all())
    return web.json_response([_shown(loan, changed) for loan, changed in loans])


async def _loan(request: web.Request) -> web.Response:
    conv = request.match_info["conv"]
    loan = await request.app[GATEWAY].store.run(lambda unit: unit.loans.get(conv))
    if loan is None:
        return problem(ProblemCode.NOT_FOUND, f"no loan {conv}")
    return web.json_response(_shown(loan, ""))


async def _mailboxes(request: web.Request) -> web.Response:
    """Return the number of the last entry of each mailbox: what a connector has received when it is up to date."""
    return web.json_response(await request.app[GATEWAY].store.run(lambda unit: unit.mailboxes.ends()))


async def _close_window(request: web.Request) -> web.Response:
    try:
        closing = await close_window(request.app[GATEWAY])
    except IndexAlreadyClosed as error:
        return problem(ProblemCode.OUT_OF_TURN, str(error))
    settlement = closing.settlement
    return web.json_response({
        "window": asdict(settlement.window), "positions": settlement.positions,
        "payments": [asdict(payment) for payment in settlement.payments],
        "statements": {agency: proposal.model_dump(mode="json") for agency, proposal in closing.proposals.items()},
    })


async def _checkpoint(request: web.Request) -> web.Response:
    checkpoint = await make_checkpoint(request.app[GATEWAY])
    return web.json_response({"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()})


async def _reset_streams(request: web.Request) -> web.Response:
    wish = ResetWish.model_validate_json(await request.read())
    resets = await request.app[GATEWAY].reset_streams(wish.reason)
    return web.json_response([{"to": dst, **reset.model_dump()} for dst, reset in resets])


async def _erase(request: web.Request) -> web.Response:
    """Erase what was said in loans that have ended, or count it; the answer comes once the bytes are gone."""
    gateway, wish = request.app[GATEWAY], ErasureWish.model_validate_json(await request.read())
    moment = datetime.combine(wish.ended_before, time(), UTC)
    erasure = await gateway.store.run(lambda unit: erase(unit, moment, gateway.directory(), gateway.clock(),
                                                         dry_run=wish.dry_run))
    if not wish.dry_run:
        await gateway.store.scrub()
    return web.json_response(asdict(erasure))


async def _evidence(request: web.Request) -> web.Response:
    gateway, conv = request.app[GATEWAY], request.match_info["conv"]
    await make_checkpoint(gateway)

    def work(unit: Unit) -> bytes:
        loan, size = unit.loans.get(conv), _covering(unit, conv, gateway.directory().policies.witnesses_min)
        note = cosigned_note(unit, size) if size is not None else None
        if loan is None or size is None or note is None:
            raise ReaderProblem(ProblemCode.NOT_FOUND, f"no loan {conv} in the log")
        return write_bundle(loan.conv, unit.log.entries(conv, size), note, gateway.directory())

    return web.Response(body=await gateway.store.run(work), content_type="application/zip")


def _covering(unit: Unit, conv: str, witnesses_min: int) -> int | None:
    """Return the checkpoint for a loan's bundle: the newest final one that covers all of it, else the newest."""
    last_leaf, newest = unit.log.last_leaf(conv), unit.log.last_checkpoint()
    final = unit.log.last_cosigned(witnesses_min)
    if last_leaf is None or newest is None:
        return None
    return final if final is not None and final > last_leaf else newest[0]


async def _audit(request: web.Request) -> web.Response:
    findings = await request.app[GATEWAY].store.run(lambda unit: audit(unit.accounts))
    return web.json_response([asdict(finding) for finding in findings])
