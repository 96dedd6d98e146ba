"""``sip2 record`` and ``sip2 replay``: what passes is noted without a secret, and asked again without a write."""

import asyncio
import contextlib
import json
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from connectors.cli import main
from connectors.sip2.client import Sip2Client
from connectors.sip2.fields import SECRET_CODES, HoldMode
from connectors.sip2.framing import FRAME_BYTES_MAX
from connectors.sip2.line import Address, Credentials
from connectors.sip2.messages import WRITES
from connectors.sip2.profile import Profile
from connectors.sip2.server import serve
from connectors.sip2.tls import client_context, server_context
from connectors.sip2.verbs import Verbs
from connectors.tools.sip2_capture import Tap
from connectors.tools.sip2_reader import Reader
from connectors.tools.sip2_replay import READS, read_recording
from connectors.tools.sip2_shapes import MASK
from connectors.tools.terminal import Refused
from examples.alliance.stock import stock_of
from tests.connectors.sip2.certificates import Authority
from tests.connectors.sip2.scripted import CLOSE, greets, scripted
from tests.connectors.sip2.test_tls import shelf
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, HandClock, open_ils, readers

GBK_LF = BY_SLUG["suzhou"]
# A name that GBK has.
READER = 2
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
READER_OF_ANY = Reader.of(Profile(), is_charset_known=False)


def as_file(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@contextlib.asynccontextmanager
async def tapped(port):
    rows = []
    tap = Tap(Address("127.0.0.1", port), READER_OF_ANY, rows.append, lambda: NOON)
    async with tap.listening("127.0.0.1", 0) as tap_port:
        yield tap_port, rows


async def visit(library, port, clock):
    reader, copy = readers(library)[READER], stock_of(library, LIBRARIES, SEED)[0].items[0].barcode
    async with Sip2Client("127.0.0.1", port, library.sip2, library.credentials) as client:
        desk = Verbs(client, clock)
        assert (await desk.patron_information(reader.card, reader.pin)).name == reader.name
        assert (await desk.item_information(copy)).ok
        assert (await desk.checkout(reader.card, copy, reader.pin)).ok
        assert (await desk.checkin(copy)).ok
        assert (await desk.hold(HoldMode.ADD, reader.card, item_id=copy)).ok
        assert (await desk.hold(HoldMode.DELETE, reader.card, item_id=copy)).ok


@pytest.fixture
async def recorded(tmp_path):
    """A whole visit at a GBK system with LF and checksums over characters, tapped."""
    clock = HandClock()
    async with open_ils(GBK_LF, tmp_path, clock) as ils, tapped(ils.ports.sip2) as (port, rows):
        await visit(GBK_LF, port, clock)
    return rows


async def test_both_sides_are_noted_in_their_order_with_times(recorded):
    said = [(row["from"], row["message"]) for row in recorded]
    assert said == [(side, message) for ask, answer in (
        ("93", "94"), ("99", "98"), ("63", "64"), ("17", "18"), ("11", "12"), ("09", "10"), ("15", "16"), ("15", "16"))
        for side, message in (("sc", ask), ("acs", answer))]
    assert {(row["line"], row["at"]) for row in recorded} == {(1, "2026-03-02T04:00:00.000+00:00")}
    assert dict(recorded[3]["fields"])["AM"] == GBK_LF.name_zh


async def test_no_secret_is_noted(recorded):
    reader = readers(GBK_LF)[READER]
    text = json.dumps(recorded, ensure_ascii=False)
    for secret in (reader.pin, reader.name, GBK_LF.credentials.password):
        assert secret not in text
    shown = {value for row in recorded for code, value in row["fields"] if code in SECRET_CODES}
    assert shown <= {MASK}
    assert {"AC", "AD", "CO", "AE", "BD", "BE", "BF", "DA"} <= SECRET_CODES


async def test_what_is_no_message_is_noted_by_its_length_alone():
    async with scripted(lambda frame: b"Login incorrect\r") as ils, tapped(ils.port) as (port, rows):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"s3cret\r")
        assert await reader.readuntil(b"\r") == b"Login incorrect\r"
        writer.close()
    assert [(row["from"], row["error"], row["bytes"]) for row in rows] == [
        ("sc", "unknown_message", 6), ("acs", "unknown_message", 15)]
    assert ils.frames == [b"s3cret"]


