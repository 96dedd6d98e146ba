"""What other software reads out of clean files is what we read: pymarc and yaz-marcdump, real and generated records."""

import gzip
import io
import subprocess
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pymarc
import pytest

from connectors.marc.forms import HEAD_BYTES, read_records
from connectors.marc.mapping import bib_from_record, record_from_bib
from connectors.marc.marcxml import read_marcxml
from connectors.marc.reader import read_iso2709
from connectors.marc.record import BadRecord, MarcRecord, Problem
from connectors.marc.writer import write_iso2709, write_json, write_marcxml
from schemas.bib import MarcFormat
from tests.benchmarks import marc_records
from tests.connectors.marc.records import iso
from tests.peers import require_program, require_shared_data

EXAMPLES = Path("/usr/share/doc/idzebra-2.0/examples")
GENERATED = {"cnmarc": b"".join(write_iso2709(record) for record in islice(marc_records.cnmarc(5), 200)),
             "marc21": b"".join(write_iso2709(record) for record in islice(marc_records.marc21(6), 200))}

Shape = list[tuple[str, str, tuple[tuple[str, str], ...]]]


def require_example(*parts: str) -> bytes:
    """Return a sample that comes with Zebra (Debian's ``idzebra-2.0-examples``)."""
    require_program("zebraidx")
    data = EXAMPLES.joinpath(*parts).read_bytes()
    return gzip.decompress(data) if parts[-1].endswith(".gz") else data


def ours(records: Iterable[object]) -> list[Shape]:
    return [[(field.tag, field.indicators, tuple((part[:1], part[1:]) for part in field.subfields) if field.indicators
              else (("", field.text),)) for field in record.fields]
            for record in records if isinstance(record, MarcRecord)]


def theirs(records: Iterable[pymarc.Record | None]) -> list[Shape]:
    return [[(field.tag, "", (("", field.data),)) if field.control_field else
             (field.tag, "".join(field.indicators), tuple((part.code, part.value) for part in field.subfields))
             for field in record.fields] for record in records if record is not None]


def of_marcdump(data: bytes, *options: str) -> bytes:
    program = require_program("yaz-marcdump")
    return subprocess.run([program, *options, "/dev/stdin"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", GENERATED)
def test_generated_records_are_what_pymarc_reads(name: str) -> None:
    data = GENERATED[name]
    expected = theirs(pymarc.MARCReader(io.BytesIO(data), to_unicode=True, force_utf8=True))
    assert ours(read_iso2709(io.BytesIO(data))) == expected
    assert len(expected) == 200


@pytest.mark.parametrize("name", GENERATED)
def test_generated_records_are_what_yaz_reads(name: str) -> None:
    xml = of_marcdump(GENERATED[name], "-i", "marc", "-o", "marcxml", "-f", "utf-8", "-t", "utf-8")
    assert ours(read_marcxml(io.BytesIO(xml))) == ours(read_iso2709(io.BytesIO(GENERATED[name])))


def test_yaz_reads_our_gb18030() -> None:
    records = list(islice(marc_records.cnmarc(7), 50))
    data = b"".join(write_iso2709(record, "gb18030") for record in records)
    xml = of_marcdump(data, "-i", "marc", "-o", "marcxml", "-f", "gb18030", "-t", "utf-8")
    assert ours(read_marcxml(io.BytesIO(xml))) == ours(records)


@pytest.mark.parametrize("form", ["marc", "marcxml", "json"])
def test_yaz_writes_what_we_read(form: str) -> None:
    converted = of_marcdump(GENERATED["cnmarc"], "-i", "marc", "-o", form, "-f", "utf-8", "-t", "utf-8")
    assert ours(read_records(io.BytesIO(converted), converted[:HEAD_BYTES])) == ours(
        read_iso2709(io.BytesIO(GENERATED["cnmarc"])))


def test_yaz_reads_our_xml_and_our_marc21() -> None:
    converted = [record_from_bib(bib_from_record(record), MarcFormat.MARC21)
                 for record in read_iso2709(io.BytesIO(GENERATED["cnmarc"])) if isinstance(record, MarcRecord)]
    collection = b"<collection>" + b"".join(map(write_marcxml, converted)) + b"</collection>"
    back = of_marcdump(collection, "-i", "marcxml", "-o", "marc", "-f", "utf-8", "-t", "utf-8")
    assert ours(read_iso2709(io.BytesIO(back))) == ours(converted)


def test_zebras_samples_are_read_whole_and_alike_by_pymarc() -> None:
    data = require_example("marc21", "sample-marc.gz")
    outcomes = list(read_iso2709(io.BytesIO(data)))
    *marc21, danish = [record for record in outcomes if isinstance(record, MarcRecord)]
    assert ours(marc21) == theirs(pymarc.MARCReader(io.BytesIO(data)))[:-1]
    assert (len(marc21), danish.problems) == (23, (Problem.GUESSED,))
    assert {record.raw for record in outcomes if isinstance(record, BadRecord)} == {b"\x1d"}, "two stray ends"


@pytest.mark.parametrize("name", ["collection-2.xml.gz", "collection-opera-43.xml.gz", "collection-sandburg-1.xml",
                                  "collection-namemrc.xml.gz", "collection-subjmrc.xml.gz"])
def test_zebras_collections_are_read_alike_by_pymarc(name: str) -> None:
    data = require_example("marcxml", name)
    records = list(read_marcxml(io.BytesIO(data)))
    assert ours(records) == theirs(pymarc.parse_xml_to_array(io.BytesIO(data)))
    assert records


def test_real_marc21_survives_every_form() -> None:
    records = [record for record in read_iso2709(io.BytesIO(require_example("marc21", "sample-marc.gz")))
               if isinstance(record, MarcRecord)]
    for record in records:
        for written in (write_iso2709(record), write_marcxml(record), write_json(record).encode()):
            assert ours(read_records(io.BytesIO(written), written[:HEAD_BYTES])) == ours([record])


def real() -> Iterator[MarcRecord]:
    with require_shared_data("marc", "cnmarc-dp2-sample.gb18030.iso").open("rb") as stream:
        yield from (record for record in read_iso2709(stream) if isinstance(record, MarcRecord))


def test_ten_real_records_are_what_pymarc_and_yaz_read() -> None:
    data = require_shared_data("marc", "cnmarc-dp2-sample.gb18030.iso").read_bytes()
    assert ours(real()) == theirs(pymarc.MARCReader(io.BytesIO(data), file_encoding="gb18030"))
    xml = of_marcdump(data, "-i", "marc", "-o", "marcxml", "-f", "gb18030", "-t", "utf-8")
    assert ours(read_marcxml(io.BytesIO(xml))) == ours(real())


def test_one_record_is_read_by_both_programs_as_by_us() -> None:
    assert ours(read_iso2709(io.BytesIO(iso()))) == theirs([pymarc.Record(iso(), force_utf8=True)])
