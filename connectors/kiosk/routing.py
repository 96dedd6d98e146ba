"""Who answers a kiosk's request: a table of message × whose reader × whose copy. Pure.

A barcode is unique only together with the library that owns it. The owner is read off the label (``ISIL.barcode``) or
AO; without either every library that may own the copy counts, and more than one is never decided here.
Deliberately absent: asking anybody. What the journal knows comes in as arguments.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from connectors.sip2.messages import MESSAGES, Message
from schemas.identifiers import AgencyId
from schemas.lending import Custody
from schemas.loan import Loan


class Reader(StrEnum):
    """Whose reader it is. A card without a prefix counts as ours until the ILS does not know it."""

    OURS = "ours"
    THEIRS = "theirs"


class Copy(StrEnum):
    """Whose copy it is; ``ALLIANCE`` is another member's, or an own one that is lent to the alliance."""

    NONE = "none"
    OWN = "own"
    UNKNOWN = "unknown"
    ALLIANCE = "alliance"
    SEVERAL = "several"


class Route(StrEnum):
    """Who answers: the own ILS, the connector for the alliance, or the connector with a no."""

    LOCAL = "local"
    FEDERATION = "federation"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Label:
    """A barcode or card number: as scanned, the member that is named beside it, and the bare number."""

    text: str
    owner: AgencyId | None
    number: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a request is about. ``loans`` are the open loans whose copy may be the one at the machine.

    ``is_behind``: something about this copy or card still waits, which what comes now must not overtake.
    """

    reader: Reader
    copy: Copy
    card: Label | None = None
    item: Label | None = None
    loans: tuple[Loan, ...] = ()
    is_behind: bool = False

    @property
    def subject(self) -> str:
        """What requests are kept in order about: the copy, else the card. No barcode has a blank in front."""
        return self.item.number if self.item else f" {self.card.number if self.card else ''}"


_LETTERS = {"L": Route.LOCAL, "F": Route.FEDERATION, "R": Route.REFUSED}


def _row(ours: str, theirs: str) -> Mapping[tuple[Reader, Copy], Route]:
    """Read a row: one letter for each ``Copy`` in turn, for our readers and for another library's."""
    letters = {Reader.OURS: ours, Reader.THEIRS: theirs}
    return {(reader, copy): _LETTERS[letter] for reader in Reader
            for copy, letter in zip(Copy, letters[reader], strict=True)}


ROUTES: Mapping[str, Mapping[tuple[Reader, Copy], Route]] = MappingProxyType({
    # copy:      none own unknown alliance several; our readers, then another library's
    "17": _row("RLLFR", "RLLFR"),
    "09": _row("RLFFF", "RLFFF"),  # a return is never refused: the machine has the book
    "11": _row("RLLFR", "RRRFR"),
    "29": _row("LLLRL", "RRRRR"),  # a supplier answers a renewal in its own time: on the portal
    "15": _row("LLLRL", "RRRRR"),
    "19": _row("RLLRR", "RLLRR"),
    "63": _row("LLLLL", "FFFFF"),
    "23": _row("LLLLL", "FFFFF"),
    "35": _row("LLLLL", "FFFFF"),
    "25": _row("LLLLL", "RRRRR"),
    "01": _row("LLLLL", "RRRRR"),
    "37": _row("LLLLL", "RRRRR"),
    "65": _row("LLLLL", "RRRRR"),
})

_AWAY = frozenset(Custody) - {Custody.SUPPLIER}
WAITING = frozenset({Custody.PICKUP_POINT, Custody.LOCKER})
"""Where a copy waits for its reader."""


def route_of(message_id: str, found: Found) -> Route:
    """Return who answers. Login and status (93, 99) are the connector's own and not in the table."""
    return ROUTES[message_id][found.reader, found.copy]


def is_replay(request: Message) -> bool:
    """Whether a checkout or checkin has happened already, while the machine was offline (no block = Y)."""
    return request.id in ("09", "11") and request.flag("no_block") is True


def read_label(text: str, members: Container[str], named: AgencyId | None = None) -> Label:
    """Read a number as scanned; ``named`` is the owner that AO names, if it does.

    >>> read_label("CN-1-YP.0042", {"CN-1-YP"}).number, read_label("ISBN.0042", {"CN-1-YP"}).number
    ('0042', 'ISBN.0042')
    """
    prefix, _, number = text.partition(".")
    if number and prefix in members:
        return Label(text, AgencyId(prefix), number)
    return Label(text, named, text)


def labels_of(request: Message, me: AgencyId, members: Container[str]) -> tuple[Label | None, Label | None]:
    """Return card and copy. AO speaks of the copy where the message has one; our own AO stands in every request."""
    institution = (request.get("AO") or "").strip()
    named = AgencyId(institution) if institution in members and institution != me else None
    card, item = (request.get(code) or "" for code in ("AA", "AB"))
    of_item = "AB" in MESSAGES[request.id].codes
    return (read_label(card.strip(), members, None if of_item else named) if card.strip() else None,
            read_label(item.strip(), members, named) if item.strip() else None)


def reader_of(card: Label | None, me: AgencyId) -> Reader:
    """Return whose reader a card names."""
    return Reader.OURS if card is None or card.owner in (None, me) else Reader.THEIRS


def candidates(message_id: str, item: Label, loans: Iterable[Loan], me: AgencyId) -> tuple[Loan, ...]:
    """Return the loans whose copy may be the one at the machine: what is lent out waits there, any other is away."""
    custodies = WAITING if message_id == "11" else _AWAY
    return tuple(loan for loan in loans if loan.custody in custodies and item.owner in (None, loan.supplier)
                 and has_part(loan, me) and (message_id != "11" or loan.holder == me))


def has_part(loan: Loan, me: AgencyId) -> bool:
    """Whether this library hears of the loan; one that was only met at a question may have ended long ago."""
    return me in (loan.home, loan.pickup.agency, loan.supplier, loan.holder)


def copy_of(item: Label, loans: Iterable[Loan], me: AgencyId, *, owns: bool) -> Copy:
    """Return whose copy it is; ``owns`` says that this library's catalogue has the number."""
    suppliers = [loan.supplier for loan in loans]
    owners = {item.owner} if item.owner else {*suppliers, *([me] if owns else [])}
    if len(suppliers) > 1 or len(owners) > 1:
        return Copy.SEVERAL
    if suppliers or item.owner not in (None, me):
        return Copy.ALLIANCE
    return Copy.OWN if owns or item.owner == me else Copy.UNKNOWN
