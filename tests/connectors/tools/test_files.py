"""Reading by content, and writing whole or not at all."""

import gzip
import hashlib
import io
from pathlib import Path

import pytest

from connectors.marc.record import BadRecord, MarcRecord, Reason
from connectors.marc.writer import to_pymarc, write_json, write_marcxml
from connectors.tools.files import open_source, whole_file
from connectors.tools.terminal import WrongUse
from tests.connectors.marc.records import THREE_BODY, cnmarc, iso


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
    gzip.compress(iso()[:100]) + gzip.compress(iso()[100:]),
    write_json(THREE_BODY).encode(),
    gzip.compress(str(to_pymarc(THREE_BODY)).encode()),
], ids=["iso2709", "gb18030", "gzip", "xml", "utf-16 xml", "gzip of xml", "gzip in parts", "json", "gzip of lines"])
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
                                    lambda packed: packed[:-8] + b"\0" * 8, lambda packed: packed + b"more"])
def test_a_damaged_gzip_file_yields_what_can_be_unpacked_and_then_names_the_damage(folder, damage):
    (folder / "in.gz").write_bytes(damage(gzip.compress(numbered(100))))
    *before, last = read(folder / "in.gz")
    assert isinstance(last, BadRecord)
    assert last.reason is Reason.PACKING
    whole = [record for record in before if isinstance(record, MarcRecord)]
    assert [record.control("001") for record in whole] == [f"{number}" for number in range(len(whole))]


def test_most_of_a_cut_gzip_file_is_read(folder):
    packed = gzip.compress(numbered(1000))
    (folder / "in.gz").write_bytes(packed[: len(packed) // 2])
    assert len([record for record in read(folder / "in.gz") if isinstance(record, MarcRecord)]) > 300


def numbered(count: int) -> bytes:
    return b"".join(iso(cnmarc(f"001 {number}", f"200 1_ $a{hashlib.sha256(b'%d' % number).hexdigest()}"))
                    for number in range(count))


@pytest.mark.parametrize("data", [iso() * 2, gzip.compress(iso() * 2), (write_json(THREE_BODY) + "\n").encode() * 2])
def test_standard_input_is_read_like_a_file(monkeypatch, data):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    with open_source(Path("-"), None) as source:
        assert [record.fields for record in source.records] == [THREE_BODY.fields] * 2
        assert (source.name, source.size) == ("stdin", 0)


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
