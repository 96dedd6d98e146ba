"""``delta-connector sip2 parse``: every frame is a line of JSON, a message or a named error, and no secret is in it."""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.cli import main
from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.framing import FRAME_BYTES_MAX
from connectors.sip2.messages import build
from connectors.sip2.profile import Checksum, Profile, Terminator
from connectors.tools.sip2 import frames, read_frame
from connectors.tools.sip2_shapes import MASK, load_profile, message_json
from connectors.tools.terminal import Refused
from tests.peers import require_shared_data

DATE = "20260101    120000"
ITEM = build("17", transaction_date="20260101    120000", AO="YP", AB="東質珅")
LOGIN = build("93", uid_algorithm="0", pwd_algorithm="0", CN="kiosk", CO="s3cret", CP="1F")


def parse(monkeypatch, capsys, data, *options):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    code = main(["sip2", "parse", "-", *options])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, [json.loads(line) for line in printed.out.splitlines()]


def test_a_message_is_one_object_of_the_stated_shape(monkeypatch, capsys):
    code, lines = parse(monkeypatch, capsys, Codec(Profile()).encode(ITEM, 3).data)
    assert code == 0
    assert lines == [{
        "message": "17", "name": "item_information", "fixed": {"transaction_date": "20260101    120000"},
        "fields": [["AO", "YP"], ["AB", "東質珅"]], "sequence": 3, "checksum": "ok", "problems": [],
    }]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r"])
def test_any_line_end_ends_a_frame(monkeypatch, capsys, end):
    frame = Codec(Profile()).encode(ITEM).data.rstrip()
    code, lines = parse(monkeypatch, capsys, end.join([frame, frame, frame]))
    assert (code, [line["message"] for line in lines]) == (0, ["17"] * 3)


def test_an_error_is_named_with_its_place_and_the_next_message_is_read(monkeypatch, capsys):
    frame = Codec(Profile()).encode(ITEM).data
    code, lines = parse(monkeypatch, capsys, frame + b"hello\r" + b"11YN2026\r" + frame)
    assert code == 1
    assert [line.get("message") or line["error"] for line in lines] == [
        "17", "unknown_message", "truncated_message", "17"]
    assert lines[1] == {"error": "unknown_message", "detail": "'he' is not a SIP2 2.00 message id",
                        "offset": len(frame)}
    assert lines[2]["offset"] == len(frame) + 6


ODD = {
    "noise before": (b"\xef\xbb\xbf\0 zz\r", [("unknown_message", 5)]),
    "noise between": (b"941\r\n\0\0zz\r\n941\r", ["94", ("unknown_message", 7), "94"]),
    "blank lines": (b"\r\n\n\r941\n\r\r\nzz", ["94", ("unknown_message", 11)]),
    "no end": (b"941\r941", ["94", "94"]),
    "nothing": (b"", []),
    "only ends": (b"\r\n\r\n\0", []),
    "one character": (b"9\r", [("unknown_message", 0)]),
    "a vendor's message": (b"XS00\rXT\r", [("unknown_message", 0), ("unknown_message", 5)]),
    "too short": (b"17\r1720260101\r", [("truncated_message", 0), ("truncated_message", 3)]),
    "a delimiter in the fixed part": (b"9400|\r9|41\r", ["94", ("unknown_message", 6)]),
    "UTF-16": ("941\r".encode("utf-16"), [("unknown_message", 0)]),
    "high bytes": (bytes(range(128, 256)) + b"\r941\r", [("unknown_message", 0), "94"]),
    "resends": (b"97AZFEF5\r96AZFEF6\r97\r", ["97", "96", "97"]),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), ODD.values(), ids=ODD)
