"""A file or a folder as a source: every form, packed or not, what was added, and what cannot be read."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.agent.harvest.files import Files
from connectors.agent.harvest.report import Withheld
from connectors.marc.items import CNMARC_905
from connectors.marc.mapping import record_from_bib
from connectors.marc.record import UnknownCharset
from connectors.marc.writer import write_json, write_marcxml
from schemas.bib import Bib, MarcFormat
from tests.alliance import HOME, Alliance
from tests.connectors.agent.harvest.shelf import BAD, bib, harvest, ids, marc, sent, union, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


def records(*bibs: Bib) -> list:
    return [record_from_bib(one, MarcFormat.CNMARC, CNMARC_905) for one in bibs]


def iso2709(*bibs: Bib) -> bytes:
    return b"".join(marc(bibs))


def marcxml(*bibs: Bib) -> bytes:
    return b"<collection>" + b"".join(map(write_marcxml, records(*bibs))) + b"</collection>"


def json_lines(*bibs: Bib) -> bytes:
    return b"".join(write_json(record).encode() + b"\n" for record in records(*bibs))


def mnemonic(*bibs: Bib) -> bytes:
    def line(field) -> str:
        told = field.indicators.replace(" ", "\\") + "".join(f"${each}" for each in field.subfields)
        return f"={field.tag}  {field.text if field.is_control else told}"

    return "\n\n".join("\n".join([f"=LDR  {record.leader}", *map(line, record.fields)])
                       for record in records(*bibs)).encode()


FORMS: dict[str, Callable[..., bytes]] = {"iso2709": iso2709, "marcxml": marcxml, "json": json_lines,
                                          "lines": mnemonic}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
async def test_every_form_says_the_same_packed_or_not(town: Alliance, folder: Path, form: str, packed: bool) -> None:
    content = FORMS[form](*map(bib, range(5)))
    (folder / "any.name").write_bytes(gzip.compress(content) if packed else content)
    run = await harvest(town[HOME], Files(folder, None))
    assert (run.tally.sent, run.tally.bad) == (5, 0)
    assert await union(town[HOME]) == {one.record_id: one.title for one in map(bib, range(5))}


async def test_a_folder_is_read_in_the_order_of_names_and_hidden_files_and_folders_are_not(town: Alliance,
                                                                                        folder: Path) -> None:
    for number, name in enumerate(("b.mrc", "a.mrc", ".part.mrc")):
        write(folder / name, bib(number))
    (folder / "c").mkdir()
    run = await harvest(town[HOME], Files(folder, "utf-8"))
    assert (await sent(town[HOME]), run.source) == (["r0001", "r0000"], "exports")


async def test_what_was_added_behind_the_last_file_is_read_alone(town: Alliance, folder: Path) -> None:
    write(folder / "2026-01.mrc", *map(bib, range(5)))
    await harvest(town[HOME], Files(folder, "utf-8"))
    write(folder / "2026-02.mrc", bib(2, edition=2), bib(5))
    run = await harvest(town[HOME], Files(folder, "utf-8"))
    assert (run.whole, run.tally.read, run.tally.sent) == (False, 2, 2)
    assert (await harvest(town[HOME], Files(folder, "utf-8"))).tally.read == 0
    assert (await union(town[HOME]))["r0002"] == bib(2, edition=2).title


async def test_a_file_that_changed_or_went_makes_the_run_a_whole_one(town: Alliance, folder: Path) -> None:
    for number, name in enumerate(("a.mrc", "b.mrc", "c.mrc", "d.mrc", "e.mrc", "f.mrc")):
        write(folder / name, bib(number))
    await harvest(town[HOME], Files(folder, "utf-8"))
    write(folder / "b.mrc", bib(1, edition=2))
    (folder / "c.mrc").unlink()
    run = await harvest(town[HOME], Files(folder, "utf-8"))
    assert (run.whole, run.tally.sent, run.tally.unchanged, run.tally.deleted) == (True, 1, 4, 1)
    assert sorted(await union(town[HOME])) == ["r0000", "r0001", "r0003", "r0004", "r0005"]


async def test_a_damaged_packing_costs_only_what_stands_behind_the_damage(town: Alliance, folder: Path) -> None:
    packed = gzip.compress(iso2709(*map(bib, range(400))))
    (folder / "a.mrc.gz").write_bytes(packed[: len(packed) // 2])
    write(folder / "b.mrc", bib(1000))
    run = await harvest(town[HOME], Files(folder, "utf-8"))
    assert 0 < run.tally.sent < 401
    assert (run.tally.problems["bad_file"], (await sent(town[HOME]))[-1]) == (1, "r1000")
    assert run.tally.first_bad[-1]["at"] == "a.mrc.gz"


async def test_what_could_not_be_read_is_tried_again_though_no_file_has_changed(town: Alliance, folder: Path) -> None:
    write(folder / "a.mrc", *map(bib, range(5)))
    second = write(folder / "b.mrc", *map(bib, range(5, 7)))
    source = Files(folder, "utf-8")
    await harvest(town[HOME], source)
    second.replace(folder.parent / "away")
    (folder / "b.mrc").symlink_to(folder / "c.mrc.gz")
    (folder / "c.mrc.gz").write_bytes(b"\x1f\x8bnothing")
    run = await harvest(town[HOME], source)
    assert (run.tally.withheld, run.tally.problems["bad_file"]) == (Withheld.UNREADABLE, 2)
    assert (await harvest(town[HOME], source)).tally.read == run.tally.read


async def test_a_file_that_is_written_while_it_is_read_counts_as_unreadable(town: Alliance, folder: Path) -> None:
    path = write(folder / "a.mrc", *map(bib, range(300)))
    reading = await Files(path, "utf-8").survey("")
    parts = reading.slices("")
    await anext(parts)
    path.write_bytes(path.read_bytes() + iso2709(bib(300)))
    found = [each for part in [part async for part in parts] for each in part.found]
    assert getattr(found[-1], "code", "") == "bad_file"


async def test_a_cursor_goes_on_behind_the_records_it_stands_for(folder: Path) -> None:
    for name, numbers in (("a.mrc", range(250)), ("b.mrc", range(250, 300))):
        write(folder / name, *map(bib, numbers))
    reading = await Files(folder, "utf-8").survey("")
    parts = [part async for part in reading.slices("")]
    everything = [each.at for part in parts for each in part.found]
    assert (len(everything), parts[-1].share) == (300, 1.0)
    for number, part in enumerate(parts):
        rest = [each.at async for later in reading.slices(part.cursor) for each in later.found]
        assert rest == [each.at for later in parts[number + 1:] for each in later.found]
    odd = [each.at async for later in reading.slices("0:130") for each in later.found]
    assert odd == everything[130:]


async def test_a_file_that_is_not_there_is_an_error_of_its_own_kind(town: Alliance, folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await harvest(town[HOME], Files(folder / "nowhere.mrc", None))


async def test_a_charset_that_nobody_knows_is_an_error_of_its_own_kind(town: Alliance, folder: Path) -> None:
    with pytest.raises(UnknownCharset):
        await harvest(town[HOME], Files(write(folder / "a.mrc", bib(1)), "klingon"))


async def test_garbage_of_any_size_is_read_in_the_memory_of_a_slice(town: Alliance, folder: Path) -> None:
    (folder / "a.mrc").write_bytes((os.urandom(1000) + BAD) * 2000 + iso2709(bib(1)))
    tally = (await harvest(town[HOME], Files(folder, None))).tally
    assert tally.sent == 1
    assert tally.bad >= 2000
    assert (len(tally.first_bad), await sent(town[HOME])) == (20, ids(2)[1:])
