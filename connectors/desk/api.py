"""The desk's JSON interface, on a 0600 Unix socket: scan, pull list, deliveries, conflicts, uncollected, loans, status.

Every other program of the library (pages, scripts, the demo's staff) goes through it; nobody else opens the journal.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from types import MappingProxyType

from aiohttp import web
from pydantic import ValidationError

from connectors.agent import delivery
from connectors.agent.app import Connector
from connectors.agent.conflicts import Conflicts
from connectors.agent.counter import SeveralLoans
from connectors.agent.custody import NothingToDo, Scan, Step, is_over_for
from connectors.agent.entry import Refused
from connectors.agent.erasure import erase
from connectors.agent.harvest.harvester import HarvestRunning
from connectors.agent.harvest.run import Wish
from connectors.agent.harvest.sources import SOURCE_ERRORS
from connectors.agent.journal import JournalFailed
from connectors.agent.link import GatewayUnreachable
from connectors.agent.refusals import refusals
from connectors.agent.tables import Unit
from connectors.desk.metrics import metrics_text
from connectors.desk.standing import trust_status
from connectors.sip2.client import Sip2Client
from schemas.identifiers import ConversationId, ItemBarcode, ShortText, Wire
from schemas.lending import Condition
from schemas.loan import Loan
from schemas.problems import PROBLEMS
from trust.clocks import Reading
from trust.errors import TrustError
from trust.metrics import CONTENT_TYPE
from trust.settings import SettingsRefused

CONNECTOR = web.AppKey("connector", Connector)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScanRequest(Wire):
    """What the scan box sends.

    ``loan`` only where staff had to choose among several; ``step`` is what the page has offered: a second click, or
    an answer that was lost, then never does the step after it.
    """

    barcode: ItemBarcode
    loan: ConversationId | None = None
    step: Step | None = None
    condition: Condition = Condition.GOOD
    place: ShortText = ""


class LostRequest(Wire):
    """What a claim for a lost copy says; without an amount the catalogued price is claimed."""

    charge_fen: int | None = None


class ResetRequest(Wire):
    """Why this library's streams begin anew."""

    reason: ShortText


class HarvestRequest(Wire):
    """How to harvest, as in ``Wish``; ``bad`` is the path of a file for the bytes of bad records."""

    full: bool = False
    anew: bool = False
    allow_deletions: bool = False
    bad: ShortText = ""


class ErasureRequest(Wire):
    """Which loans' contents are to be erased: those that had ended before a day (UTC)."""

    ended_before: date
    dry_run: bool = True


def build_desk(connector: Connector) -> web.Application:
    """Return the desk of one running connector."""
    app = web.Application(middlewares=[_errors])
    app[CONNECTOR] = connector
    app.add_routes([
        web.get("/status", _status),
        web.get("/metrics", _metrics),
        web.get("/loans", _loans),
        web.get("/pull-list", _pull_list),
        web.get("/refusals", _refusals),
        web.get("/conflicts", _conflicts),
        web.post("/conflicts/{id:[0-9]{1,18}}/handled", _handled),
        web.get("/uncollected", _uncollected),
        web.get("/deliveries", _deliveries),
        web.get("/loans/{conv}/address", _address),
        web.post("/scan", _scan),
        web.get("/harvest", _harvests),
        web.post("/harvest", _harvest),
        web.post("/reset-streams", _reset_streams),
        web.post("/erase", _erase),
        web.post("/loans/{conv}/not-on-shelf", _not_on_shelf),
        web.post("/loans/{conv}/lost", _lost),
    ])
    return app


