"""The gateway: open → decide → post → record → answer. Read this file first, then ``road``.

A library's envelope comes in as bytes and leaves, towards its receiver, as the same bytes. Between the two lies one
transaction: who says so (``trust``), may they (``schemas.loan``), what does it cost (``schemas.tariff``), can we prove
it (the evidence log), who must hear (the mailboxes). What the gateway says itself walks the same road.

The gateway is a relay: it checks the protocol and never refuses for business reasons; limits are asked first, in the
Reservation. It holds no library's key.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from federation.answering import ANSWERS
from federation.catalogue.asking import UnfitQuestion
from federation.ports import Clock, Delivery, Store, Unit
from federation.restoring import HeldBack
from federation.road import OWN_CHANNELS, Road
from federation.voice import QUESTION_LIFE, NotAccepted, Voice
from schemas.dialogue import Kind, rule_of
from schemas.identifiers import AgencyId, Wire
from schemas.messages import AnyMessage, MessageType, StreamReset
from schemas.problems import ProblemCode
from trust.envelope import Sealed, Verified, open_envelope
from trust.errors import NewerDirectory, Replayed, TrustError, UnknownKey

T = TypeVar("T")
MAIL_BYTES_MAX = 4_194_304
"""How much of a mailbox is taken into memory at once: two envelopes of the greatest size, many of the usual one."""


async def _everything(_kind: str, _member: AgencyId) -> bool:
    return True


def _nothing_newer() -> bool:
    return False


@dataclass(frozen=True)
class Gateway(Voice):
    """The alliance's hub. ``wake`` is told who has mail, ``allow`` says whether a member may say one thing more.

    ``refresh`` is asked where a message needs a newer directory, and says whether there is one now.
    """

    store: Store
    clock: Clock
    wake: Callable[[str], None]
    allow: Callable[[str, AgencyId], Awaitable[bool]] = _everything
    refresh: Callable[[], bool] = _nothing_newer

    async def receive(self, raw: bytes, link: AgencyId | None = None) -> bytes:
        """Take over a message and return the signed Accepted, Refusal or Resend, as an envelope.

        ``link`` is the library whose authenticated link carries it: only the sender itself may ask again for the
        answer to the same bytes. From anybody else they are a replay.
        """
        now = self.clock()
        try:
            verified = await self._open(raw, "messages", link, None)
        except (TrustError, NotAccepted) as error:
            return self.refuse_bytes(error, now)

        def decide(unit: Unit) -> tuple[bytes, set[str]]:
            known, road = unit.messages.get(verified.hash), Road(self, unit, now)
            gives_back = link == verified.message.dst and self._has_said(verified)
            if known is None:
                return (road.take_back if gives_back else road.walk)(verified), road.listeners
            if link == verified.signer or gives_back:
                return known.accepted, set()
            return self.refuse_bytes(Replayed("the gateway has this message already"), now), set()

        try:
            answer, listeners = await self.store.run(decide)
        except HeldBack as held:
            later = NotAccepted(ProblemCode.OUT_OF_SEQUENCE, "the gateway was restored from a copy and asks for what "
                                                             f"it has lost; send this again later: {held}")
            return self.refuse(verified.message, verified.hash, later, now, None).envelope
        self._wake(listeners)
        return answer

    async def act(self, work: Callable[[Road], T]) -> T:
        """Let the gateway itself do something in one transaction: order for a reader, close a window."""
        def act(unit: Unit) -> tuple[T, set[str]]:
            road = Road(self, unit, self.clock())
            return work(road), road.listeners

        result, listeners = await self.store.run(act)
        self._wake(listeners)
        return result

    async def answer(self, raw: bytes, link: AgencyId | None = None) -> bytes:
        """Answer a library's question, by the table of those that it may ask (``federation.answering``)."""
        now = self.clock()
        try:
            verified = await self._open(raw, "questions", link, self.me)
            rule = ANSWERS.get(verified.message.type)
            if rule is None:
                raise NotAccepted(ProblemCode.WRONG_ROLE, f"a {verified.message.type} is no question for the gateway")
        except (TrustError, NotAccepted) as error:
            return self.refuse_bytes(error, now)
        try:
            answer = await self.store.run(lambda unit: rule.answer(unit, verified.message.body))
        except UnfitQuestion as error:
            unfit = NotAccepted(ProblemCode.BAD_REQUEST, str(error))
            return self.refuse(verified.message, verified.hash, unfit, now, None).envelope
        return self.sign(rule.kind, verified.signer, now, QUESTION_LIFE, answer,
                         reply_to=verified.hash, nonce=verified.message.nonce).envelope

    async def mail(self, agency: AgencyId, received: int, sent: int, limit: int) -> Sequence[Delivery]:
        """Return what a library's mailbox holds after ``sent``, and forget what it has made durable."""
        def read(unit: Unit) -> Sequence[Delivery]:
            unit.mailboxes.prune(agency, received)
            return unit.mailboxes.after(agency, sent, limit, MAIL_BYTES_MAX)

        return await self.store.run(read)

    async def received(self, agency: AgencyId, number: int) -> None:
        """Forget what a library has made durable, up to this number."""
        await self.store.run(lambda unit: unit.mailboxes.prune(agency, number))

    async def mailbox_end(self, agency: AgencyId) -> int:
        """Return the number of the last entry that a library's mailbox has had."""
        return await self.store.run(lambda unit: unit.mailboxes.end(agency))

    async def reset_streams(self, reason: str) -> Sequence[tuple[AgencyId, StreamReset]]:
        """Begin a new epoch of every stream of the gateway's own, after its database was restored from a copy.

        Also of those that the copy does not know: a library may know them. Each is asked for what the copy has lost.
        """
        libraries = [agency.agency for agency in self.directory().directory.libraries()]

        def begin_anew(road: Road) -> Sequence[tuple[AgencyId, StreamReset]]:
            for library in libraries:
                road.ask_for_what_is_lost(library)
            return [(dst, road.reset(dst, channel, reason)) for dst in libraries for channel in OWN_CHANNELS]

        return await self.act(begin_anew)

    async def has_forgotten(self, library: AgencyId, received: int) -> None:
        """Begin anew towards a library that has received more mail than this database knows of; ask all for the rest.

        The database was restored from a copy. Others may have lost what the library's messages follow from.
        """
        def begin_anew(road: Road) -> None:
            is_asked = road.unit.restoring.is_asking(road.now)
            for asked in () if is_asked else self.directory().directory.libraries():
                road.ask_for_what_is_lost(asked.agency)
            for channel in OWN_CHANNELS:
                road.reset(library, channel, "the gateway's database was restored from a copy")
            road.unit.restoring.go_on_after(library, received)

        await self.act(begin_anew)

    def question(self, kind: MessageType, dst: AgencyId, body: Wire) -> Sealed:
        """Return a sealed question to a library: never stored, never numbered."""
        return self.sign(kind, dst, self.clock(), QUESTION_LIFE, body, nonce=secrets.token_hex(8))

    def open(self, raw: bytes, me: AgencyId | None) -> Verified[AnyMessage]:
        """Verify what came in, once more where the directory was too old for it; ``me`` as in ``open_envelope``.

        Raises:
            EnvelopeRefused: by name.
        """
        now = self.clock()
        try:
            return open_envelope(raw, self.directory(), now=now, me=me)
        except (NewerDirectory, UnknownKey):
            if not self.refresh():
                raise
        return open_envelope(raw, self.directory(), now=now, me=me)

    async def _open(self, raw: bytes, kind: str, link: AgencyId | None, me: AgencyId | None) -> Verified[AnyMessage]:
        """Verify what came in, within its sender's limit; on a link that is known before anything is verified."""
        if link is not None:
            await self._require_room(kind, link)
        verified = self.open(raw, me)
        if link is None:
            await self._require_room(kind, verified.signer)
        return verified

    async def _require_room(self, kind: str, member: AgencyId) -> None:
        if not await self.allow(kind, member):
            raise NotAccepted(ProblemCode.TOO_MANY_REQUESTS, f"{member} sends more {kind} a minute than are allowed; "
                                                             "send it again a little later")

    def _has_said(self, verified: Verified[AnyMessage]) -> bool:
        """Whether this is the gateway's own word, such as a library gives back to one that was restored."""
        return verified.signer == self.me and rule_of(verified.message.type).kind is Kind.DURABLE

    def _wake(self, listeners: set[str]) -> None:
        for agency in listeners:
            self.wake(agency)
