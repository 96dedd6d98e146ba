"""What a harvest has read and not yet noted: records made ready to be sent, compared with what is known, and batched.

Pure: what is known comes as arguments.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from connectors.agent.harvest.ledger import digest_of
from connectors.agent.harvest.report import Tally
from connectors.agent.harvest.sources import Bad, Found, Read
from connectors.marc.items import ItemMapping
from connectors.marc.mapping import bib_from_record
from schemas.bib import Bib

BATCH_RECORDS = 100
BATCH_BYTES = 1_000_000
"""Of a batch's JSON: in base64 it fits an envelope."""
SEEN_MAX = 5_000
"""Records that are as they were wait for one transaction."""
DELETED_AT_ONCE = 500
TOO_LARGE = "bad_too_large"


@dataclass(frozen=True, slots=True)
class Ready:
    """A record as it would be sent; ``handle`` is the source's own name for it."""

    bib: Bib
    handle: str
    digest: bytes
    size: int


def prepare(found: Iterable[Found], mapping: ItemMapping, tally: Tally) -> tuple[list[Ready], list[Bad]]:
    """Return what was read as it would be sent, and what is bad; count what the records are like."""
    ready: list[Ready] = []
    bad: list[Bad] = []
    for each in found:
        if isinstance(each, Read):
            made = _ready(each, mapping)
            if isinstance(made, Ready):
                tally.add(each.record, (kept.tag for kept in made.bib.local_fields if kept.tag != mapping.tag))
                ready.append(made)
            else:
                bad.append(made)
        elif isinstance(each, Bad):
            bad.append(each)
    return ready, bad


def _ready(read: Read, mapping: ItemMapping) -> Ready | Bad:
    bib = bib_from_record(read.record, mapping)
    content = bib.model_dump_json(exclude_defaults=True).encode()
    if len(content) > BATCH_BYTES:
        return Bad(read.at, TOO_LARGE, f"{len(content)} bytes of JSON do not fit a message", read.record.raw)
    return Ready(bib, read.handle, digest_of(content), len(content))


@dataclass(slots=True)
class Pending:
    """What has been read since the last transaction: to send, to delete, and found as it was."""

    changed: dict[str, Ready] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to note it."""
        return (len(self.changed) >= BATCH_RECORDS or self.size >= BATCH_BYTES or len(self.seen) >= SEEN_MAX
                or len(self.gone) >= DELETED_AT_ONCE)

    def take(self, ready: Ready, sent: bytes, tally: Tally, *, is_seen: bool) -> None:
        """Compare a record with the digest that was last sent of it, and count it.

        ``is_seen`` says that this run has met its number before. Of several the last one holds.
        """
        id_ = ready.bib.record_id
        if id_ in self.changed:
            sent, is_seen = self.changed[id_].digest, True
        is_seen = is_seen or id_ in self.seen
        is_same = ready.digest == sent
        if is_seen:
            tally.repeated += 1
        elif is_same:
            tally.unchanged += 1
        else:
            tally.sent += 1
        if is_same:
            if id_ not in self.changed:
                self.seen[id_] = ready.handle
        else:
            self.changed[id_] = ready
            self.size += ready.size
            self.seen.pop(id_, None)
        self.gone.pop(id_, None)

    def delete(self, record_id: str) -> None:
        """Note that a known record is gone, unless what was read since says it is there."""
        if record_id not in self.changed:
            self.gone[record_id] = None
            self.seen.pop(record_id, None)

    def withdraw(self, handle: str) -> None:
        """Do not send what the source has deleted since."""
        for id_ in [id_ for id_, ready in self.changed.items() if ready.handle == handle]:
            del self.changed[id_]

    def lots(self) -> Iterator[tuple[tuple[Bib, ...], tuple[str, ...]]]:
        """Yield records and deletions, each lot as much as a message holds."""
        lot: list[Bib] = []
        size = 0
        for ready in self.changed.values():
            if lot and (len(lot) == BATCH_RECORDS or size + ready.size > BATCH_BYTES):
                yield tuple(lot), ()
                lot, size = [], 0
            lot.append(ready.bib)
            size += ready.size
        if lot:
            yield tuple(lot), ()
        gone = tuple(self.gone)
        for start in range(0, len(gone), DELETED_AT_ONCE):
            yield (), gone[start : start + DELETED_AT_ONCE]

    def items(self) -> list[tuple[str, str, int | None]]:
        """Return (record id, barcode, price) of the copies of records to send."""
        return [(id_, item.barcode, item.price_fen) for id_, ready in self.changed.items()
                for holding in ready.bib.holdings for item in holding.items]

    def digests(self) -> list[tuple[str, str, bytes]]:
        """Return (record id, handle, digest) of records to send."""
        return [(id_, ready.handle, ready.digest) for id_, ready in self.changed.items()]
