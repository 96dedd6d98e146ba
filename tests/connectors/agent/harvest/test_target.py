"""A Z39.50 target as a source: the sample systems, Zebra, places that fail, and runs that were cut."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from connectors.agent.harvest import pending, target
from connectors.agent.harvest.files import Files
from connectors.agent.harvest.report import Withheld
from connectors.agent.harvest.run import Wish
from connectors.agent.harvest.target import BAD_PLACE, FAILURES_MAX, Target
from connectors.marc.items import MARC21_852
from connectors.marc.mapping import record_from_bib
from connectors.marc.writer import write_iso2709
from connectors.z3950 import oid
from connectors.z3950.errors import DiagnosticError, TargetDiagnostic, Z3950Error
from connectors.z3950.query import Query
from connectors.z3950.server import serve
from examples.alliance.roster import Library
from examples.alliance.stock import catalogue_path, item_mapping, read_marc
from schemas.bib import MarcFormat
from tests.alliance import FIRST, HOME, Alliance
from tests.connectors.agent.harvest.shelf import Cut, bib, harvest, ids, marc, power_for, sent, union
from tests.connectors.z3950.programs import running
from tests.peers import require_program
from tests.systems import sample_ils

BATCH = 4


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "BATCH_RECORDS", BATCH)
    monkeypatch.setattr(target, "SLICE_RECORDS", BATCH)


class Shelf:
    """A target whose records at some places cannot be delivered."""

    def __init__(self, records: Sequence[bytes], lost: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.records, self.lost = records, lost

    async def search(self, _database: str, _query: Query) -> Sequence[bytes]:
        return self.records

    async def record(self, found: Sequence[bytes], index: int, _syntax: str, _charset: str | None) -> bytes:
        if index in self.lost:
            raise DiagnosticError(14, "system error in presenting records")
        return found[index]


def at(port: int | None, database: str = "Default") -> Target:
    return Target("127.0.0.1", port or 0, database, oid.UNIMARC, "utf-8")


def of(library: Library, port: int | None) -> Target:
    assert library.z3950 is not None
    return Target("127.0.0.1", port or 0, library.z3950.database, oid.UNIMARC, library.marc.charset)


async def test_a_sample_librarys_target_gives_its_whole_catalogue(town: Alliance) -> None:
    for agency in (HOME, FIRST):
        async with sample_ils(town, town[agency]) as ils:
            library = town[agency].library
            run = await harvest(town[agency], of(library, ils.ports.z3950), mapping=item_mapping(library))
            expected = [one.record_id for _, one in read_marc(library, catalogue_path(town.folder, library))]
            assert (run.tally.sent, run.tally.bad, await sent(town[agency])) == (len(expected), 0, expected)


async def test_what_the_target_said_is_not_sent_again_from_a_file(town: Alliance) -> None:
    async with sample_ils(town, town[HOME]) as ils:
        library, member = town[HOME].library, town[HOME]
        first = await harvest(member, of(library, ils.ports.z3950), mapping=item_mapping(library))
        files = Files(catalogue_path(town.folder, library), library.marc.charset)
        second = await harvest(member, files, mapping=item_mapping(library))
        assert (second.tally.unchanged, second.tally.sent, second.tally.deleted) == (first.tally.sent, 0, 0)


@pytest.fixture
async def zebra(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[int]:
    """Zebra with a catalogue of MARC 21; the port of its server."""
    server, indexer = require_program("zebrasrv"), require_program("zebraidx")
    folder = tmp_path / "zebra"
    folder.mkdir()
    (modules,) = Path("/usr/lib").glob("*/idzebra-2.0/modules")
    (folder / "zebra.cfg").write_text(f"profilePath: /usr/share/idzebra-2.0/tab\nmodulePath: {modules}\n"
                                      "attset: bib1.att\nrecordType: grs.marc.usmarc\n")
    (folder / "records.mrc").write_bytes(b"".join(
        write_iso2709(record_from_bib(bib(number), MarcFormat.MARC21, MARC21_852)) for number in range(30)))
    for command in (("init",), ("update", "records.mrc")):
        process = await asyncio.create_subprocess_exec(indexer, "-v", "none", *command, cwd=folder)
        assert await process.wait() == 0
    command = (server, "-S", "-v", "none", f"tcp:127.0.0.1:{unused_tcp_port}")
    async with running(*command, port=unused_tcp_port, folder=folder):
        yield unused_tcp_port


async def test_zebra_gives_its_whole_database(town: Alliance, zebra: int) -> None:
    run = await harvest(town[HOME], Target("127.0.0.1", zebra, "Default", oid.USMARC, "utf-8"), mapping=MARC21_852)
    assert (run.tally.read, run.tally.sent, run.tally.bad) == (30, 30, 0)
    assert await union(town[HOME]) == {one.record_id: one.title for one in map(bib, range(30))}
    assert await town[HOME].journal.run(lambda unit: unit.owns("B0007"))


@pytest.mark.parametrize("lost", [{1}, {BATCH}, {0}, {1, 2}, {2 * BATCH}, set(range(2 * BATCH + 1))], ids=str)
async def test_what_a_target_cannot_deliver_is_counted_and_the_rest_is_harvested(town: Alliance,
                                                                                lost: set[int]) -> None:
    count = 2 * BATCH + 1
    async with await serve("127.0.0.1", 0, Shelf(marc(map(bib, range(count))), lost)) as server:
        tally = (await harvest(town[HOME], at(server.port))).tally
    assert (tally.read, tally.sent, tally.bad, tally.problems[BAD_PLACE]) == (
        count, count - len(lost), len(lost), len(lost))
    assert await sent(town[HOME]) == [f"r{number:04}" for number in range(count) if number not in lost]


class Refusing:
    """A client of a target that refuses some places outright, without a record in their place."""

    def __init__(self, refused: set[int], hits: int) -> None:
        self.refused, self.hits, self.asked = refused, hits, 0

    async def __aenter__(self) -> "Refusing":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    async def search(self, _query: Query) -> int:
        return self.hits

    async def present(self, start: int, count: int) -> list[target.Record]:
        self.asked += 1
        if start in self.refused:
            raise TargetDiagnostic(13, "present request out of range")
        end = min([start + count, *(place for place in self.refused if place > start)])
        return [target.Record(oid.UNIMARC, raw) for raw in marc(map(bib, range(start, end)))]


@pytest.mark.parametrize(("refused", "told"), [({3}, 9), ({1, 2, 10}, 7)])
async def test_a_place_that_is_refused_outright_is_stepped_over(monkeypatch: pytest.MonkeyPatch, town: Alliance,
                                                               refused: set[int], told: int) -> None:
    monkeypatch.setattr(Target, "_client", lambda _self: Refusing(refused, 10))
    tally = (await harvest(town[HOME], at(1))).tally
    assert (tally.sent, tally.bad) == (told, len(refused))


async def test_a_target_that_refuses_every_place_ends_the_run(monkeypatch: pytest.MonkeyPatch,
                                                             town: Alliance) -> None:
    client = Refusing(set(range(1, 10_001)), 10_000)
    monkeypatch.setattr(Target, "_client", lambda _self: client)
    with pytest.raises(TargetDiagnostic):
        await harvest(town[HOME], at(1))
    assert client.asked == FAILURES_MAX + 1


async def test_a_cut_run_goes_on_at_its_place_and_deletes_nothing_for_the_target_may_have_changed(
        town: Alliance) -> None:
    member, shelf = town[HOME], Shelf(marc(map(bib, range(20))))
    async with await serve("127.0.0.1", 0, shelf) as server:
        source = at(server.port)
        await harvest(member, source)
        shelf.records = marc([*(bib(number, edition=2) for number in range(1, 20)), bib(20)])
        with pytest.raises(Cut), power_for(member, 7, "before commit"):
            await harvest(member, source)
        run = await harvest(member, source)
        assert (run.tally.read, run.tally.withheld, run.tally.deleted) == (20, Withheld.PIECED, 0)
        run = await harvest(member, source)
        assert (run.tally.unchanged, run.tally.deleted, sorted(await union(member))) == (20, 1, ids(21)[1:])


async def test_a_cut_run_begins_anew_where_the_target_has_another_number_of_records(town: Alliance) -> None:
    member, shelf = town[HOME], Shelf(marc(map(bib, range(20))))
    async with await serve("127.0.0.1", 0, shelf) as server:
        with pytest.raises(Cut), power_for(member, 7, "before commit"):
            await harvest(member, at(server.port))
        before = len(await sent(member))
        shelf.records = marc(map(bib, range(21)))
        run = await harvest(member, at(server.port), Wish(full=True))
    assert (run.number, run.tally.read, run.tally.unchanged, run.pieced) == (2, 21, before, False)
    assert await sent(member) == ids(21)


async def test_a_target_that_refuses_says_why(town: Alliance) -> None:
    async with sample_ils(town, town[HOME]) as ils:
        with pytest.raises(TargetDiagnostic):
            await harvest(town[HOME], at(ils.ports.z3950, "NoSuch"))


async def test_a_target_that_is_away_is_an_error_of_its_own_kind(town: Alliance, unused_tcp_port: int) -> None:
    with pytest.raises((Z3950Error, OSError)):
        await harvest(town[HOME], at(unused_tcp_port))
