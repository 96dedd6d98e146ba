"""An alliance in one process: a real gateway on a real database, real offices on real journals, mail carried by hand.

Nothing moves unless a test moves it: ``send`` carries a library's outbox to the gateway, ``fetch`` its mailbox to its
office, ``work`` lets its ILS answer what is asked of it. ``rest`` does all three until nothing is left to do.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connectors.agent.counter import Counter
from connectors.agent.custody import Scan, Step
from connectors.agent.effects import Verb
from connectors.agent.entry import Refused
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Session, Slot, Task, Unit
from connectors.agent.worker import Worker
from connectors.ils.port import PatronStanding, Result
from examples.alliance.roster import Library, load_roster, with_varied_dialects
from federation.gateway import Gateway
from federation.loans.reaction import Reply
from federation.ports import Delivery
from federation.storage.unit import open_database
from schemas.dialogue import rule_of
from schemas.directory import Agency, KeyStatus, Role
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode, MessageHash
from schemas.lending import (
    AmendmentAction,
    BibRef,
    Condition,
    Order,
    OrderAmendment,
    PickupPoint,
    Quote,
    ReaderAmendment,
    ReaderOrder,
    RotaEntry,
)
from schemas.loan import Loan
from schemas.messages import Accepted, AnyMessage, Message, MessageType, decode_message
from tests.trust import samples
from trust.directory import TrustedDirectory
from trust.dsse import decode_envelope
from trust.envelope import Sealed, seal
from trust.keys import SigningKey
from trust.own_keys import Signer
from trust.sealing import SessionKey
from trust.stream import StreamHead, next_position

SEED = 7
ROSTER = with_varied_dialects(load_roster(31))
_BY_SLUG = {library.slug: library for library in ROSTER}
LIBRARIES = tuple(_BY_SLUG[slug] for slug in ("yangpu", "pudong", "hangzhou", "nanjing", "hefei"))
HOME, PICKUP, FIRST, SECOND, THIRD = (library.agency_id for library in LIBRARIES)
"""Yangpu's reader collects at Pudong; Hangzhou and Nanjing may supply; Hefei is anybody else."""
GATEWAY, FUND, COURIER = samples.GATEWAY, samples.TARIFF.fund, samples.TARIFF.courier
CAP_FEN = 20_000
NOW = samples.NOW
CARD, PIN = "310110000001", "271828"
BIB = BibRef(cluster="9787020002207", title="红楼梦", author="曹雪芹", isbn13="9787020002207")
RECORD, PRICE_FEN = "r-0001", 4500
TARIFF = samples.TARIFF
QUOTE = Quote(fee_fen=TARIFF.loan_fee_fen, carriage_out_fen=TARIFF.carriage_out_fen,
              carriage_back_fen=TARIFF.carriage_back_fen, guarantee_fen=PRICE_FEN)
BARCODES = {HOME: ItemBarcode("10000001"), PICKUP: ItemBarcode("20000001"), FIRST: ItemBarcode("30000001"),
            SECOND: ItemBarcode("40000001"), THIRD: ItemBarcode("50000001")}
MAY_BORROW = PatronStanding(known=True, pin_accepted=False, may_borrow=True, patron_type="adult", charged_items=0)


class HandClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def directory_of(libraries: Iterable[Library] = LIBRARIES, *, version: int = 1,
                 revoked: AgencyId | None = None) -> TrustedDirectory:
    """A directory of these libraries, signed by the sample editors; every key follows from its holder's name."""
    others = (samples.agency(FUND, Role.FUND, keys=()), samples.agency(COURIER, Role.COURIER, keys=()))
    members = [_agency(library, KeyStatus.REVOKED if library.agency_id == revoked else KeyStatus.ACTIVE)
               for library in libraries]
    return samples.Published(directory=samples.sample_directory(*members, *others), version=version).accept()


def _agency(library: Library, status: KeyStatus) -> Agency:
    keys = tuple(key.model_copy(update={"status": status}) for key in samples.agency(library.agency_id).keys)
    return samples.agency(library.agency_id, keys=keys).model_copy(update={
        "name_zh": library.name_zh, "name_en": library.name_en, "city_zh": library.city_zh,
        "latitude_microdegrees": round(library.lat * 1e6), "longitude_microdegrees": round(library.lon * 1e6),
        "net_debit_cap_fen": CAP_FEN, "pickup_points": ("总服务台", "24小时书柜"),
        "delivering_points": ("总服务台",)})


def read(envelope: bytes) -> AnyMessage:
    """Return the message in an envelope, unverified."""
    return decode_message(decode_envelope(envelope).payload)


