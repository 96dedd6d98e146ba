"""``delta-connector sip2 parse``: every frame is a line of JSON, a message or a named error, and no secret is in it."""

import io
import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.cli import main
from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.framing import FRAME_BYTES_MAX
from connectors.sip2.messages import build
from connectors.sip2.profile import Checksum, Profile
from connectors.tools.sip2 import pieces, read_piece
from connectors.tools.sip2_shapes import MASK, load_profile, message_json
from connectors.tools.terminal import Refused
from tests.peers import require_shared_data

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


def test_a_wrong_checksum_is_shown_and_is_no_error(monkeypatch, capsys):
    frame = Codec(Profile()).encode(ITEM, 3).data
    code, lines = parse(monkeypatch, capsys, frame.replace(b"YP", b"YQ"))
    assert (code, lines[0]["checksum"], lines[0]["problems"]) == (0, "bad", ["checksum_wrong"])


def test_secrets_are_masked_and_nothing_else_is(monkeypatch, capsys):
    secrets = {code: f"secret-{code}" for code in SECRET_CODES}
    patron = build("64", AO="YP", AA="3100", **secrets)
    codec = Codec(Profile())
    _, lines = parse(monkeypatch, capsys, codec.encode(LOGIN).data + codec.encode(patron).data)
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


@pytest.mark.parametrize("text", ["charset = 'klingon'", "checksum = 'none of these'", "sip2 = 1", "delimiter = 'ab'",
                                  "[", "charset = 7"])
def test_a_profile_that_cannot_be_is_refused(tmp_path, capsys, text):
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(Refused, match=r"p\.toml is no SIP2 profile"):
        load_profile(path)
    assert main(["sip2", "parse", "/dev/null", "--profile", str(path)]) == 1


def test_files_that_are_not_there(tmp_path, capsys):
    assert main(["sip2", "parse", str(tmp_path / "no")]) == 1
    assert main(["sip2", "parse", "/dev/null", "--profile", str(tmp_path / "no")]) == 1
    assert "no: No such file or directory" in capsys.readouterr().err


def test_a_line_that_never_ends_costs_bounded_memory_and_one_error(monkeypatch, capsys):
    endless = b"17" + b"x" * (3 * FRAME_BYTES_MAX)
    assert max(len(piece) for _, piece in pieces(io.BytesIO(endless))) <= FRAME_BYTES_MAX + 1
    frame = Codec(Profile()).encode(ITEM).data
    code, lines = parse(monkeypatch, capsys, endless + b"\r" + b"zz\r" + frame)
    assert code == 1
    assert [line.get("error") for line in lines] == ["frame_too_long", "unknown_message", None]
    assert lines[1]["offset"] == len(endless) + 1


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_garbage_is_a_message_or_the_one_named_error(data):
    codec = Codec(Profile())
    for offset, piece in pieces(io.BytesIO(data)):
        assert data[offset : offset + len(piece)] == piece
        try:
            for message in read_piece(codec, piece):
                json.dumps(message_json(message))
        except FormatError:
            pass


def test_every_real_sample_is_read_or_refused_by_name(monkeypatch, capsys):
    rows = require_shared_data("sip2", "samples.tsv").read_text("utf-8").splitlines()[1:]
    frames = [row.split("\t")[0] for row in rows]
    _, lines = parse(monkeypatch, capsys, "\r".join(frames).encode())
    assert len(lines) == len(frames)
    assert all("message" in line or line["error"] in ("truncated_message", "unknown_message") for line in lines)