@asynccontextmanager
async def serve_desk(connector: Connector, socket: Path) -> AsyncIterator[None]:
    """Serve the desk on its socket until left."""
    runner = web.AppRunner(build_desk(connector), access_log=None)
    await runner.setup()
    socket.unlink(missing_ok=True)
    site = web.UnixSite(runner, str(socket))
    await site.start()
    socket.chmod(0o600)
    try:
        yield
    finally:
        await runner.cleanup()
        socket.unlink(missing_ok=True)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValidationError as error:
        return _problem(400, "bad_request", f"{error.error_count()} fields do not fit")
    except (NothingToDo, SeveralLoans) as error:
        return _problem(409, "nothing_to_do", str(error))
    except HarvestRunning as error:
        return _problem(409, "harvest_running", str(error))
    except (*SOURCE_ERRORS, SettingsRefused) as error:
        return _problem(502, "no_harvest", str(error))
    except JournalFailed as error:
        return _problem(503, "journal_in_use", str(error))
    except GatewayUnreachable as error:
        return _problem(503, "gateway_unreachable", str(error))
    except (Refused, TrustError) as error:
        return _problem(PROBLEMS[error.code].http_status, error.code, str(error))


def _problem(status: int, code: str, detail: str) -> web.Response:
    return web.json_response({"code": code, "detail": detail}, status=status)


def _shown(loan: Loan, marks: Mapping[str, str] = MappingProxyType({})) -> dict[str, object]:
    shown = asdict(loan)
    return {**shown, "attention": marks.get(loan.conv),
            "due_date": loan.due_date.isoformat() if loan.due_date else None,
            "pickup": loan.pickup.model_dump(), "quote": loan.quote.model_dump() if loan.quote else None}


async def _state(connector: Connector) -> dict[str, object]:
    journal = connector.journal
    return {
        "agency": connector.settings.agency,
        "link_up": connector.link.is_up.is_set(),
        "loans": await journal.run(Unit.open_loans),
        "conflicts": len(await journal.run(lambda unit: Conflicts(unit.connection).open())),
        "waiting": await journal.run(Unit.waiting),
        "tasks": len(await journal.run(Unit.open_tasks)),
        "statement": bool(await journal.run(lambda unit: unit.fact("statement"))),
        "received": int(await journal.run(lambda unit: unit.fact("received", "0"))),
        "alarms": await journal.run(Unit.alarms),
        "clock": _clock(connector.office.time.reading),
        **await trust_status(connector.office, journal),
        "ils": _line_quality(connector.client),
        "harvest": await connector.harvester.latest(),
    }


async def _status(request: web.Request) -> web.Response:
    return web.json_response(await _state(request.app[CONNECTOR]))


async def _metrics(request: web.Request) -> web.Response:
    connector = request.app[CONNECTOR]
    text = metrics_text(await _state(connector), connector.office.clock())
    return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


def _clock(reading: Reading | None) -> dict[str, object] | None:
    """Return how this machine's clock stood beside the gateway's when the link came up."""
    if reading is None:
        return None
    return {"state": reading.state, "ahead_seconds": reading.ahead_seconds, "text": str(reading)}


def _line_quality(client: Sip2Client) -> dict[str, object]:
    """Return how the lines to the ILS stand, every tolerance its answers needed, and how long they took."""
    status, quality = client.status(), client.counters.quality()
    return {"breaker": status.breaker.name.lower(), "busy_lines": status.busy_lines, "idle_lines": status.idle_lines,
            "tolerances": {f"{message} {name}": times for (message, name), times in quality.counts.items()},
            "latency_ms": {message: {"count": latency.count, "median": round(latency.median_seconds * 1000, 2),
                                     "p99": round(latency.p99_seconds * 1000, 2)}
                           for message, latency in quality.latencies.items()}}


async def _loans(request: web.Request) -> web.Response:
    everything, connector = "all" in request.query, request.app[CONNECTOR]
    loans = await connector.journal.run(lambda unit: unit.loans(unfinished=not everything))
    marks, me = await connector.journal.run(Unit.marks), connector.office.me
    return web.json_response([_shown(loan, marks) for loan in loans if everything or not is_over_for(loan, me)])


async def _pull_list(request: web.Request) -> web.Response:
    connector = request.app[CONNECTOR]
    marks = await connector.journal.run(Unit.marks)
    return web.json_response([_shown(loan, marks) for loan in await connector.counter.pull_list()])