def body_of(envelope: bytes) -> Any:
    """Return what an envelope says, unverified."""
    return read(envelope).body


@dataclass
class Member:
    """One library: its office, its journal, its counter; the mail goes when a test says so."""

    library: Library
    gateway: Gateway
    office: Office
    journal: Journal
    counter: Counter
    refused: list[Refused] = field(default_factory=list)
    worker: Worker | None = None

    @property
    def me(self) -> AgencyId:
        return self.office.me

    async def send(self, limit: int = 1000) -> list[Any]:
        """Carry what waits in the outbox to the gateway; return the bodies of its answers."""
        bodies: list[Any] = []
        while len(bodies) < limit and (first := await self.journal.run(lambda unit: unit.outbox(1))):
            ((hash_, envelope),) = first
            answer = await self.gateway.receive(envelope, self.me)
            bodies.append(body_of(answer))
            if not await self.office.answered(hash_, answer):
                break
        return bodies

    async def fetch(self, limit: int = 1000, weather: Callable[[Sequence[Delivery]], Sequence[Delivery]] = list) -> int:
        """Carry what waits in the mailbox to the office, through the weather; return how many entries it took in."""
        taken: list[int] = []
        for entry in weather(await self.gateway.mail(self.me, 0, 0, limit)):
            try:
                await self.office.deliver(entry.number, entry.envelope, entry.accepted)
                taken.append(entry.number)
            except Refused as refused:
                self.refused.append(refused)
        if taken:
            await self.gateway.received(self.me, max(taken))
        return len(taken)

    async def received(self) -> int:
        return int(await self.journal.run(lambda unit: unit.fact("received", "0")))

    async def next_from(self, src: AgencyId, kind: MessageType, body: Any, **header: Any) -> Sealed:
        """Sign what ``src`` would say next to this library, whether it may or not."""
        if (channel := rule_of(kind).channel) and "stream" not in header:
            header["stream"] = next_position(await self.head(src, channel), channel)
        return sealed(self.office.directory(), kind, src, header.pop("dst", self.me), body, **header)

    async def head(self, src: AgencyId, channel: str = "loan") -> StreamHead:
        return await self.journal.run(lambda unit: unit.head(src, self.me, channel))

    async def deliver(self, message: Sealed, shown: bytes | None = None, number: int | None = None) -> None:
        """Let the hub deliver a message, with the log entry it ought to show or with what it likes to."""
        shown = self.log_entry_of(message) if shown is None else shown
        await self.office.deliver(number or await self.received() + 1, message.envelope, shown)

    def log_entry_of(self, message: Sealed, src: AgencyId | None = None, index: int = 900) -> bytes:
        """What the hub shows for a message: its signed place in the log."""
        body = Accepted(message=message.hash, index=index, arrived=NOW)
        return sealed(self.office.directory(), MessageType.ACCEPTED, src or GATEWAY, self.me, body,
                      now=self.office.clock()).envelope

    async def work(self, **answers: Result | PatronStanding) -> list[Verb]:
        """Let the ILS answer every open task: as ``answers`` says by verb, or by doing what is asked.

        A real ILS, where there is one beside this member, answers for itself.
        """
        done = []
        for task in await self.tasks():
            if self.worker is not None:
                await self.worker.work_once()
                done.append(task.do.verb)
                continue
            answer = answers.get(task.do.verb.replace(" ", "_")) or obliging(task, self.office.clock())
            await self.office.finish(task, answer)
            done.append(task.do.verb)
        return done

    async def tasks(self) -> list[Task]:
        return await self.journal.run(Unit.open_tasks)

    async def loan(self, conv: str) -> Loan:
        loan = await self.journal.run(lambda unit: unit.loan(conv))
        assert loan is not None
        return loan

    async def slot(self, conv: str) -> Slot:
        slot = await self.journal.run(lambda unit: unit.slot(conv))
        assert slot is not None
        return slot

    async def outbox(self) -> list[AnyMessage]:
        return [read(envelope) for _, envelope in await self.journal.run(lambda unit: unit.outbox(1000))]

    async def alarms(self) -> list[str]:
        return [alarm["code"] for alarm in await self.journal.run(Unit.alarms)]

    async def scan(self, barcode: str, conv: str | None = None, only: Step | None = None) -> Step:
        scan = Scan(barcode, Condition.GOOD, "总服务台", self.office.clock())
        step, _ = await self.counter.scan(scan, conv, only)
        return step

    def close(self) -> None:
        self.journal.close()


