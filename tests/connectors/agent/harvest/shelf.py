"""A catalogue to harvest, and what the union catalogue holds after the batches that a library has said."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.agent.harvest.ledger import Harvests, Run
from connectors.agent.harvest.run import USUAL, Limits, Wish, begin
from connectors.agent.harvest.sources import Source
from connectors.marc.items import CNMARC_905, ItemMapping
from connectors.marc.mapping import record_from_bib
from connectors.marc.writer import write_iso2709
from schemas.bib import Bib, Holding, Item, MarcFormat
from schemas.messages import HarvestBatch, MessageType
from tests.alliance import Member

BAD = b"00026nam0 2200000   450 \x1ebad\x1d"


def bib(number: int, edition: int = 1) -> Bib:
    holding = Holding(branch="总馆", location="外借部", items=(Item(barcode=f"B{number:04}", price_fen=100 + number),))
    return Bib(record_id=f"r{number:04}", source=MarcFormat.CNMARC, title=f"红楼梦研究 {number} 之 {edition}",
               holdings=(holding,))


def marc(bibs: Iterable[Bib]) -> list[bytes]:
    return [write_iso2709(record_from_bib(one, MarcFormat.CNMARC, CNMARC_905)) for one in bibs]


def write(path: Path, *bibs: Bib) -> Path:
    path.write_bytes(b"".join(marc(bibs)))
    return path


def ids(count: int) -> list[str]:
    return [f"r{number:04}" for number in range(count)]


async def harvest(member: Member, source: Source, wish: Wish | None = None, limits: Limits = USUAL,
                  mapping: ItemMapping = CNMARC_905) -> Run:
    return await (await begin(source, mapping, member.office, member.journal, wish or Wish(), limits)).go()


async def batches(member: Member) -> list[HarvestBatch]:
    return [message.body for message in await member.outbox() if message.type is MessageType.HARVEST_BATCH]


async def sent(member: Member) -> list[str]:
    return [one.record_id for batch in await batches(member) for one in batch.bibs]


async def union(member: Member) -> dict[str, str]:
    """Return number and title of what the gateway holds once it has taken all batches."""
    held: dict[str, str] = {}
    for batch in await batches(member):
        held.update((one.record_id, one.title) for one in batch.bibs)
        for record_id in batch.deleted:
            held.pop(record_id)
    return held


async def known(member: Member) -> int:
    return await member.journal.run(lambda unit: Harvests(unit.connection).count())


class Cut(Exception):
    """The power failed."""


@contextmanager
def power_for(member: Member, commits: int, point: str) -> Iterator[None]:
    """Let the journal commit so often, then cut the power at this point of a transaction."""
    left = commits

    def probe(now: str) -> None:
        nonlocal left
        if now == point:
            if left == 0:
                raise Cut
            left -= 1

    before, member.journal._probe = member.journal._probe, probe
    try:
        yield
    finally:
        member.journal._probe = before
