"""What the gateway's rules need of the world: stores inside one transaction, and few things outside it.

``storage`` implements the stores, ``web`` the links; only ``federation.app`` knows which.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from federation.catalogue.asking import Union
from federation.catalogue.curation import Curation
from federation.catalogue.facets import EVERYTHING, NOWHERE, Narrowing
from federation.catalogue.suggesting import SUGGESTIONS, Suggestion
from federation.catalogue.views import ClusterView, SearchPage
from federation.erasing import Erasing
from federation.restoring import Restoring
from federation.settlement.audit import BooksStore
from federation.settlement.window import WindowStore
from schemas.bib import Bib
from schemas.identifiers import AgencyId, MessageHash
from schemas.ledger import Transfer
from schemas.loan import Loan
from schemas.messages import Resend
from trust.bundle import Entry
from trust.stream import StreamHead

T = TypeVar("T")
Clock = Callable[[], datetime]
Listener = Callable[[str], None]
"""Hears the name of the agency that has something waiting; returns at once. A name unknown to it is no error."""
REFUSED = "Refused"
"""The type under which a refused message is kept; its receiver is sent the Refusal instead."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A logged message: its envelope, the gateway's Accepted for it, and its index in the evidence log.

    ``place`` is the channel, epoch and number of one that stands in a stream.
    """

    hash: MessageHash
    type: str
    src: str
    dst: str
    conv: str
    index: int
    envelope: bytes
    accepted: bytes
    place: tuple[str, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer to a message must know of it."""

    type: str
    src: str
    dst: str
    conv: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message of the gateway's own that ``dst`` has to confirm until then."""

    hash: MessageHash
    type: str
    dst: str
    channel: str
    conv: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One entry of a library's mailbox."""

    number: int
    envelope: bytes
    accepted: bytes


class Messages(Protocol):
    """Every message the gateway has taken responsibility for."""

    def get(self, hash_: str) -> StoredMessage | None:
        """Return the message with this hash."""

    def subject(self, hash_: str) -> Subject | None:
        """Return what an answer to the message with this hash must know of it."""

    def add(self, message: StoredMessage) -> None:
        """Keep a message for ever."""

    def count_by_type(self) -> dict[str, int]:
        """Return how many messages of each type are kept; refused ones count as ``Refused``."""

    def wait_for(self, awaited: Awaited) -> None:
        """Note a message of the gateway's own that its receiver has to confirm."""

    def settle(self, hash_: str) -> None:
        """Wait no longer: the message was confirmed, or refused."""

    def settle_stream(self, dst: str, channel: str) -> None:
        """Wait for nothing of a stream whose epoch has ended."""

    def overdue(self, now: datetime, limit: int) -> tuple[int, Sequence[Awaited]]:
        """Return how many messages are not confirmed in time, and the first of them."""


class Streams(Protocol):
    """The last number seen or used of each stream."""

    def head(self, src: str, dst: str, channel: str) -> StreamHead:
        """Return where the stream stands."""

    def set_head(self, src: str, dst: str, channel: str, head: StreamHead) -> None:
        """Move the stream on."""


class EvidenceLog(Protocol):
    """The append-only log whose leaves become the Merkle tree."""

    def extend_tree(self) -> tuple[int, bytes]:
        """Compute the nodes above new leaves; return the tree's size and root."""

    def put_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint."""

    def last_checkpoint(self) -> tuple[int, bytes] | None:
        """Return the newest checkpoint: its size and its signed note."""

    def checkpoint(self, size: int) -> bytes | None:
        """Return the signed note of a checkpoint that was given out."""

    def put_cosignature(self, size: int, witness: str, line: str, final_from: int) -> None:
        """Keep a witness's line under a checkpoint, and no smaller ones once ``final_from`` stand there."""

    def cosignatures(self, size: int) -> Sequence[str]:
        """Return the witnesses' lines under a checkpoint."""

    def hear(self, witness: str, at: datetime) -> None:
        """Note when a witness has last cosigned anything."""

    def heard(self) -> dict[str, datetime]:
        """Return when each witness has last cosigned."""

    def last_leaf(self, conv: str) -> int | None:
        """Return the index of a loan's last leaf."""

    def last_cosigned(self, at_least: int) -> int | None:
        """Return the size of the newest checkpoint that so many witnesses have cosigned."""

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the proof that the tree of ``new`` leaves continues the one of ``old``."""

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """Return the path from a leaf to the root of the tree of ``size`` leaves."""

    def entries(self, conv: str, size: int) -> Sequence[Entry]:
        """Return a loan's leaves with their envelopes and proofs under the tree of ``size`` leaves."""

    def append(self, hash_: str, arrived: datetime, kind: str) -> int:
        """Add a leaf and return its index."""

    def size(self) -> int:
        """Return how many leaves there are."""


class Mailboxes(Protocol):
    """What waits for each library, in the order of the log."""

    def put(self, agency: str, index: int) -> None:
        """Add the message at this place of the log at the end."""

    def put_again(self, agency: str, src: str, wanted: Resend) -> None:
        """Add what is known of these numbers of a stream ``src → agency``, as new entries."""

    def after(self, agency: str, number: int, limit: int, bytes_max: int) -> Sequence[Delivery]:
        """Return what follows ``number``: the first, and no more than fit in ``bytes_max``."""

    def ends(self) -> dict[str, int]:
        """Return the number of the last entry of each mailbox."""

    def lengths(self) -> dict[str, int]:
        """Return how many entries each library has yet to take in."""

    def prune(self, agency: str, number: int) -> None:
        """Forget what the library has made durable."""

    def end(self, agency: str) -> int:
        """Return the number of the last entry there has been."""