def obliging(task: Task, now: datetime) -> Result | PatronStanding:
    if task.do.verb is Verb.CHECK_PATRON:
        return MAY_BORROW
    barcode = task.do.argument.get("barcodes", "").split()
    days = {Verb.CHECK_OUT: 30, Verb.RENEW: 45}.get(task.do.verb)
    return Result(True, (now + timedelta(days=days)).date() if days else None, barcode="".join(barcode[:1]))


@dataclass(frozen=True)
class HandLink:
    """Carries a counter's question to the gateway and brings its answer."""

    gateway: Gateway

    async def ask(self, envelope: bytes) -> bytes:
        return await self.gateway.answer(envelope)


class Alliance:
    """The gateway and its members. ``session`` is a reader of HOME who has signed in."""

    def __init__(self, folder: Path, libraries: Iterable[Library] = LIBRARIES, database: str = "") -> None:
        self.folder = folder
        self.clock = HandClock()
        self.directory = directory_of(libraries)
        self.database = open_database(database or str(folder / "gateway.db"))
        self.woken: list[str] = []
        self.gateway = Gateway(GATEWAY, signer_of(GATEWAY), lambda: self.directory, self.database, self.clock,
                               self.woken.append)
        self.members = {library.agency_id: self._member(library) for library in libraries}
        self.session_key = SessionKey.generate(samples.random_bytes("reader"))
        self.orders = 0

    def __getitem__(self, agency: str) -> Member:
        return self.members[AgencyId(agency)]

    def restart(self, agency: AgencyId) -> None:
        """Let a library's connector end, and begin again from its journal."""
        self.members[agency].close()
        self.members[agency] = self._member(self.members[agency].library)

    def back_up(self, agency: AgencyId) -> None:
        """Copy a library's journal while it is in use."""
        _copy(self.folder / self.members[agency].library.slug / "journal.db")

    def restore(self, agency: AgencyId) -> None:
        """Let a library begin again from the copy of its journal."""
        path = self.folder / self.members[agency].library.slug / "journal.db"
        self.members[agency].close()
        path.with_suffix(".backup").replace(path)
        self.members[agency] = self._member(self.members[agency].library)

    def back_up_gateway(self) -> None:
        """Copy the gateway's database while it is in use."""
        _copy(self.folder / "gateway.db")

    def restore_gateway(self) -> None:
        """Let the gateway begin again from the copy of its database."""
        self.database.close()
        path = self.folder / "gateway.db"
        path.with_suffix(".backup").replace(path)
        self.database = open_database(str(path))
        self.gateway = replace(self.gateway, store=self.database)
        for member in self.members.values():
            member.gateway = self.gateway
            member.counter = replace(member.counter, link=HandLink(self.gateway))

    def publish(self, *, revoked: AgencyId | None = None) -> None:
        """Put the next version of the directory in force at every end, with or without a library's keys."""
        libraries = [member.library for member in self.members.values()]
        self.directory = directory_of(libraries, version=self.directory.version + 1, revoked=revoked)

    def _member(self, library: Library) -> Member:
        folder = self.folder / library.slug
        folder.mkdir(exist_ok=True)
        journal = Journal(folder / "journal.db")
        office = Office(library.agency_id, signer_of(library.agency_id), lambda: self.directory, journal, self.clock,
                        b"token key of " + library.agency_id.encode(), (samples.sealing_key(library.agency_id),))
        return Member(library, self.gateway, office, journal, Counter(office, journal, HandLink(self.gateway)))

    async def prepare(self) -> None:
        """Give every library one copy, and let a reader of HOME be signed in."""
        for member in self.members.values():
            rows = [(RECORD, BARCODES[member.me], PRICE_FEN)]
            await member.journal.run(lambda unit, rows=rows: unit.put_items(rows))
        await self.sign_in("session-1", CARD)

    async def sign_in(self, session: str, card: str) -> None:
        """Let a reader of HOME have signed in."""
        kept = Session(session, f"used {session}", self.clock().isoformat(), card, _jwk(self.session_key))
        await self[HOME].journal.run(lambda unit: unit.put_session(kept))

    def signed_order(self, conv: str, **changes: Any) -> str:
        order = ReaderOrder(**{"conv": conv, "home": HOME, "bib": BIB, "pickup": point(), "created": self.clock(),
                               **changes})
        return self.session_key.sign(order.model_dump_json().encode())

    async def order(self, *suppliers: AgencyId, pickup: AgencyId = HOME, session: str = "session-1",
                    quote: Quote = QUOTE, altered: Mapping[str, Any] = MappingProxyType({})) -> ConversationId:
        """Let the gateway pass on a reader's order. ``altered`` is what it changes in the Order it signs."""
        self.orders += 1
        conv = ConversationId(f"loan-{self.orders:04}")
        body = Order(**{"session": session, "signed_order": self.signed_order(conv, pickup=point(pickup)), "bib": BIB,
                        "pickup": point(pickup), "rota": rota(*suppliers or (FIRST, SECOND)), "quote": quote,
                        **altered})
        await self.gateway.act(lambda road: road.say(Reply(MessageType.ORDER, HOME, body, None), conv))
        return conv

    async def amend(self, conv: str, action: AmendmentAction, session: str = "session-1") -> None:
        """Let the gateway pass on the reader's wish."""
        wish = ReaderAmendment(conv=conv, action=action, created=self.clock())
        body = OrderAmendment(session=session, signed_amendment=self.session_key.sign(wish.model_dump_json().encode()))
        await self.gateway.act(
            lambda road: road.say(Reply(MessageType.ORDER_AMENDMENT, HOME, body, None), ConversationId(conv)))

    async def rest(self, *, working: bool = True) -> None:
        """Carry all mail and let every ILS answer, until nothing moves."""
        moved = True
        while moved:
            moved = False
            for member in self.members.values():
                sent, fetched = await member.send(), await member.fetch()
                worked = await member.work() if working else []
                moved = moved or bool(sent or fetched or worked)

    async def loan(self, conv: str) -> Loan:
        """Return the gateway's view of a loan."""
        loan = await self.database.run(lambda unit: unit.loans.get(conv))
        assert loan is not None
        return loan

    async def said(self, conv: str) -> list[AnyMessage]:
        """Return what the gateway has logged of a loan, in the order of the log."""
        rows = await self.database.run(lambda unit: unit.messages._db.execute(
            "SELECT envelope FROM message WHERE conv = ? AND type <> 'Refused' ORDER BY idx", (conv,)).fetchall())
        return [read(envelope) for (envelope,) in rows]

    async def balances(self) -> dict[str, tuple[int, int]]:
        """Return balance and pending debits of every account that is not at zero."""
        accounts = await self.database.run(lambda unit: unit.accounts.stored_accounts())
        return {account.agency: (account.balance_fen, account.debits_pending) for account in accounts
                if account.balance_fen or account.debits_pending}

    async def log_size(self) -> int:
        return await self.database.run(lambda unit: unit.log.size())

    def close(self) -> None:
        for member in self.members.values():
            member.close()
        self.database.close()


