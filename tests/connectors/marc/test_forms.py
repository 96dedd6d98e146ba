"""The forms beside ISO 2709 and XML: MARC-in-JSON and mnemonic text, and which form a file is in."""

import io
import json
import tracemalloc

import pymarc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.forms import HEAD_BYTES, Form, form_of, read_records
from connectors.marc.marcjson import read_json
from connectors.marc.mnemonic import read_lines
from connectors.marc.reader import RECORD_BYTES_MAX
from connectors.marc.record import BadRecord, Evidence, Field, MarcRecord, Problem, Reason
from connectors.marc.writer import to_pymarc, write_iso2709, write_json, write_marcxml
from tests.connectors.marc.records import THREE_BODY, cnmarc, field

ONE = write_json(THREE_BODY).encode()
TWO = write_json(cnmarc("001 2", "200 1_ $a活着")).encode()

INDENTED = json.dumps(json.loads(ONE), indent=2).encode()


def as_lines(record: MarcRecord) -> bytes:
    return (str(to_pymarc(record)) + "\n").encode()


def of_json(data: bytes) -> list[MarcRecord | BadRecord]:
    return list(read_json(io.BytesIO(data)))


def of_lines(data: bytes, charset: str | None = None) -> list[MarcRecord | BadRecord]:
    return list(read_lines(io.BytesIO(data), charset))


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (write_iso2709(THREE_BODY), Form.ISO2709),
        (write_marcxml(THREE_BODY), Form.MARCXML),
        ("\ufeff<?xml version='1.0'?>".encode("utf-16"), Form.MARCXML),
        (ONE, Form.JSON),
        (b"\xef\xbb\xbf\r\n[" + ONE, Form.JSON),
        (as_lines(THREE_BODY), Form.LINES),
        (b"", Form.ISO2709),
    ],
)
def test_a_form_is_told_by_its_first_bytes(data: bytes, form: Form) -> None:
    assert form_of(data[:HEAD_BYTES]) is form


@pytest.mark.parametrize(
    "data", [write_iso2709(THREE_BODY), write_marcxml(THREE_BODY), ONE, as_lines(THREE_BODY)], ids=list(Form)
)
def test_the_same_record_comes_out_of_every_form(data: bytes) -> None:
    (record,) = read_records(io.BytesIO(data), data[:HEAD_BYTES])
    assert isinstance(record, MarcRecord)
    assert record.fields == THREE_BODY.fields
    assert record.leader[5:9] == "nam0"


@pytest.mark.parametrize(
    "data",
    [ONE + b"\n" + TWO + b"\n", b"[" + ONE + b",\n " + TWO + b"]", b"[\n" + INDENTED + b"," + TWO + b"]", ONE + TWO],
    ids=["lines", "array", "indented array", "side by side"],
)  # fmt: skip
def test_json_records_are_found_however_they_are_laid_out(data: bytes) -> None:
    records = of_json(data)
    assert [record.control("001") for record in records if isinstance(record, MarcRecord)] == ["012003", "2"]
    assert all(data[record.position :].startswith(record.raw) for record in records)


@pytest.mark.parametrize(
    "broken", [ONE[:-1], ONE[:-2], ONE[:60], ONE.replace(b'"ind1"', b'"ind1', 1), b'{"leader": 5, "fields": []}',
               b'{"fields": [], "leader"}', b'{"leader": "x"}', b'{"leader": "", "fields": [{"245": {}}]}',
               b'{"leader": "", "fields": [7]}', b'{"leader":' + b"[" * 5000 + b"]" * 5000 + b"}"],
)  # fmt: skip
def test_a_broken_json_record_does_not_cost_its_neighbours(broken: bytes) -> None:
    records = of_json(ONE + b"\n" + broken + b"\n" + TWO)
    assert [isinstance(record, MarcRecord) for record in (records[0], records[-1])] == [True, True]
    bad = records[1:-1]
    assert all(isinstance(record, BadRecord) for record in bad)
    assert bad[0].position == len(ONE) + 1
    assert str(bad[0])


def test_half_a_character_is_replaced_and_counted() -> None:
    note = rb'{"300": {"ind1": " ", "ind2": " ", "subfields": [{"a": "\ud867"}]}}'
    (record,) = of_json(rb'{"leader": "", "fields": [' + note + rb"]}")
    assert isinstance(record, MarcRecord)
    assert (record.fields[0].value("a"), record.problems, record.charset.replaced) == ("\ufffd", (Problem.REPLACED,), 1)


def test_mnemonic_text_has_its_escapes_and_its_blanks() -> None:
    text = rb"""=LDR  00000nam\\2200000\i\4500
=008  080501s2008\\\\cc
=020  \\$a7536692935$c{dollar}8.00
"""
    (record,) = of_lines(text.replace(b"\n", b"\r\n"))
    assert isinstance(record, MarcRecord)
    assert record.leader == "00000nam  2200000 i 4500"
    assert record.fields == (field("008 080501s2008    cc"), Field("020", "  ", ("a7536692935", "c$8.00")))


def test_records_in_lines_are_divided_by_empty_lines_or_by_the_next_leader() -> None:
    one = as_lines(THREE_BODY).rstrip()
    for between in (b"\n\n", b"\r\n\r\n\r\n", b"\n"):
        first, second = of_lines(one + between + one + b"\n")
        assert (first.position, second.position) == (0, len(one) + len(between))
        assert isinstance(second, MarcRecord)
        assert second.fields == THREE_BODY.fields


def test_lines_in_gbk_are_read_by_the_same_charset_decision() -> None:
    (record,) = of_lines(as_lines(THREE_BODY).decode().encode("gbk"))
    assert isinstance(record, MarcRecord)
    assert (record.fields, record.charset.evidence) == (THREE_BODY.fields, Evidence.VALID)


def test_a_line_that_is_no_field_spoils_its_own_record_only() -> None:
    one = as_lines(THREE_BODY)
    first, bad, leaderless, last = of_lines(one + b"\n=LDR  0\nwhat is this\n\n=001  5\n\n" + one)
    assert isinstance(bad, BadRecord)
    assert (bad.reason, bad.detail) == (Reason.LINE, "line 2 does not begin with = and a tag")
    assert isinstance(leaderless, BadRecord)
    assert leaderless.reason is Reason.NO_LEADER
    assert isinstance(first, MarcRecord)
    assert isinstance(last, MarcRecord)


@pytest.mark.parametrize("read", [read_json, read_lines])
@pytest.mark.parametrize("piece", [b"x", b'{"leader": "', b"=245  ", b'"', b"{"])
def test_garbage_without_end_needs_bounded_memory(read: object, piece: bytes) -> None:
    class Endless(io.RawIOBase):
        left = 5

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return piece * (size // len(piece)) if self.left > 0 else b""

        readline = read  # type: ignore[assignment]

    tracemalloc.start()
    assert all(isinstance(each, BadRecord) for each in read(Endless()))  # type: ignore[operator]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * RECORD_BYTES_MAX


@given(st.binary(max_size=300), st.sampled_from([read_json, read_lines]))
@settings(max_examples=200)
def test_any_bytes_are_records_or_bad_records(data: bytes, read: object) -> None:
    for each in read(io.BytesIO(data)):  # type: ignore[operator]
        assert each.raw == data[each.position : each.position + len(each.raw)]


def test_json_is_what_pymarc_writes() -> None:
    (record,) = of_json(pymarc.Record(write_iso2709(THREE_BODY), force_utf8=True).as_json().encode())
    assert isinstance(record, MarcRecord)
    assert record.fields == THREE_BODY.fields
