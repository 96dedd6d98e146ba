"""Three libraries in one process: real gateway, connectors, sample ILSs, and kiosks before each of them.

Each kiosk speaks another dialect than its library's ILS. Staff and readers act through what the connectors offer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import ClientSession

from connectors.agent.app import Connector, run_connector
from connectors.agent.config import Settings
from connectors.agent.conflicts import Cause, Conflict, Conflicts
from connectors.agent.custody import Scan, Step
from connectors.agent.tables import Unit
from connectors.kiosk import Kiosk, Kiosks, KioskSettings, serve_kiosks
from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Login
from examples.alliance.ground import Ground, lay_ground, write_connector_settings
from examples.alliance.people import JsonPeer, SignedInReader
from examples.alliance.readers import Reader, readers_of
from examples.alliance.roster import Library, load_roster, with_varied_dialects
from examples.alliance.stock import stock_of
from examples.alliance.town import free_port
from examples.ils.app import RunningIls, lay_out, serve_ils
from federation.app import run_gateway
from federation.config import Settings as GatewaySettings
from schemas.lending import Condition, Custody, PickupPoint
from schemas.loan import Loan

SEED = 7
MORNING = datetime(2026, 9, 1, 1, 0, tzinfo=UTC)
DATE = "20260901    090000"
LIBRARIES = with_varied_dialects(load_roster(3))
HOME = LIBRARIES[0]
POINT = "总服务台"
PATIENCE_SECONDS = 15.0

# One for each library, none as its ILS speaks; the second must log in.
DIALECTS: tuple[dict[str, Any], ...] = (
    {"charset": "gb18030", "terminator": "CRLF", "checksum": "code_points"},
    {"charset": "gbk", "checksum": "bytes", "login": "sip", "user": "locker", "password": "s3cret"},
    {"charset": "utf-8", "terminator": "LF", "checksum": "none"},
)


def kiosk_of(library: Library, port: int = 0) -> dict[str, Any]:
    """The ``[[kiosk]]`` table of a library's machine."""
    return {"port": port, "place": "一楼自助区", "institution": f"kiosk-{library.slug}", "alliance_bin": "A",
            "staff_bin": "S", "sort_bins": {LIBRARIES[1].agency_id: "B1"},
            **DIALECTS[LIBRARIES.index(library)]}


def locker_of(library: Library, port: int = 0) -> dict[str, Any]:
    """The table of a library's locker; at the home library it is the pick-up point itself."""
    return {"port": port, "place": "地铁站智能书柜", "alliance_bin": "A", "staff_bin": "S",
            "locker": POINT if library == HOME else "西门书柜"}


