"""Damaged files: every readable record is delivered, every other byte is named with its offset, memory is bounded."""

import io
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.mapping import bib_from_record
from connectors.marc.reader import RECORD_BYTES_MAX, read_iso2709
from connectors.marc.record import BadRecord, MarcRecord, Problem, Reason
from connectors.marc.writer import write_iso2709
from tests.benchmarks.marc_records import cnmarc as generated
from tests.connectors.marc.records import THREE_BODY, cnmarc, iso

FILLER = b"\xef\xbb\xbf\r\n\t\x00\x1a"
GOOD = [write_iso2709(record, charset) for charset, record in zip(
    ("gb18030", "utf-8", "gb18030", "utf-8", "gb18030"), generated(3), strict=False)]
"""Charsets mixed in one file, as where two systems' exports were joined."""

Outcome = MarcRecord | BadRecord


def read(data: bytes) -> list[Outcome]:
    return list(read_iso2709(io.BytesIO(data)))


def raws(outcomes: list[Outcome]) -> list[bytes]:
    return [record.raw for record in outcomes if isinstance(record, MarcRecord)]


def bad(outcomes: list[Outcome]) -> list[tuple[int, Reason]]:
    return [(record.position, record.reason) for record in outcomes if isinstance(record, BadRecord)]


def is_known(record: Outcome) -> bool:
    return isinstance(record, BadRecord) or bool(record.problems)


def test_charsets_may_change_from_record_to_record() -> None:
    outcomes = read(b"".join(GOOD))
    assert raws(outcomes) == GOOD
    assert [record.charset.name for record in outcomes if isinstance(record, MarcRecord)] == [
        "gb18030", "utf-8", "gb18030", "utf-8", "gb18030"]


def test_a_record_whose_end_is_lost_does_not_take_the_next_one_along() -> None:
    outcomes = read(GOOD[0][:-30] + GOOD[1] + GOOD[2])
    assert raws(outcomes) == [GOOD[1], GOOD[2]]
    assert bad(outcomes) == [(0, Reason.UNTERMINATED)]


def test_a_record_inside_another_is_found_and_both_halves_of_the_other_are_named() -> None:
    outer = GOOD[0]
    outcomes = read(outer[:200] + GOOD[1] + outer[200:] + GOOD[2])
    assert raws(outcomes) == [GOOD[1], GOOD[2]]
    assert bad(outcomes) == [(0, Reason.UNTERMINATED), (200 + len(GOOD[1]), Reason.DIRECTORY)]


@pytest.mark.parametrize("junk", [b"From: cataloguer\nSubject: records\n\n", b"\x1d\x1d\x1d", b"\x1e\x1f" * 40,
                                  "编目中心".encode("gbk"), b"00024", b"99999nam0 2299999   450 ", b"<xml/>"])
def test_junk_between_records_costs_no_record(junk: bytes) -> None:
    outcomes = read(GOOD[0] + junk + GOOD[1])
    assert raws(outcomes) == GOOD[:2]
    assert all(position >= len(GOOD[0]) for position, _ in bad(outcomes))
    assert bad(outcomes) or not junk.strip(b"\x1d")


@pytest.mark.parametrize("at", [0, 12])
@pytest.mark.parametrize("digits", [b"00000", b"99999", b"     ", b"abcde", b"-----"])
def test_wrong_lengths_in_the_leader_are_noted(at: int, digits: bytes) -> None:
    damaged = iso()[:at] + digits + iso()[at + 5 :]
    (record,) = read(damaged)
    assert isinstance(record, MarcRecord)
    assert record.fields == THREE_BODY.fields
    assert record.problems == ((Problem.LENGTH,) if at == 0 else (Problem.BASE_ADDRESS,))


