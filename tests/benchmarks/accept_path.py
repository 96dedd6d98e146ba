"""The gateway's road: bytes → verified → durable → mailbox → signed Accepted, with 64 senders at once.

Each sender waits for its Accepted before it sends on, as a connector does, so commits are shared between senders only.
The database is SQLite on disk with ``synchronous=FULL``, new for each round. The reference is one core's bare Ed25519
verify of the same messages: neither parsed, nor stored, nor answered.

Three streams: notes about open loans, which are relayed and move nothing; whole loans, with the gateway's own
reservations and with every transfer; harvests of one record each, where the catalogue's index is most of the work.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas.identifiers import MessageHash
from tests.benchmarks.conversation import Alliance
from tests.benchmarks.harness import Effort, Line, on_cores, second_best, seconds_of, settled_heap
from tests.benchmarks.union import Union
from trust.dsse import decode_envelope

SENDERS = 64
MESSAGES_EACH = 22

Envelopes = list[bytes]


@dataclass(frozen=True)
class Stream:
    """What each sender sends: ``before`` the clock starts, and while it runs."""

    before: Sequence[Envelopes]
    timed: Sequence[Envelopes]

    @property
    def count(self) -> int:
        """How many messages are timed."""
        return sum(map(len, self.timed))


def run(effort: Effort) -> Iterator[Line]:
    """Measure the three streams, on one core and on two."""
    senders, each = (8, 4) if effort.is_quick else (SENDERS, MESSAGES_EACH)
    for name, loans, tell, goals in (
        ("notes of open loans", 1, _notes, (0.5, 0.9)),
        ("whole loans", max(1, each // 11), _loans, (0.5, 0.9)),
        ("harvests of one record", 0, _harvests, (None, None)),
    ):
        alliance = Alliance(senders)
        orders = asyncio.run(_orders(alliance, loans))
        stream = tell(alliance, orders, each)
        for cores, goal in zip((1, 2), goals, strict=True):
            with on_cores(cores):
                accepted, verified = _race(effort, alliance, loans, stream)
            yield Line(f"accept {name}, {cores} core{'s'[:cores - 1]}", "messages/s", accepted, verified,
                       "bare Ed25519 verify, 1 core", goal)


def _notes(alliance: Alliance, orders: Sequence[Sequence[MessageHash]], each: int) -> Stream:
    before, timed = [], []
    for pair, [order] in zip(alliance.pairs, orders, strict=True):
        lent = list(pair.lend(0, order))
        before.append([sealed.envelope for sealed in lent])
        timed.append([sealed.envelope for sealed in pair.notify(0, lent[-1], each)])
    return Stream(before, timed)


def _loans(alliance: Alliance, orders: Sequence[Sequence[MessageHash]], _each: int) -> Stream:
    timed = []
    for pair, of_pair in zip(alliance.pairs, orders, strict=True):
        said = []
        for number, order in enumerate(of_pair):
            lent = list(pair.lend(number, order))
            said += [*lent, *pair.give_back(number, lent[-1])]
        timed.append([sealed.envelope for sealed in said])
    return Stream([[] for _ in timed], timed)


def _harvests(alliance: Alliance, _orders: Sequence[Sequence[MessageHash]], each: int) -> Stream:
    union = Union(records=len(alliance.pairs) * each, libraries=len(alliance.pairs))
    shelves = [[bib for _, bib in records] for records in union.by_library()]
    timed = [pair.home.harvest(shelf[:each]) for pair, shelf in zip(alliance.pairs, shelves, strict=True)]
    return Stream([[] for _ in timed], timed)


async def _orders(alliance: Alliance, loans: int) -> list[list[MessageHash]]:
    with alliance.gateway() as gateway:
        return await alliance.place_orders(gateway, loans)


def _race(effort: Effort, alliance: Alliance, loans: int, stream: Stream) -> tuple[float, float]:
    """Return the messages per second, accepted and barely verified."""
    verify = _bare_verify(alliance, stream)
    accepted, verified = [], []
    with settled_heap() as settle:
        for _ in range(effort.rounds // 2):
            settle()
            accepted.append(stream.count / asyncio.run(_accept(alliance, loans, stream)))
            verified.append(stream.count / seconds_of(verify))
    return second_best(accepted), second_best(verified)


async def _accept(alliance: Alliance, loans: int, stream: Stream) -> float:
    """Return the seconds in which a new gateway takes over the timed messages."""
    with alliance.gateway() as gateway:
        await alliance.place_orders(gateway, loans)
        answers: list[bytes] = []

        async def send(envelopes: Envelopes) -> None:
            for envelope in envelopes:
                answers.append(await gateway.receive(envelope))  # noqa: PERF401  one after the other is the point

        await asyncio.gather(*map(send, stream.before))
        begin = asyncio.get_running_loop().time()
        await asyncio.gather(*map(send, stream.timed))
        seconds = asyncio.get_running_loop().time() - begin
    for answer in answers:
        _require_accepted(answer)
    return seconds


def _bare_verify(alliance: Alliance, stream: Stream) -> Callable[[], None]:
    """Return a function that verifies every timed message's signature, and does nothing else."""
    opened = [decode_envelope(envelope) for envelope in chain.from_iterable(stream.timed)]
    ready = [(Ed25519PublicKey.from_public_bytes(alliance.directory.key(one.key_id)[2].raw), one.signature, one.signed)
             for one in opened]

    def verify() -> None:
        for key, signature, signed in ready:
            key.verify(signature, signed)

    return verify


def _require_accepted(answer: bytes) -> None:
    message = json.loads(b64decode(json.loads(answer)["payload"]))
    assert message["type"] == "Accepted", message["body"]