@asynccontextmanager
async def alliance(folder: Path, libraries: Iterable[Library] = LIBRARIES, database: str = ""
                   ) -> AsyncIterator[Alliance]:
    """Open an alliance in ``folder``, the gateway on a ``database`` of its own if one is named; close it again."""
    opened = Alliance(folder, tuple(libraries), database)
    try:
        await opened.prepare()
        yield opened
    finally:
        opened.close()


def point(agency: AgencyId = HOME) -> PickupPoint:
    return PickupPoint(agency=agency, point="总服务台")


def rota(*suppliers: AgencyId) -> tuple[RotaEntry, ...]:
    return tuple(RotaEntry(agency=agency, record_id=RECORD, score=0, reasons=()) for agency in suppliers)


def key_of(agency: AgencyId) -> SigningKey:
    """The signing key that the sample directory lists for an agency."""
    return samples.GATEWAY_KEY if agency == GATEWAY else samples.signing_key(agency)


def signer_of(agency: AgencyId) -> Signer:
    """What signs for an agency with that key."""
    return Signer(agency, [key_of(agency)])


def sealed(directory: TrustedDirectory, kind: MessageType, src: AgencyId, dst: AgencyId, body: Any,
           key: SigningKey | None = None, now: datetime = NOW, **header: Any) -> Sealed:
    """Sign a message in the name of ``src``, by its own key unless another is given."""
    message = Message[type(body)](**{
        "type": kind, "src": src, "dst": dst, "created": now, "expires": now + timedelta(days=60),
        "dir": directory.reference, "body": body, **header})
    return seal(message, key or key_of(src))


def a_hash(name: str) -> MessageHash:
    """A hash that no message has."""
    return MessageHash(samples.random_bytes(name)(32).hex())


def _copy(path: Path) -> None:
    with closing(sqlite3.connect(path)) as used, closing(sqlite3.connect(path.with_suffix(".backup"))) as copy:
        used.backup(copy)


def _jwk(key: SessionKey) -> str:
    return json.dumps(dict(key.public_jwk), sort_keys=True)