async def test_bytes_pass_untouched_however_long_the_frame():
    long = b"17" + b"x" * (FRAME_BYTES_MAX + 5)
    answer = bytes(range(128, 256)) + b"\n\r"
    heard = bytearray()

    async def ils(reader, writer):
        while not heard.endswith(b"\r"):
            heard.extend(await reader.read(1 << 16))
        writer.write(answer)
        await reader.read()
        writer.close()

    async with (await asyncio.start_server(ils, "127.0.0.1", 0) as server,
                tapped(server.sockets[0].getsockname()[1]) as (port, rows)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(long + b"\r")
        assert await reader.readexactly(len(answer)) == answer
        writer.close()
    assert bytes(heard) == long + b"\r"
    assert [row["error"] for row in rows] == ["frame_too_long", "unknown_message"]


async def test_the_ils_is_called_with_tls_where_that_is_asked_for(tmp_path):
    authority = Authority(tmp_path)
    tls = server_context(*authority.issue("ils.example.org"))
    rows = []
    async with serve("127.0.0.1", 0, Profile(), shelf, tls=tls) as ils:
        for name in ("ils.example.org", None):
            target = Address("127.0.0.1", ils.port, client_context(ca_file=authority.file), name)
            tap = Tap(target, READER_OF_ANY, rows.append, lambda: NOON)
            async with tap.listening("127.0.0.1", 0) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"9900802.00\r")
                assert (await reader.read(2)) == (b"98" if name else b"")
                writer.close()
    assert [row.get("message") or row["detail"] for row in rows] == ["99", "98", "certificate_of_another_name"]


async def test_a_replay_over_tls(tmp_path, capsys):
    authority = Authority(tmp_path)
    path = as_file(tmp_path / "t", [said("sc", "17", fixed={"transaction_date": "x"}, fields=[["AB", "1"]]),
                                    said("acs", "18", fields=[["AB", "1"], ["AJ", "x"]])])
    async with serve("127.0.0.1", 0, Profile(), shelf, tls=server_context(*authority.issue("127.0.0.1"))) as ils:
        command = ["sip2", "replay", str(path), f"127.0.0.1:{ils.port}", "--login", "k:p", "--tls"]
        assert await asyncio.to_thread(main, [*command, "--ca", str(authority.file)]) == 0
        assert await asyncio.to_thread(main, command) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["same"]
    assert "name its issuer by --ca" in printed.err


async def test_an_ils_that_is_away_ends_the_terminals_line():
    async with scripted(lambda frame: None) as ils:
        pass
    async with tapped(ils.port) as (port, rows):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
    assert rows == [{"at": "2026-03-02T04:00:00.000+00:00", "line": 1, "error": "line_down",
                     "detail": "ConnectionRefusedError"}]


async def test_a_line_ends_at_both_ends_when_one_hangs_up():
    async with scripted(lambda frame: CLOSE) as ils, tapped(ils.port) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"9900802.00\r")
        assert await reader.read() == b""
        writer.close()


async def test_a_full_disk_ends_the_recording():
    def put(row):
        raise OSError(28, "No space left on device")

    async with scripted(greets(lambda frame: None)) as ils:
        tap = Tap(Address("127.0.0.1", ils.port), READER_OF_ANY, put, lambda: NOON)
        async with tap.listening("127.0.0.1", 0) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"9900802.00\r")
            await asyncio.wait_for(tap.stopped.wait(), 5)
            writer.close()
    assert tap.failure.errno == 28


async def test_the_command_records_until_it_is_told_to_stop(tmp_path):
    target = tmp_path / "taken.jsonl"
    async with scripted(greets(lambda frame: None)) as ils:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "connectors.cli", "sip2", "record", "--listen", "127.0.0.1:0", "--to",
            f"127.0.0.1:{ils.port}", "-o", str(target), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            said = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
            reader, writer = await asyncio.open_connection("127.0.0.1", int(said.split(" ")[0].rpartition(":")[2]))
            writer.write(b"9900802.00\r")
            await reader.readuntil(b"\r")
            writer.close()
            process.send_signal(signal.SIGTERM)
            _, err = await asyncio.wait_for(process.communicate(), 15)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    assert (process.returncode, err) == (0, b"")
    rows = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [(row["from"], row["message"]) for row in rows] == [("sc", "99"), ("acs", "98")]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert main(["sip2", "record", "--listen", "127.0.0.1:1", "--to", "h:1", "-o", str(target)]) == 1


def test_only_loopback_is_listened_on_unless_asked_for(tmp_path, capsys):
    command = ["sip2", "record", "--listen", "0.0.0.0:7000", "--to", "h:1", "-o", str(tmp_path / "x")]
    assert main(command) == 2
    assert "--any-address" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def replay_command(path, library, port, *options):
    return ["sip2", "replay", str(path), f"127.0.0.1:{port}", "--charset", library.sip2.charset,
            "--login", f"{library.credentials.user}:{library.credentials.password}", *options]