async def _conflicts(request: web.Request) -> web.Response:
    conflicts = await request.app[CONNECTOR].journal.run(lambda unit: Conflicts(unit.connection).open())
    return web.json_response([asdict(conflict) for conflict in conflicts])


async def _handled(request: web.Request) -> web.Response:
    number = int(request.match_info["id"])
    if not await request.app[CONNECTOR].journal.run(lambda unit: Conflicts(unit.connection).handled(number)):
        return _problem(404, "not_found", f"no conflict {number} on the list")
    return web.json_response({"handled": number})


async def _uncollected(request: web.Request) -> web.Response:
    stays = await request.app[CONNECTOR].counter.uncollected()
    return web.json_response([{"place": stay.place, "until": stay.until.isoformat(), "loan": _shown(loan)}
                              for stay, loan in stays])


async def _deliveries(request: web.Request) -> web.Response:
    """Show the copies that wait here to be brought to their readers; where to is asked for one by one."""
    connector = request.app[CONNECTOR]
    loans = await connector.journal.run(lambda unit: delivery.to_deliver(unit, connector.office.me))
    return web.json_response([_shown(loan) for loan in loans])


async def _address(request: web.Request) -> web.Response:
    connector, conv = request.app[CONNECTOR], request.match_info["conv"]
    address = await connector.journal.run(lambda unit: delivery.address_of(unit, connector.office, conv))
    return web.json_response({"conv": conv, "address": address.reveal()}, headers={"Cache-Control": "no-store"})


async def _refusals(request: web.Request) -> web.Response:
    """Show what the ILS refused, in its own words."""
    return web.json_response([asdict(refusal) for refusal in await request.app[CONNECTOR].journal.run(refusals)])


async def _scan(request: web.Request) -> web.Response:
    connector = request.app[CONNECTOR]
    asked = ScanRequest.model_validate_json(await request.read())
    scan = Scan(asked.barcode, asked.condition, asked.place, connector.office.clock())
    step, loan = await connector.counter.scan(scan, asked.loan, asked.step)
    return web.json_response({"step": step, "loan": _shown(loan)})


async def _harvest(request: web.Request) -> web.Response:
    asked = HarvestRequest.model_validate_json(await request.read() or b"{}")
    wish = Wish(asked.full, asked.anew, asked.allow_deletions, Path(asked.bad) if asked.bad else None)
    return web.json_response((await request.app[CONNECTOR].harvester.harvest(wish)).to_json())


async def _harvests(request: web.Request) -> web.Response:
    return web.json_response(await request.app[CONNECTOR].harvester.standing())


async def _reset_streams(request: web.Request) -> web.Response:
    asked = ResetRequest.model_validate_json(await request.read())
    return web.json_response(asdict(await request.app[CONNECTOR].office.reset_streams(asked.reason)))


async def _erase(request: web.Request) -> web.Response:
    """Erase what belongs to loans that have ended, or count it; the answer comes once the bytes are gone."""
    connector, asked = request.app[CONNECTOR], ErasureRequest.model_validate_json(await request.read())
    journal, moment = connector.journal, datetime.combine(asked.ended_before, time(), UTC)
    erasure = await journal.run(lambda unit: erase(unit, moment, connector.office.clock(), dry_run=asked.dry_run))
    if not asked.dry_run:
        await journal.scrub()
    return web.json_response(asdict(erasure))


async def _not_on_shelf(request: web.Request) -> web.Response:
    return web.json_response(_shown(await request.app[CONNECTOR].counter.not_on_shelf(request.match_info["conv"])))


async def _lost(request: web.Request) -> web.Response:
    asked = LostRequest.model_validate_json(await request.read() or b"{}")
    loan = await request.app[CONNECTOR].counter.declare_lost(request.match_info["conv"], asked.charge_fen)
    return web.json_response(_shown(loan))
