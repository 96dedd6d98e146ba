"""Reading by content, and writing whole or not at all."""

import gzip
from pathlib import Path

import pytest

from connectors.marc.record import MarcRecord
from connectors.marc.writer import write_marcxml
from connectors.tools.files import open_source, whole_file
from connectors.tools.terminal import Refused, WrongUse
from tests.connectors.marc.records import THREE_BODY, iso


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def read(path: Path, charset: str | None = None) -> list[object]:
    with open_source(path, charset) as source:
        return list(source.records)


@pytest.mark.parametrize("data", [
    iso(),
    iso(charset="gb18030"),
    gzip.compress(iso()),
    b'\xef\xbb\xbf<?xml version="1.0"?><collection>' + write_marcxml(THREE_BODY) + b"</collection>",
    ('<?xml version="1.0" encoding="UTF-16"?>' + write_marcxml(THREE_BODY).decode()).encode("utf-16"),
    gzip.compress(write_marcxml(THREE_BODY)),
], ids=["iso2709", "gb18030", "gzip", "xml", "utf-16 xml", "gzip of xml"])
def test_a_file_is_told_by_its_first_bytes(folder, data):
    (folder / "in").write_bytes(data)
    (record,) = read(folder / "in")
    assert isinstance(record, MarcRecord)
    assert record.fields == THREE_BODY.fields


def test_a_source_knows_how_far_it_has_been_read_and_what_its_positions_count(folder):
    (folder / "in").write_bytes(iso() * 3)
    with open_source(folder / "in", None) as source:
        assert (source.unit, source.size, len(list(source.records))) == ("byte", len(iso()) * 3, 3)
        assert source.tell() == source.size
    (folder / "in").write_bytes(write_marcxml(THREE_BODY))
    with open_source(folder / "in", None) as source:
        assert source.unit == "record"


def test_an_empty_file_holds_no_records(folder):
    (folder / "in").write_bytes(b"")
    assert read(folder / "in") == []


@pytest.mark.parametrize("damage", [lambda packed: packed[:-20], lambda packed: packed[:2] + b"\xff" * 30,
                                    lambda packed: packed[:-8] + b"\0" * 8])
def test_a_damaged_gzip_file_is_refused_by_name(folder, damage):
    (folder / "in.gz").write_bytes(damage(gzip.compress(iso() * 100)))
    with pytest.raises(Refused, match=r"in\.gz is a damaged gzip file"):
        read(folder / "in.gz")


def test_a_file_appears_only_when_it_is_whole(folder):
    with pytest.raises(ZeroDivisionError), whole_file(folder / "out") as file:  # noqa: PT012  the body is the point
        file.write(b"half")
        assert not (folder / "out").exists()
        raise ZeroDivisionError
    assert list(folder.iterdir()) == []
    with whole_file(folder / "out") as file:
        file.write(b"whole")
    assert [path.name for path in folder.iterdir()] == ["out"]
    assert (folder / "out").read_bytes() == b"whole"


def test_a_link_keeps_its_place_and_its_target_is_replaced(folder):
    (folder / "real").write_bytes(b"old")
    (folder / "link").symlink_to(folder / "real")
    with whole_file(folder / "link") as file:
        file.write(b"new")
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_bytes() == b"new"


def test_a_device_or_folder_is_never_replaced(folder):
    for path in (Path("/dev/null"), folder):
        with pytest.raises(WrongUse, match="no regular file"), whole_file(path):
            pass
    assert Path("/dev/null").is_char_device()