class Loans(Protocol):
    """The gateway's view of every loan."""

    def get(self, conv: str) -> Loan | None:
        """Return one loan."""

    def put(self, loan: Loan, at: datetime) -> None:
        """Keep the newest state of a loan."""

    def with_barcode(self, barcode: str) -> Sequence[Loan]:
        """Return the loans that have not ended, of a copy with this barcode."""

    def claim(self, conv: str, home: str, patron: str) -> None:
        """Note whose order this is, by the pseudonym that the home library has given the gateway."""

    def of_reader(self, home: str, patron: str) -> Sequence[Loan]:
        """Return a reader's loans, the newest first."""

    def count_by_outcome(self) -> dict[str, int]:
        """Return how many loans ended in which way; those that have not count as ``open``."""

    def all(self) -> Sequence[tuple[Loan, str]]:
        """Return every loan with the time of its last change."""

    def open_of(self, agency: str) -> int:
        """Return how many unfinished loans an agency supplies: its load."""

    def balance(self, agency: str) -> tuple[int, int]:
        """Return how often an agency has lent and borrowed."""


class Ledger(Protocol):
    """Double entry, append-only."""

    def post(self, transfers: Iterable[Transfer], index: int) -> object:
        """Post a linked group, all or nothing, caused by the message at ``index``."""

    def available(self, agency: str, cap_fen: int) -> int:
        """Return what the net debit cap still allows."""


class Catalogue(Protocol):
    """The union catalogue as the road needs it."""

    def upsert(self, agency: AgencyId, bibs: Iterable[Bib]) -> object:
        """Take over or replace records of a library."""

    def delete(self, agency: AgencyId, record_ids: Iterable[str]) -> object:
        """Forget records that the library has withdrawn."""

    def search(self, query: str, limit: int = 20, offset: int = 0, narrowing: Narrowing = EVERYTHING,
               cities: Mapping[str, str] = NOWHERE) -> SearchPage:
        """Return a page of the works that match and have what was chosen, best first; ``cities`` is by library."""

    def suggest(self, typed: str, limit: int = SUGGESTIONS) -> Sequence[Suggestion]:
        """Return titles and authors that begin with what was typed."""

    def cluster(self, cluster_id: str) -> ClusterView | None:
        """Return one work with all its records and copies."""


class Accounts(WindowStore, BooksStore, Protocol):
    """The ledger's tables, for windows and audits."""

    def totals(self) -> dict[str, int]:
        """Return how many transfers there are, and the accounts' sums in fen."""


class Unit(Protocol):
    """All that one transaction may touch."""

    @property
    def messages(self) -> Messages: ...  # noqa: D102
    @property
    def streams(self) -> Streams: ...  # noqa: D102
    @property
    def log(self) -> EvidenceLog: ...  # noqa: D102
    @property
    def mailboxes(self) -> Mailboxes: ...  # noqa: D102
    @property
    def loans(self) -> Loans: ...  # noqa: D102
    @property
    def ledger(self) -> Ledger: ...  # noqa: D102
    @property
    def accounts(self) -> Accounts: ...  # noqa: D102
    @property
    def restoring(self) -> Restoring: ...  # noqa: D102
    @property
    def erasure(self) -> Erasing: ...  # noqa: D102
    @property
    def catalogue(self) -> Catalogue: ...  # noqa: D102
    @property
    def curation(self) -> Curation: ...  # noqa: D102
    @property
    def union(self) -> Union: ...  # noqa: D102


class Store(Protocol):
    """Runs a unit of work in one transaction; durable when it returns."""

    async def run(self, work: Callable[[Unit], T]) -> T:
        """Run ``work``; its exception undoes it."""

    async def scrub(self) -> None:
        """Let nothing that was erased be left in the files."""


class Cache(Protocol):
    """Forgetful storage shared by the gateway's replicas. No call raises because a server is away."""

    async def get(self, name: str) -> str | None:
        """Return the value kept under ``name``; ``None`` when it has expired, was forgotten or was lost."""

    async def put(self, name: str, value: str, seconds: float) -> None:
        """Keep a short text for at most ``seconds``, in place of what was there."""

    async def forget(self, name: str) -> None:
        """Drop what is kept under ``name``, such as the session of a reader who signs out."""

    async def allow(self, name: str, limit: int, seconds: float) -> bool:
        """Count a call and return whether it is among the first ``limit`` of its window.

        A window opens with its first call and lasts ``seconds``; refused calls do not prolong it. Two windows may
        touch, so ``2 * limit`` calls can pass within ``seconds`` across their border.
        """

    async def wake(self, agency: str) -> None:
        """Tell every replica, this one included, that something waits for ``agency``.

        This process hears it once, before the call returns. The others hear it soon, or not at all while
        they are cut off from the server: whoever listens also looks into the database every now and then.
        """

    def subscribe(self, listener: Listener) -> None:
        """Have ``listener`` called for each wake-up, until the cache is closed."""

    async def close(self) -> None:
        """Let go of connections, values and listeners."""
