"""Harvesting a library's catalogue: whole from a file or a target, resumed where it was cut, nothing lost uncounted."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from connectors.agent import harvest as module
from connectors.agent.harvest import HarvestReport, MarcFile, Source, Target, harvest
from connectors.agent.tables import Unit
from connectors.marc.items import CNMARC_905
from connectors.marc.mapping import record_from_bib
from connectors.marc.record import BadRecord, MarcRecord
from connectors.marc.writer import write_iso2709
from connectors.z3950 import oid
from connectors.z3950.errors import DiagnosticError, TargetDiagnostic, Z3950Error
from connectors.z3950.query import Query
from connectors.z3950.server import serve
from examples.alliance.roster import Library
from examples.alliance.stock import catalogue_path, item_mapping, read_marc
from schemas.bib import Bib, Holding, Item, MarcFormat, Note
from schemas.messages import Accepted, HarvestBatch, MessageType
from tests.alliance import FIRST, HOME, Alliance, Member
from tests.systems import sample_ils

BATCH = 4
BAD = b"00026nam0 2200000   450 \x1ebad\x1d"


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_RECORDS", BATCH)


def bib(number: int) -> Bib:
    holding = Holding(branch="总馆", location="外借部", items=(Item(barcode=f"B{number:04}", price_fen=100 + number),))
    return Bib(record_id=f"r{number:04}", source=MarcFormat.CNMARC, title=f"红楼梦研究 {number}",
               holdings=(holding,))


def iso2709(bibs: Iterable[Bib]) -> list[bytes]:
    return [write_iso2709(record_from_bib(one, MarcFormat.CNMARC, CNMARC_905)) for one in bibs]


def marc_file(folder: Path, *records: bytes) -> MarcFile:
    path = folder / "export.mrc"
    path.write_bytes(b"".join(records))
    return MarcFile(path, "utf-8")


async def run(member: Member, source: Source, mapping: Any = CNMARC_905) -> HarvestReport:
    return await harvest(source, mapping, member.office, member.journal)


async def batches(member: Member) -> list[HarvestBatch]:
    return [message.body for message in await member.outbox() if message.type is MessageType.HARVEST_BATCH]


async def sent(member: Member) -> list[str]:
    return [one.record_id for batch in await batches(member) for one in batch.bibs]


def numbers(count: int) -> list[str]:
    return [f"r{number:04}" for number in range(count)]


class Cut(Exception):
    """The power failed."""


class CutFile(MarcFile):
    """A file that ends with the power, in the middle."""

    after: int = 0

    async def records(self) -> AsyncIterator[MarcRecord | BadRecord]:
        read = 0
        async for record in super().records():
            if read == CutFile.after:
                raise Cut
            read += 1
            yield record


# From a file

@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1])
async def test_a_file_is_sent_whole_in_its_order_and_the_last_batch_says_so(town: Alliance, tmp_path: Path,
                                                                           count: int) -> None:
    report = await run(town[HOME], marc_file(tmp_path, *iso2709(map(bib, range(count)))))
    assert (report.read, report.sent, report.bad) == (count, count, 0)
    assert await sent(town[HOME]) == numbers(count)
    told = await batches(town[HOME])
    assert [batch.number for batch in told] == list(range(1, len(told) + 1))
    assert [batch.last for batch in told] == [False] * (len(told) - 1) + [True]


async def test_an_empty_file_sends_nothing(town: Alliance, tmp_path: Path) -> None:
    report = await run(town[HOME], marc_file(tmp_path))
    assert (report.read, await batches(town[HOME])) == (0, [])


@pytest.mark.parametrize("place", [0, 1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH])
async def test_bad_records_are_counted_and_stop_nothing(town: Alliance, tmp_path: Path, place: int) -> None:
    records = iso2709(map(bib, range(2 * BATCH)))
    report = await run(town[HOME], marc_file(tmp_path, *records[:place], BAD, BAD, *records[place:]))
    assert (report.read, report.sent, report.bad) == (2 * BATCH + 2, 2 * BATCH, 2)
    assert await sent(town[HOME]) == numbers(2 * BATCH)
    assert [batch.last for batch in await batches(town[HOME])] == [False, True]


async def test_a_file_of_nothing_but_bad_records_is_reported_so(town: Alliance, tmp_path: Path) -> None:
    report = await run(town[HOME], marc_file(tmp_path, BAD, BAD))
    assert (report.read, report.sent, report.bad, await batches(town[HOME])) == (2, 0, 2, [])


async def test_the_copies_stay_in_the_journal_with_their_prices(town: Alliance, tmp_path: Path) -> None:
    await run(town[HOME], marc_file(tmp_path, *iso2709(map(bib, range(3)))))
    items = await town[HOME].journal.run(lambda unit: unit.items_of("r0002"))
    assert items == [("B0002", 102)]


@pytest.mark.parametrize("after", [0, 1, BATCH, BATCH + 1, 2 * BATCH + 1, 3 * BATCH])
async def test_a_run_that_was_cut_goes_on_behind_its_last_batch(town: Alliance, tmp_path: Path, after: int) -> None:
    whole = marc_file(tmp_path, *iso2709(map(bib, range(3 * BATCH + 1))))
    CutFile.after = after
    with pytest.raises(Cut):
        await run(town[HOME], CutFile(whole.path, whole.charset))
    known = len(await batches(town[HOME]))
    assert known == max(0, after - 1) // BATCH
    report = await run(town[HOME], whole)
    assert report.read == 3 * BATCH + 1
    assert await sent(town[HOME]) == numbers(3 * BATCH + 1)
    assert [batch.number for batch in await batches(town[HOME])] == [1, 2, 3, 4]


async def test_a_batch_and_its_progress_are_one_transaction(town: Alliance, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    source, put_items, runs = marc_file(tmp_path, *iso2709(map(bib, range(2 * BATCH)))), Unit.put_items, []

    def fails_once(unit: Unit, rows: Any) -> None:
        put_items(unit, rows)
        runs.append(rows)
        if len(runs) == 2:
            raise Cut

    monkeypatch.setattr(Unit, "put_items", fails_once)
    with pytest.raises(Cut):
        await run(town[HOME], source)
    assert await sent(town[HOME]) == numbers(BATCH)
    assert await town[HOME].journal.run(lambda unit: unit.owns("B0005")) is False
    await run(town[HOME], source)
    assert await sent(town[HOME]) == numbers(2 * BATCH)


async def test_the_same_file_again_sends_nothing_and_a_changed_one_everything(town: Alliance, tmp_path: Path) -> None:
    source = marc_file(tmp_path, *iso2709(map(bib, range(BATCH + 1))))
    await run(town[HOME], source)
    again = await run(town[HOME], source)
    assert (again.read, len(await batches(town[HOME]))) == (BATCH + 1, 2)
    await run(town[HOME], marc_file(tmp_path, *iso2709(map(bib, range(BATCH + 2)))))
    assert len(await batches(town[HOME])) == 4


async def test_long_records_are_sent_in_batches_that_fit_an_envelope(town: Alliance, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_RECORDS", 100)
    notes = tuple(Note(texts=("内容提要 " * 700,)) for _ in range(3))
    long = [bib(number).model_copy(update={"notes": notes}) for number in range(90)]
    report = await run(town[HOME], marc_file(tmp_path, *iso2709(long)))
    assert (report.sent, await sent(town[HOME])) == (90, numbers(90))
    assert {type(body) for body in await town[HOME].send()} == {Accepted}


async def test_the_longest_record_marc_allows_fits(town: Alliance, tmp_path: Path) -> None:
    field = "长" * 3000
    longest = bib(0).model_copy(update={"notes": tuple(Note(texts=(field,)) for _ in range(10))})
    (raw,) = iso2709([longest])
    assert 90_000 < len(raw) < 99_999
    await run(town[HOME], marc_file(tmp_path, raw, raw, raw, raw, raw))
    assert {type(body) for body in await town[HOME].send()} == {Accepted}


async def test_what_is_harvested_is_found_in_the_union_catalogue(town: Alliance, tmp_path: Path) -> None:
    await run(town[HOME], marc_file(tmp_path, *iso2709(map(bib, range(BATCH + 1)))))
    await town[HOME].send()
    page = await town.database.run(lambda unit: unit.catalogue.search("红楼梦研究"))
    assert page.total == BATCH + 1


async def test_a_file_that_is_not_there_is_an_error_of_its_own_kind(town: Alliance, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await run(town[HOME], MarcFile(tmp_path / "nowhere.mrc", None))


# Over Z39.50

def target(library: Library, port: int | None) -> Target:
    assert library.z3950 is not None
    assert port is not None
    return Target("127.0.0.1", port, library.z3950.database, oid.UNIMARC, library.marc.charset)


async def test_a_sample_librarys_target_gives_its_whole_catalogue(town: Alliance) -> None:
    for agency in (HOME, FIRST):
        async with sample_ils(town, town[agency]) as running:
            library = town[agency].library
            report = await run(town[agency], target(library, running.ports.z3950), item_mapping(library))
            expected = [one.record_id for _, one in read_marc(library, catalogue_path(town.folder, library))]
            assert (report.sent, report.bad, await sent(town[agency])) == (len(expected), 0, expected)


async def test_file_and_target_say_the_same(town: Alliance) -> None:
    async with sample_ils(town, town[HOME]) as running:
        library = town[HOME].library
        await run(town[HOME], target(library, running.ports.z3950), item_mapping(library))
        await run(town[HOME], MarcFile(catalogue_path(town.folder, library), library.marc.charset),
                  item_mapping(library))
        bibs = [one for batch in await batches(town[HOME]) for one in batch.bibs]
        assert bibs[: len(bibs) // 2] == bibs[len(bibs) // 2 :]


class Shelf:
    """A target whose records at some places cannot be delivered."""

    def __init__(self, records: list[bytes], lost: set[int]) -> None:
        self.records, self.lost = records, lost

    async def search(self, _database: str, _query: Query) -> list[bytes]:
        return self.records

    async def record(self, found: list[bytes], index: int, _syntax: str) -> bytes:
        if index in self.lost:
            raise DiagnosticError(14, "system error in presenting records")
        return found[index]


@pytest.mark.parametrize("lost", [{1}, {BATCH}, {0}, {1, 2}, {2 * BATCH}, set(range(2 * BATCH + 1))], ids=str)
async def test_what_a_target_cannot_deliver_is_counted_and_the_rest_is_harvested(town: Alliance,
                                                                                lost: set[int]) -> None:
    count = 2 * BATCH + 1
    server = await serve("127.0.0.1", 0, Shelf(iso2709(map(bib, range(count))), lost))
    try:
        report = await run(town[HOME], Target("127.0.0.1", server.port, "Default", oid.UNIMARC, "utf-8"))
    finally:
        await server.close()
    assert (report.read, report.sent, report.bad) == (count, count - len(lost), len(lost))
    assert await sent(town[HOME]) == [f"r{number:04}" for number in range(count) if number not in lost]


async def test_a_target_that_refuses_says_why(town: Alliance) -> None:
    async with sample_ils(town, town[HOME]) as running:
        port = running.ports.z3950
        with pytest.raises(TargetDiagnostic):
            await run(town[HOME], Target("127.0.0.1", port or 0, "NoSuch", oid.UNIMARC, None))


async def test_a_target_that_is_away_is_an_error_of_its_own_kind(town: Alliance, unused_tcp_port: int) -> None:
    with pytest.raises((Z3950Error, OSError)):
        await run(town[HOME], Target("127.0.0.1", unused_tcp_port, "Default", oid.UNIMARC, None))