@dataclass
class HandClock:
    """Everybody's clock; a test moves it on."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class Member:
    """One library at work, and somebody at its kiosk."""

    library: Library
    ils: RunningIls
    connector: Connector
    kiosks: Kiosks
    machine: Sip2Client
    locker: Sip2Client
    clock: HandClock
    close: Callable[[], Awaitable[None]]

    async def ask(self, message_id: str, *extra: tuple[str, str], at: Sip2Client | None = None, **values: Any
                  ) -> Message:
        """Let the kiosk ask, or another machine. Extra fields follow in order."""
        fixed = {"transaction_date": DATE, "language": "019", "summary": " " * 10, "no_block": False,
                 "return_date": DATE, "sc_renewal_policy": False, "hold_mode": "+"}
        request = build(message_id, **({"AO": f"kiosk-{self.library.slug}"} | values), **{
            name: value for name, value in fixed.items()
            if name not in values and name in build(message_id).spec.by_name})
        return await (at or self.machine).request(replace(request, fields=(*request.fields, *extra)))

    async def returns(self, barcode: str, **values: Any) -> Message:
        return await self.ask("09", AB=barcode, **values)

    async def takes(self, card: str, barcode: str, **values: Any) -> Message:
        return await self.ask("11", AA=card, AB=barcode, **values)

    def reader(self, number: int = 0) -> Reader:
        return readers_of(self.library, SEED)[number]

    async def loan(self, conv: str) -> Loan | None:
        return await self.connector.journal.run(lambda unit: unit.loan(conv))

    async def scan(self, loan: Loan, step: Step | None = None, place: str = POINT) -> Loan:
        assert loan.barcode
        scan = Scan(loan.barcode, Condition.GOOD, place, self.clock())
        _, moved = await self.connector.counter.scan(scan, loan.conv, step)
        return moved

    async def alarms(self) -> list[str]:
        """What alarms say of the kiosks; of a gateway that is away they say other things."""
        codes = [alarm["code"] for alarm in await self.connector.journal.run(Unit.alarms)]
        return [code for code in codes if code.startswith("kiosk")]

    async def conflicts(self) -> list[Conflict]:
        return await self.connector.journal.run(lambda unit: Conflicts(unit.connection).open())

    async def causes(self) -> list[Cause]:
        return [conflict.cause for conflict in await self.conflicts()]

    async def shelf(self, barcode: str) -> str:
        """Where the ILS says that an own copy is."""
        async with Sip2Client("127.0.0.1", self.ils.ports.sip2, self.library.sip2, self.library.credentials) as line:
            answer = await line.request(build("17", transaction_date=DATE, AO=self.library.agency_id, AB=barcode))
        return answer.fixed["circulation_status"]

    def own_barcode(self, number: int = 0) -> str:
        """A barcode of the library's own catalogue, from its end: the tests' loans are of copies near its beginning."""
        return sorted(barcodes_of(self.library))[-1 - number]


@dataclass
class City:
    """The alliance of three. ``members`` are in the order of ``LIBRARIES``."""

    folder: Path
    port: int
    clock: HandClock = field(default_factory=lambda: HandClock(MORNING))
    members: list[Member] = field(default_factory=list)
    gateway: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def home(self) -> Member:
        return self.members[0]

    async def open_gateway(self) -> None:
        settings = GatewaySettings.load(Ground(self.folder).gateway_settings)
        await self.gateway.enter_async_context(run_gateway(settings, clock=self.clock))

    async def close_gateway(self) -> None:
        await self.gateway.aclose()
        for member in self.members:
            await until(lambda member=member: _truth(not member.connector.link.is_up.is_set()))

    def reader(self, number: int = 0) -> Reader:
        """A reader of the home library."""
        return self.home.reader(number)

    def supplier(self, loan: Loan) -> Member:
        return next(member for member in self.members if member.library.agency_id == loan.supplier)

    def third(self, loan: Loan) -> Member:
        return next(member for member in self.members[1:] if member.library.agency_id != loan.supplier)

    def label(self, loan: Loan) -> str:
        """The copy's barcode as its RFID label says it."""
        return f"{loan.supplier}.{loan.barcode}"

    async def lend(self, pickup: Member | None = None, reader: int = 0) -> Loan:
        """Let a reader of the home library order, and the copy come to the pick-up point."""
        pickup = pickup or self.home
        loan = await pickup.scan(await self.ship(pickup, reader))
        assert loan.custody is Custody.PICKUP_POINT
        return loan

    async def ship(self, pickup: Member | None = None, reader: int = 0) -> Loan:
        """Let a reader of the home library order, and the copy be on its way to the pick-up point."""
        pickup = pickup or self.home
        async with ClientSession() as http:
            person = await SignedInReader.sign_in(JsonPeer(http, f"http://127.0.0.1:{self.port}"), HOME.agency_id,
                                                  self.reader(reader))
            proposal = await self._propose(person, PickupPoint(agency=pickup.library.agency_id, point=POINT))
            await person.order(proposal)
        conv = proposal["conv"]
        promised = await until(partial(_loan_that, self.home, conv, lambda loan: loan.confirmed))
        supplier = self.supplier(promised)
        await until(partial(_loan_that, supplier, conv, lambda loan: loan.confirmed))
        await supplier.scan(promised)
        shipped: Loan = await until(
            partial(_loan_that, pickup, conv, lambda loan: loan.custody is Custody.IN_TRANSIT))
        return shipped

    async def lent(self, reader: int = 0) -> Loan:
        """Let a reader of the home library have a copy in hand."""
        loan = await self.lend(reader=reader)
        answer = await self.home.takes(self.reader(reader).card, self.label(loan))
        assert answer.flag("ok"), answer
        await self.until_custody(loan, Custody.READER, self.supplier(loan))
        lent = await self.home.loan(loan.conv)
        assert lent
        return lent

    async def until_custody(self, loan: Loan, custody: Custody, member: Member) -> Loan:
        """Wait until the news that the copy is there has come to a library."""
        found: Loan = await until(partial(_loan_that, member, loan.conv, lambda now: now.custody is custody))
        return found

    async def _propose(self, person: SignedInReader, point: PickupPoint) -> dict[str, Any]:
        """Propose a book that the home library does not hold."""
        for query in ("三", "的", "人", "the", "a", "中"):
            page = await person.portal.ask("GET", "/api/search", query={"q": query})
            for hit in page["hits"]:
                if HOME.agency_id not in hit["libraries"] and hit["cluster"] not in self._ordered:
                    self._ordered.add(hit["cluster"])
                    return await person.propose(hit["cluster"], point)
        raise LookupError("every book is held at home")

    _ordered: set[str] = field(default_factory=set)