def test_a_terminator_within_a_field_is_noted() -> None:
    at = iso().rindex(b"\x1f") + 2
    (record,) = read(iso()[:at] + b"\x1e" + iso()[at + 1 :])
    assert isinstance(record, MarcRecord)
    assert record.problems == (Problem.TERMINATOR,)
    assert [field.tag for field in record.fields] == [field.tag for field in THREE_BODY.fields]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_records_that_no_changed_byte_touches_are_all_delivered(changes: list[tuple[int, int, int]]) -> None:
    records = [bytearray(raw) for raw in GOOD]
    for which, at, value in changes:
        records[which][at % len(records[which])] = value
    outcomes = read(b"".join(records))
    untouched = [bytes(new) for new, old in zip(records, GOOD, strict=True) if new == old]
    assert [raw for raw in raws(outcomes) if raw in GOOD] == untouched
    for record in outcomes:
        if isinstance(record, MarcRecord):
            bib_from_record(record)


@given(st.data(), st.sampled_from([b"", b"\x1d", b"\x1e", b"junk", bytes(range(256)), iso()[:60]]))
@settings(max_examples=300, deadline=None)
def test_records_that_no_cut_or_insertion_touches_are_all_delivered(data: st.DataObject, inserted: bytes) -> None:
    which = data.draw(st.integers(0, len(GOOD) - 1))
    start = data.draw(st.integers(1, len(GOOD[which]) - 1))
    end = data.draw(st.integers(start, len(GOOD[which])))
    damaged = GOOD[which][:start] + inserted + GOOD[which][end:]
    outcomes = read(b"".join([*GOOD[:which], damaged, *GOOD[which + 1 :]]))
    others = [raw for number, raw in enumerate(GOOD) if number != which]
    assert [raw for raw in raws(outcomes) if raw in others] == others
    if damaged != GOOD[which]:
        assert any(map(is_known, outcomes))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_every_byte_of_a_damaged_file_comes_out_in_its_place(data: st.DataObject) -> None:
    whole = bytearray(b"".join(GOOD))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    position = 0
    for record in read(bytes(whole)):
        assert not bytes(whole[position : record.position]).strip(FILLER + b"\x1d")
        position = record.position + len(record.raw)
        assert record.raw == whole[record.position : position]
    assert not bytes(whole[position:]).strip(FILLER + b"\x1d")


class Endless(io.RawIOBase):
    """A stream of blocks made as they are asked for."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, _size: int = -1) -> bytes:
        return next(self._blocks, b"")


@pytest.mark.parametrize("fill", [
    lambda size: b"x" * size, lambda size: b"0" * size, lambda size: b"\x1f" * size,
    lambda size: b"00024nam " * (size // 9),
], ids=["letters", "digits", "delimiters", "leaders"])  # fmt: skip
def test_a_long_file_of_garbage_needs_little_memory_and_time_and_the_record_behind_it_is_found(
    fill: Callable[[int], bytes],
) -> None:
    block, blocks = fill(1 << 18), 80
    tracemalloc.start()
    begin = time.monotonic()
    found = [record.raw for record in read_iso2709(Endless(iter([*[block] * blocks, iso()])))
             if isinstance(record, MarcRecord)]
    seconds, (_, peak) = time.monotonic() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [iso()]
    assert peak < 8 * RECORD_BYTES_MAX
    assert seconds < 10


def test_memory_does_not_grow_with_the_number_of_records() -> None:
    def peak(count: int) -> int:
        blocks = (b"".join(GOOD) for _ in range(count))
        tracemalloc.start()
        for record in read_iso2709(Endless(blocks)):
            assert isinstance(record, MarcRecord)
            bib_from_record(record)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few, many = peak(20), peak(200)
    assert many < few * 1.2


def test_the_generated_records_differ() -> None:
    records = [write_iso2709(record, "gb18030") for record in islice(generated(), 200)]
    assert len(set(records)) == 200
    assert all(not is_known(record) for record in read(b"".join(records)))


def test_a_whole_file_in_a_wrong_charset_shows_in_every_record() -> None:
    outcomes = list(read_iso2709(io.BytesIO(iso(cnmarc("001 1", "200 1_ $a三体"), "gb18030") * 3), "utf-8"))
    assert [record.problems for record in outcomes if isinstance(record, MarcRecord)] == [(Problem.CHARSET,)] * 3
