"""``delta-connector marc`` on files: what is written reads back, what is bad is kept and named."""

import gzip
import io
import json
import tracemalloc

import pymarc
import pytest

from connectors.cli import main
from connectors.marc import read_iso2709, read_marcxml
from connectors.marc.record import MarcRecord, Problem, Reason
from connectors.marc.writer import to_pymarc, write_json, write_marcxml
from connectors.tools.marc_report import MEANINGS, WRITE_ERRORS, Bad, Tally, code_of
from schemas.bib import Bib
from tests.connectors.marc.records import THREE_BODY, cnmarc, iso, marc21
from tests.peers import require_shared_data

ENGLISH = marc21("001 9", "008 080101s1985    nyu           000 1 eng d", "245 10 $aÉmile /$cRousseau.")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mrc").write_bytes(iso(charset="gb18030") + iso(ENGLISH))
    (tmp_path / "hurt.mrc").write_bytes(iso() + b"junk" + iso() + iso()[:-40])
    return tmp_path


def run(capsys, *arguments):
    code = main(["marc", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_cnmarc_becomes_marc21_that_pymarc_reads(folder, capsys):
    code, out, err = run(capsys, "convert", "in.mrc", "-o", "out.mrc", "--to", "marc21", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report.pop("seconds") >= 0
    assert report == {"read": 2, "written": 2, "bad": 0, "charsets": {"gb18030": 1, "utf-8": 1}, "problems": {}}
    with (folder / "out.mrc").open("rb") as file:
        three_body, english = pymarc.MARCReader(file)
    assert "三体" in three_body.title
    assert three_body.isbn == "9787536692930"
    assert english.title == "Émile /"


def test_a_record_in_the_format_asked_for_is_written_as_it_is(folder, capsys):
    assert run(capsys, "convert", "in.mrc", "-o", "out.mrc", "--to", "cnmarc")[0] == 0
    with (folder / "out.mrc").open("rb") as file:
        first, _ = read_iso2709(file)
    assert isinstance(first, MarcRecord)
    assert (first.fields, first.leader[5:12], first.charset.name) == (THREE_BODY.fields, THREE_BODY.leader[5:12],
                                                                     "utf-8")


def test_marcxml_keeps_each_record_in_its_own_format(folder, capsys):
    assert run(capsys, "convert", "in.mrc", "-o", "out.xml", "--to", "marcxml")[0] == 0
    with (folder / "out.xml").open("rb") as file:
        records = list(read_marcxml(file))
    assert [record.fields for record in records] == [THREE_BODY.fields, ENGLISH.fields]
    assert len(pymarc.parse_xml_to_array(str(folder / "out.xml"))) == 2


def test_json_is_one_record_a_line_that_pymarc_reads(folder, capsys):
    assert run(capsys, "convert", "in.mrc", "-o", "out.json", "--to", "json")[0] == 0
    lines = (folder / "out.json").read_text("utf-8").splitlines()
    assert [record["001"].data for line in lines for record in pymarc.JSONReader(line)] == ["012003", "9"]


FORMS = {
    "iso2709": iso(charset="gbk") + iso(),
    "marcxml": b"<collection>" + write_marcxml(THREE_BODY) * 2 + b"</collection>",
    "cnmarc-xml": b'<r xmlns="http://www.nlc.cn/">' + write_marcxml(THREE_BODY).replace(
        b"http://www.loc.gov/MARC21/slim", b"http://www.nlc.cn/") * 2 + b"</r>",
    "json": f"[{write_json(THREE_BODY)},\n{write_json(THREE_BODY)}]".encode(),
    "json lines": f"{write_json(THREE_BODY)}\n{write_json(THREE_BODY)}\n".encode(),
    "mnemonic": f"{to_pymarc(THREE_BODY)}\n{to_pymarc(THREE_BODY)}".encode("gb18030"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_form_packed_or_not_becomes_every_other(folder, capsys, form, pack):
    (folder / "in").write_bytes(pack(FORMS[form]))
    for target in ("cnmarc", "marc21", "marcxml", "json", "bib"):
        code, out, _ = run(capsys, "convert", "in", "-o", "out", "--to", target, "--json")
        assert (code, json.loads(out)["written"]) == (0, 2)
    assert all(Bib.model_validate_json(line).title == "三体"
               for line in (folder / "out").read_text("utf-8").splitlines())


def test_standard_input_is_a_file_too(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(FORMS["json lines"]))))
    code, out, err = run(capsys, "convert", "-", "-o", "out.mrc", "--to", "cnmarc", "--json")
    assert (code, json.loads(out)["read"], err) == (0, 2, "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"junk"))))
    assert run(capsys, "check", "-")[:2][0] == 1


def test_a_cut_gzip_file_is_converted_as_far_as_it_goes_and_is_bad(folder, capsys):
    (folder / "in.gz").write_bytes(gzip.compress(iso(ENGLISH) + iso())[:-12])
    code, out, err = run(capsys, "convert", "in.gz", "-o", "out.mrc", "--to", "cnmarc", "--json")
    assert (code, json.loads(out)["problems"]["bad_packing"]) == (1, 1)
    assert "bad_packing" in err


def test_a_format_can_be_forced(folder, capsys):
    (folder / "in.mrc").write_bytes(iso(cnmarc("001 1", "300 __ $a无题名")))
    assert run(capsys, "convert", "in.mrc", "-o", "out", "--to", "bib", "--from", "marc21")[0] == 0
    assert Bib.model_validate_json((folder / "out").read_text("utf-8")).source == "MARC21"


def test_bib_is_one_object_a_line(folder, capsys):
    assert run(capsys, "convert", "in.mrc", "-o", "out.json", "--to", "bib", "--from", "auto")[0] == 0
    bibs = [Bib.model_validate_json(line) for line in (folder / "out.json").read_text("utf-8").splitlines()]
    assert [bib.title for bib in bibs] == ["三体", "Émile"]


def test_what_is_bad_is_named_counted_and_kept_and_the_rest_is_written(folder, capsys):
    code, out, err = run(capsys, "convert", "hurt.mrc", "-o", "out.mrc", "--to", "cnmarc", "--bad", "bad.bin",
                         "--json")
    report = json.loads(out)
    assert code == 1
    assert (report["read"], report["written"], report["bad"]) == (4, 2, 2)
    assert report["problems"] == {"bad_junk": 1, "bad_unterminated": 1}
    assert err.splitlines() == [
        f"byte {len(iso())}: bad_junk: these bytes between records belong to none",
        f"byte {2 * len(iso()) + 4}: bad_unterminated: the record ends without a terminator",
    ]
    assert (folder / "bad.bin").read_bytes() == b"junk" + iso()[:-40]


def test_what_cannot_be_written_is_bad_too(folder, capsys):
    long = cnmarc("001 1", "200 1_ $a长", *["330 __ $a" + "长" * 3000] * 12)
    control = cnmarc("001 2", "200 1_ $abell\x07")
    (folder / "in.mrc").write_bytes(iso(control) + iso(long, "gb18030"))
    code, out, _ = run(capsys, "convert", "in.mrc", "-o", "out.mrc", "--to", "cnmarc", "--json")
    assert (code, json.loads(out)["problems"]) == (1, {"bad_too_long": 1})
    code, out, _ = run(capsys, "convert", "in.mrc", "-o", "out.xml", "--to", "marcxml", "--json")
    assert (code, json.loads(out)["problems"]) == (1, {"bad_unwritable": 1})


def test_check_names_every_damaged_record_and_stats_counts_them(folder, capsys):
    wrong_length = b"99999" + iso()[5:]
    (folder / "in.mrc").write_bytes(wrong_length + b"junk" * 3 + iso())
    code, out, _ = run(capsys, "check", "in.mrc")
    assert code == 1
    assert out.splitlines()[:2] == ["byte 0: length",
                                    f"byte {len(iso())}: bad_junk: these bytes between records belong to none"]
    code, out, err = run(capsys, "stats", "in.mrc")
    assert code == 1
    assert ["bad_junk", "1"] in [line.split()[:2] for line in out.splitlines()]
    assert "marc check" in err
    report = json.loads(run(capsys, "stats", "in.mrc", "--json")[1])
    assert set(report) == {"read", "written", "bad", "charsets", "problems", "seconds"}
    assert report["problems"] == {"length": 1, "bad_junk": 1}


def test_a_charset_is_tried_first_and_a_wrong_one_shows(folder, capsys):
    report = json.loads(run(capsys, "stats", "in.mrc", "--charset", "gbk", "--json")[1])
    assert report["charsets"] == {"gb18030": 1, "utf-8": 1} or report["charsets"] == {"gb18030": 2}
    (folder / "in.mrc").write_bytes(iso(charset="gb18030"))
    code, out, _ = run(capsys, "check", "in.mrc", "--charset", "utf-8", "--json")
    assert (code, json.loads(out)["problems"]) == (0, {"charset": 1})


def test_a_failed_conversion_leaves_what_was_there(folder, capsys):
    (folder / "out.mrc").write_bytes(b"before")
    code, out, err = run(capsys, "convert", "missing.mrc", "-o", "out.mrc", "--to", "cnmarc", "--json")
    assert (code, out, err) == (1, "", "delta-connector: missing.mrc: No such file or directory\n")
    assert (folder / "out.mrc").read_bytes() == b"before"


@pytest.mark.parametrize("arguments", [
    ["convert", "in.mrc", "-o", "out", "--to", "cnmarc", "--bad", "out"],
    ["convert", "in.mrc", "-o", "/dev/null", "--to", "cnmarc"],
])
def test_wrong_use(folder, capsys, arguments):
    assert run(capsys, *arguments)[0] == 2
    assert not (folder / "out").exists()


def test_an_unknown_charset_is_wrong_use(folder, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["marc", "check", "in.mrc", "--charset", "klingon"])
    assert ended.value.code == 2
    assert "charset 'klingon' is unknown" in capsys.readouterr().err


def test_memory_does_not_grow_with_the_file(folder, capsys):
    def peak(copies):
        (folder / "in.mrc").write_bytes(iso() * copies)
        tracemalloc.start()
        try:
            assert run(capsys, "convert", "in.mrc", "-o", "out.xml", "--to", "bib")[0] == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(400), peak(2000)
    assert many < few * 1.5


def test_long_lists_of_bad_records_are_cut_and_check_has_them_all(folder, capsys):
    (folder / "in.mrc").write_bytes(b"junk\x1d" * 50)
    _, _, err = run(capsys, "convert", "in.mrc", "-o", "out", "--to", "bib", "--json")
    assert len(err.splitlines()) == 21
    assert err.splitlines()[-1].startswith("30 bad records are not named here")
    assert len(run(capsys, "check", "in.mrc", "--json")[2].splitlines()) == 50


def test_every_code_has_a_meaning_for_staff():
    codes = {*map(code_of, Problem), *map(code_of, Reason), *WRITE_ERRORS.values()}
    assert codes == set(MEANINGS)


def test_a_tally_for_people_is_chinese_first():
    tally = Tally(read=2, written=1)
    tally.reject(Bad(0, "bad_xml", "", b""))
    assert tally.to_text(0.5).splitlines()[:2] == ["读取 Read  写出 Written  坏记录 Bad  用时(秒) Seconds",
                                                   "2          1             1           0.50"]
    assert "XML 格式错误 XML not well formed" in tally.to_text(0.5)


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "utf-8"])
def test_real_records_become_marc21_that_pymarc_reads(folder, capsys, charset):
    path = require_shared_data("marc", f"cnmarc-dp2-sample.{charset}.iso")
    code, out, _ = run(capsys, "convert", str(path), "-o", "out.mrc", "--to", "marc21", "--json")
    assert (code, json.loads(out)["written"]) == (0, 10)
    with (folder / "out.mrc").open("rb") as file:
        assert all(record is not None and record.title for record in pymarc.MARCReader(file))