@asynccontextmanager
async def open_city(folder: Path) -> AsyncIterator[City]:
    """Open the three libraries with their kiosks, and let their catalogues be known to the union."""
    city = City(folder, free_port())
    lay_out(LIBRARIES, LIBRARIES, folder, SEED)
    ground = lay_ground(folder, LIBRARIES, MORNING, city.port)
    async with AsyncExitStack() as stack:
        systems = [await stack.enter_async_context(await serve_ils(library, folder, city.clock, seed=SEED))
                   for library in LIBRARIES]
        write_connector_settings(ground, LIBRARIES, {library.slug: ils.ports for library, ils
                                                     in zip(LIBRARIES, systems, strict=True)}, city.port)
        await city.open_gateway()
        stack.push_async_callback(city.gateway.aclose)
        for library, ils in zip(LIBRARIES, systems, strict=True):
            city.members.append(await stack.enter_async_context(open_member(folder, library, ils, city.clock)))
        for member in city.members:
            await member.connector.link.is_up.wait()
            await member.connector.harvester.harvest()
            await until(lambda member=member: _is_sent(member))
        yield city


@asynccontextmanager
async def open_lone_member(folder: Path) -> AsyncIterator[Member]:
    """Run the home library alone; the gateway is away."""
    lay_out([HOME], LIBRARIES, folder, SEED)
    ground = lay_ground(folder, LIBRARIES, MORNING, free_port())
    clock = HandClock(MORNING)
    async with await serve_ils(HOME, folder, clock, seed=SEED) as ils:
        write_connector_settings(ground, [HOME], {HOME.slug: ils.ports}, free_port())
        async with open_member(folder, HOME, ils, clock) as member:
            yield member


@asynccontextmanager
async def open_member(folder: Path, library: Library, ils: RunningIls, clock: HandClock) -> AsyncIterator[Member]:
    """Run one library's connector and its kiosk."""
    settings = Settings.load(Ground(folder).connector_settings(library))
    table, locker_table = kiosk_of(library), locker_of(library, free_port())
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(run_connector(settings, clock=clock, random=Random(1)))
        kiosks = await stack.enter_async_context(
            serve_kiosks(connector, KioskSettings.read([table, locker_table])))
        machine = await stack.enter_async_context(machine_at(kiosks.ports[0], table))
        locker = await stack.enter_async_context(machine_at(kiosks.ports[1], locker_table))
        yield Member(library, ils, connector, kiosks, machine, locker, clock, stack.aclose)


def machine_at(port: int, table: dict[str, Any], **changes: Any) -> Sip2Client:
    """A self-check machine that speaks as the table says."""
    kiosk = Kiosk.model_validate(table)
    login = Credentials(kiosk.user, kiosk.password) if kiosk.profile.login is Login.SIP else None
    return Sip2Client("127.0.0.1", port, replace(kiosk.profile, **changes), login, deadline_seconds=15)


def barcodes_of(library: Library) -> list[str]:
    """The barcodes of a library's catalogue."""
    return [item.barcode for bib in stock_of(library, LIBRARIES, SEED) for item in bib.holdings[0].items]


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """Return the first answer that is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (answer := await look()):
            await asyncio.sleep(0.01)
    return answer


async def nothing_waits(member: Member) -> bool:
    """Whether all that the member's kiosks took in is settled."""
    return not await member.kiosks.waiting()


async def _truth(value: bool) -> bool:
    return value


async def _is_sent(member: Member) -> bool:
    return await member.connector.journal.run(Unit.waiting) == 0


async def _loan_that(member: Member, conv: str, holds: Callable[[Loan], Any]) -> Loan | None:
    loan = await member.loan(conv)
    return loan if loan is not None and holds(loan) else None
