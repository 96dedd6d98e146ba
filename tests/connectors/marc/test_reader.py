"""Every byte of a file comes out: in a record, or in a BadRecord that says where it stood and why."""

import io
import tracemalloc

import pymarc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.reader import RECORD_BYTES_MAX, read_iso2709, read_record
from connectors.marc.record import BadRecord, Field, MarcRecord, Problem, Reason, UnknownCharset
from tests.connectors.marc.records import THREE_BODY, cnmarc, iso
from tests.peers import require_shared_data


def read(data: bytes, **options: object) -> list[MarcRecord | BadRecord]:
    return list(read_iso2709(io.BytesIO(data), **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb18030"])
def test_a_record_is_read_as_it_was_written(charset: str) -> None:
    (record,) = read(iso(charset=charset))
    assert isinstance(record, MarcRecord)
    assert record.fields == THREE_BODY.fields
    assert record.raw == iso(charset=charset)
    assert record.problems == ()


def test_records_keep_their_offsets_and_line_ends_between_them_are_not_junk() -> None:
    first, second = iso(), iso(cnmarc("001 2", "200 1_ $a活着"))
    records = read(b"\xef\xbb\xbf" + first + b"\r\n" + second + b"\n")
    assert [record.position for record in records] == [3, 3 + len(first) + 2]


def test_junk_between_records_is_reported_with_its_offset_and_both_records_are_read() -> None:
    one = iso()
    first, junk, second = read(one + b"some mail header" + one)
    assert (isinstance(first, MarcRecord), isinstance(second, MarcRecord)) == (True, True)
    assert junk == BadRecord(len(one), Reason.JUNK, b"some mail header")


def test_a_cut_file_yields_its_whole_records_and_names_the_rest() -> None:
    one = iso()
    whole, cut = read(one + one[:100])
    assert isinstance(whole, MarcRecord)
    assert cut == BadRecord(len(one), Reason.UNTERMINATED, one[:100])


def test_a_wrong_length_and_base_address_are_noted_and_the_record_is_read() -> None:
    raw = iso()
    (record,) = read(b"00999" + raw[5:12] + b"-----" + raw[17:])
    assert isinstance(record, MarcRecord)
    assert record.fields == THREE_BODY.fields
    assert record.problems == (Problem.LENGTH, Problem.BASE_ADDRESS)


def test_a_directory_that_counted_characters_for_bytes_is_recovered_by_terminators() -> None:
    raw = iso(cnmarc("001 1", "200 1_ $a三体"))
    damaged = raw[:27] + b"0003" + raw[31:]
    (record,) = read(damaged)
    assert isinstance(record, MarcRecord)
    assert [f.value("a") for f in record.every("200")] == ["三体"]
    assert record.problems == (Problem.DIRECTORY,)
    (refused,) = read(damaged, strict=True)
    assert isinstance(refused, BadRecord)
    assert refused.reason is Reason.STRICT


def test_a_directory_in_another_order_than_the_data_is_walked() -> None:
    raw = iso(cnmarc("001 1", "200 1_ $a三体"))
    swapped = raw[:24] + raw[36:48] + raw[24:36] + raw[48:]
    (record,) = read(swapped)
    assert isinstance(record, MarcRecord)
    assert [f.tag for f in record.fields] == ["200", "001"]
    assert record.fields[0] == Field("200", "1 ", ("a三体",))
    assert record.problems == ()


def test_a_terminator_inside_a_field_is_kept_where_the_directory_is_right() -> None:
    raw = iso(cnmarc("001 1", "200 1_ $aA#B", "300 __ $anote"))
    (record,) = read(raw.replace(b"#", b"\x1e"))
    assert isinstance(record, MarcRecord)
    assert record.fields[1].value("a") == "A\x1eB"


def test_fields_and_directory_of_different_number_are_a_bad_record_with_its_bytes() -> None:
    raw = iso(cnmarc("001 1", "200 1_ $a三体"))
    broken = raw[:24] + raw[36:]
    (bad,) = read(broken)
    assert bad == BadRecord(0, Reason.DIRECTORY, broken)


def test_entries_that_share_bytes_do_not_make_a_small_record_large() -> None:
    field = b"1 \x1fa" + b"x" * 9000 + b"\x1e"
    entries = b"200%04d00000" % len(field) * 5000
    (bad,) = read(b"00000nam0 2200000   450 " + entries + b"\x1e" + field + b"\x1d")
    assert isinstance(bad, BadRecord)


def test_alphabetic_tags_are_tags() -> None:
    (record,) = read(iso(cnmarc("001 1", "AVA __ $bMDMP$d86")))
    assert isinstance(record, MarcRecord)
    assert record.fields[1] == Field("AVA", "  ", ("bMDMP", "d86"))


def test_an_unknown_charset_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UnknownCharset, match="klingon"):
        read(iso(), charset="klingon")
    with pytest.raises(UnknownCharset, match="utf-16"):
        read(iso(), charset="utf-16")


def test_garbage_without_end_needs_bounded_memory() -> None:
    class Endless(io.RawIOBase):
        left = 64

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    tracemalloc.start()
    reasons = {bad.reason for bad in read_iso2709(Endless()) if isinstance(bad, BadRecord)}  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reasons <= {Reason.ENDLESS, Reason.UNTERMINATED}
    assert peak < 8 * RECORD_BYTES_MAX


@given(st.binary(max_size=400))
@settings(max_examples=150)
def test_garbage_yields_bad_records_that_hold_all_of_it(data: bytes) -> None:
    outcomes = read(data)
    kept = b"".join(each.raw for each in outcomes)
    filler = b"\xef\xbb\xbf\r\n\t\x00\x1a"
    assert not kept.translate(None, filler) or kept.translate(None, filler) in data.translate(None, filler)
    assert len(kept.translate(None, filler)) >= len(data.translate(None, filler)) - data.count(b"\x1d")


@given(st.integers(0, 600), st.integers(0, 255))
@settings(max_examples=150)
def test_one_changed_byte_never_loses_a_neighbour(at: int, value: int) -> None:
    one = iso()
    data = bytearray(one + one)
    data[at % len(one)] = value
    last = read(bytes(data))[-1]
    assert isinstance(last, MarcRecord)
    assert last.fields == THREE_BODY.fields


def test_reading_agrees_with_pymarc_on_clean_input() -> None:
    ours = read_record(iso())
    theirs = pymarc.Record(iso(), force_utf8=True)
    assert isinstance(ours, MarcRecord)
    assert [f.tag for f in ours.fields] == [f.tag for f in theirs.fields]
    assert [f.values("a") for f in ours.fields if not f.is_control] == [
        tuple(f.get_subfields("a")) for f in theirs.fields if not f.control_field
    ]


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb18030"])
def test_ten_real_records_read_alike_in_every_charset(charset: str) -> None:
    records = read(require_shared_data("marc", f"cnmarc-dp2-sample.{charset}.iso").read_bytes())
    reference = read(require_shared_data("marc", "cnmarc-dp2-sample.utf-8.iso").read_bytes())
    assert len(records) == 10
    assert all(isinstance(record, MarcRecord) and not record.problems for record in records)
    assert [r.fields for r in records] == [r.fields for r in reference]  # type: ignore[union-attr]