def test_every_frame_is_told_with_its_place(data, expected, monkeypatch, capsys):
    code, lines = parse(monkeypatch, capsys, data)
    assert [line.get("message") or (line["error"], line["offset"]) for line in lines] == expected
    assert code == int(any(isinstance(each, tuple) for each in expected))
    assert all(list(line) == ["error", "detail", "offset"] for line in lines if "error" in line)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([b"941", b"zz", b"17", b"\xef\xbb\xbf", b"\0", b" "]), max_size=8),
       st.sampled_from([b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r"]))
def test_an_offset_is_where_the_frame_begins(parts, end):
    data = end.join(parts)
    assert all(data[offset:].startswith(frame) for offset, frame in frames(io.BytesIO(data)))
    assert [frame for _, frame in frames(io.BytesIO(data))] == [part for part in parts if part.isalnum()]


@pytest.mark.parametrize(("trailer", "checksum", "sequence"), [
    (b"AY3AZFDFA", "ok", 3), (b"AY3AZfdfa", "ok", 3), (b"AY3AZFDFA  ", "ok", 3), (b"AY3AZ0000", "bad", 3),
    (b"AY3AZ", "bad", 3), (b"AY3AZ12", "bad", 3), (b"AY3AZ99999", "bad", 3), (b"AY3AZZZZZ", "bad", 3),
    (b"AY3AZ -1", "bad", 3), (b"", "absent", None)])  # fmt: skip
def test_a_checksum_is_right_wrong_or_absent(trailer, checksum, sequence, monkeypatch, capsys):
    code, lines = parse(monkeypatch, capsys, b"941" + trailer)
    assert (code, lines[0]["checksum"], lines[0]["sequence"], lines[0]["fields"]) == (0, checksum, sequence, [])


def test_a_wrong_checksum_is_shown_and_is_no_error(monkeypatch, capsys):
    frame = Codec(Profile()).encode(ITEM, 3).data
    code, lines = parse(monkeypatch, capsys, frame.replace(b"YP", b"YQ"))
    assert (code, lines[0]["checksum"], lines[0]["problems"]) == (0, "bad", ["checksum_wrong"])


def test_every_value_is_shown_as_it_stands_or_secrets_masked_where_asked(monkeypatch, capsys):
    secrets = {code: f"secret-{code}" for code in SECRET_CODES}
    patron = build("64", AO="YP", AA="3100", **secrets)
    codec = Codec(Profile())
    data = codec.encode(LOGIN).data + codec.encode(patron).data
    _, plain = parse(monkeypatch, capsys, data)
    assert secrets.items() <= dict(plain[1]["fields"]).items()
    _, lines = parse(monkeypatch, capsys, data, "--mask")
    assert lines[0]["fields"] == [["CN", "kiosk"], ["CO", MASK], ["CP", "1F"]]
    fields = dict(lines[1]["fields"])
    assert {code for code, value in fields.items() if value == MASK} == SECRET_CODES
    assert "secret" not in json.dumps(lines)
    assert {"AC", "AD", "CO", "AE", "BD", "BE", "BF"} <= SECRET_CODES


def test_the_charset_and_the_dialect_can_be_named(monkeypatch, capsys, tmp_path):
    profile = tmp_path / "connector.toml"
    profile.write_text('agency = "X"\n[sip2]\nport = 6001\ncharset = "gbk"\nchecksum = "code_points"\n')
    frame = Codec(Profile(charset="gbk", checksum=Checksum.CODE_POINTS)).encode(ITEM, 1).data
    for options in (["--profile", str(profile)], ["--profile", str(profile), "--charset", "gb18030"]):
        _, lines = parse(monkeypatch, capsys, frame, *options)
        assert (lines[0]["fields"][1], lines[0]["checksum"]) == (["AB", "東質珅"], "ok")
    _, lines = parse(monkeypatch, capsys, frame)
    assert lines[0]["problems"][0] == "undecodable_bytes"


@pytest.mark.parametrize(("name", "charset"), [
    ("gbk", "gbk"), ("GB18030", "gb18030"), ("cp936", "gbk"), ("gb2312", "gbk"), ("Big5", "big5"), ("UTF8", "utf-8"),
    ("latin-1", "latin-1"), ("ISO-8859-1", "latin-1"), ("IBM850", "cp850"), ("US-ASCII", "ascii")])  # fmt: skip
def test_a_charset_may_be_written_as_people_write_it(name, charset, monkeypatch, capsys):
    text = "Welcome" if charset in ("ascii", "cp850", "latin-1") else "東質"
    frame = f"18030001{DATE}AB1|AJ{text}|".encode(charset)
    _, lines = parse(monkeypatch, capsys, frame, "--charset", name)
    assert (lines[0]["fields"][1], lines[0]["problems"]) == (["AJ", text], [])


@pytest.mark.parametrize("name", ["klingon", "", "utf-16", "rot13", "\0"])
def test_a_charset_that_no_profile_has_is_wrong_use(name):
    with pytest.raises(SystemExit) as ended:
        main(["sip2", "parse", "/dev/null", "--charset", name])
    assert ended.value.code == 2


def test_a_shipped_profile_goes_by_its_name(monkeypatch, capsys):
    frame = Codec(Profile.shipped("dp2")).encode(ITEM, 4).data
    assert parse(monkeypatch, capsys, frame)[1][0]["checksum"] == "bad"
    assert parse(monkeypatch, capsys, frame, "--profile", "dp2")[1][0]["checksum"] == "ok"


def test_an_unknown_key_of_a_profile_is_refused_and_other_settings_of_a_connector_are_not(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('charsett = "gbk"\n')
    with pytest.raises(Refused, match="unknown key 'charsett'"):
        load_profile(str(path))
    path.write_text('agency = "X"\n[sip2]\nhost = "h"\ncharset = "gbk"\n')
    assert load_profile(str(path)) == Profile(charset="gbk")


def test_of_a_connectors_settings_the_profile_that_they_name_counts_too(tmp_path):
    settings, own = tmp_path / "connector.toml", tmp_path / "ils.toml"
    settings.write_text('[sip2]\nprofile = "koha"\ncharset = "gbk"\n')
    assert load_profile(str(settings)) == replace(Profile.shipped("koha"), charset="gbk")
    settings.write_text('[sip2]\nprofile = "ils.toml"\n')
    with pytest.raises(Refused, match=r"ils\.toml cannot be read"):
        load_profile(str(settings))
    own.write_text('terminator = "LF"\n')
    assert load_profile(str(settings)) == Profile(terminator=Terminator.LF)


@pytest.mark.parametrize("text", ["charset = 'klingon'", "checksum = 'none of these'", "sip2 = 1", "delimiter = 'ab'",
                                  "[", "charset = 7"])
def test_a_profile_that_cannot_be_is_refused(tmp_path, capsys, text):
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(Refused, match=r"p\.toml is no SIP2 profile"):
        load_profile(str(path))
    assert main(["sip2", "parse", "/dev/null", "--profile", str(path)]) == 1


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
def test_what_is_printed_is_json_in_whatever_the_terminal_is(encoding, tmp_path):
    path = tmp_path / "taken"
    path.write_bytes(f"18030001{DATE}AB1|AJ東é\U0001f4da\x07|\r".encode())
    told = subprocess.run([sys.executable, "-m", "connectors.cli", "sip2", "parse", str(path)], capture_output=True,
                          env={**os.environ, "PYTHONIOENCODING": encoding}, check=True)
    assert json.loads(told.stdout.decode(encoding))["fields"][1] == ["AJ", "東é\U0001f4da\x07"]


def test_files_that_are_not_there(tmp_path, capsys):
    assert main(["sip2", "parse", str(tmp_path / "no")]) == 1
    assert main(["sip2", "parse", "/dev/null", "--profile", str(tmp_path / "no")]) == 1
    assert "no: No such file or directory" in capsys.readouterr().err


def test_a_line_that_never_ends_costs_bounded_memory_and_one_error(monkeypatch, capsys):
    endless = b"17" + b"x" * (3 * FRAME_BYTES_MAX)
    assert max(len(frame) for _, frame in frames(io.BytesIO(endless))) <= FRAME_BYTES_MAX + 1
    frame = Codec(Profile()).encode(ITEM).data
    code, lines = parse(monkeypatch, capsys, endless + b"\r" + b"zz\r" + frame)
    assert code == 1
    assert [line.get("error") for line in lines] == ["frame_too_long", "unknown_message", None]
    assert lines[1]["offset"] == len(endless) + 1


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_garbage_is_a_message_or_the_one_named_error(data):
    codec = Codec(Profile())
    for offset, frame in frames(io.BytesIO(data)):
        assert data[offset : offset + len(frame)] == frame
        with contextlib.suppress(FormatError):
            json.dumps(message_json(read_frame(codec, frame)))


def test_every_real_sample_is_read_or_refused_by_name(monkeypatch, capsys):
    rows = require_shared_data("sip2", "samples.tsv").read_text("utf-8").splitlines()[1:]
    frames = [row.split("\t")[0] for row in rows]
    _, lines = parse(monkeypatch, capsys, "\r".join(frames).encode())
    assert len(lines) == len(frames)
    assert all("message" in line or line["error"] in ("truncated_message", "unknown_message") for line in lines)