async def test_a_replay_at_the_same_system_finds_no_difference(recorded, tmp_path, capsys):
    path = as_file(tmp_path / "taken.jsonl", recorded)
    profile = tmp_path / "p.toml"
    profile.write_text(GBK_LF.sip2.to_toml(), "utf-8")
    async with open_ils(GBK_LF, tmp_path / "again", HandClock()) as ils:
        command = replay_command(path, GBK_LF, ils.ports.sip2, "--profile", str(profile))
        assert await asyncio.to_thread(main, command) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [{"line": 1, "message": message, "same": True, "differences": []} for message in ("99", "63", "17")]


async def test_a_replay_names_what_has_changed_and_never_writes(recorded, tmp_path, capsys):
    path = as_file(tmp_path / "taken.jsonl", recorded)
    item = b"1803000120260101    120000ABx|AJy|ZZ1|\r"
    async with scripted(greets(lambda frame: item if frame.startswith(b"17") else b"96AZFEF6\r")) as ils:
        assert await asyncio.to_thread(main, replay_command(path, GBK_LF, ils.port)) == 1
    assert not WRITES & set(ils.ids())
    rows = {row["message"]: row["differences"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["63"] == ["request_refused"]
    assert rows["17"][-1] == "new ZZ"
    assert "lost CF" in rows["17"]


async def test_masked_values_are_not_sent(recorded, tmp_path):
    (asked, _) = next(pair for pair in read_recording(as_file(tmp_path / "t", recorded)) if pair[0].message == "63")
    message = asked.to_message("20260302    120000")
    assert message.get("AD") is None
    assert message.get("AA") == readers(GBK_LF)[READER].card
    assert message.fixed["transaction_date"] == "20260302    120000"


def test_only_questions_are_taken_from_a_recording(recorded, tmp_path):
    pairs = list(read_recording(as_file(tmp_path / "t", recorded)))
    assert [(asked.message, answer.message) for asked, answer in pairs] == [("99", "98"), ("63", "64"), ("17", "18")]
    assert not READS & WRITES


def said(side, message, **values):
    return {"line": 1, "from": side, "message": message, "fixed": {}, "fields": [], **values}


def pairs_of(tmp_path, *rows):
    return list(read_recording(as_file(tmp_path / "t", rows)))


def test_a_question_without_its_answer(tmp_path):
    for rows in ([said("sc", "99")], [said("sc", "99"), said("acs", "96")], [said("sc", "99"), said("acs", "94")]):
        assert [answer for _, answer in pairs_of(tmp_path, *rows)] == [None]


def test_a_question_that_was_said_again_is_one(tmp_path):
    ask, again, answer = said("sc", "99"), said("acs", "96"), said("acs", "98")
    for rows in ([ask, again, ask, answer], [ask, said("sc", "97"), answer], [ask, ask, answer]):
        assert [found.message for _, found in pairs_of(tmp_path, *rows)] == ["98"]


def test_a_question_that_was_noted_without_its_values_is_not_asked(tmp_path):
    asked = said("sc", "63", fixed={"language": MASK}, fields=[["AA", MASK]])
    assert pairs_of(tmp_path, asked, said("acs", "64")) == []


ODD = {
    "no JSON": "[", "a number": "1", "a list": '["message"]', "a wrong type": '{"message": 7}',
    "a part": '{"message": "17"}', "NUL": "\x00", "deep": "[" * 100_000,
    "a code": '{"message": "17", "line": 1, "from": "sc", "fixed": {}, "fields": [["message_id", "1"]]}',
}  # fmt: skip


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_file_that_is_no_recording_is_refused_by_name(text, tmp_path):
    (tmp_path / "t").write_text(text)
    with pytest.raises(Refused, match="line 1: no line of a recording"):
        list(read_recording(tmp_path / "t"))


def test_a_replay_where_nobody_listens(tmp_path, capsys):
    path = as_file(tmp_path / "t", [{"line": 1, "from": "sc", "message": "99", "fixed": {}, "fields": []}])
    assert main(["sip2", "replay", str(path), "127.0.0.1:1"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert main(["sip2", "replay", str(tmp_path / "no"), "127.0.0.1:1"]) == 1


def test_credentials_are_not_shown():
    assert "s3cret" not in repr(Credentials("u", "s3cret"))
