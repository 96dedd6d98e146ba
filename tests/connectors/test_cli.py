"""``delta-connector`` at a library: a real connector and its ILS, staff at the terminal, the gateway away."""

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.agent.app import run_connector
from connectors.agent.config import Settings
from connectors.cli import main
from connectors.desk.api import serve_desk
from connectors.tools.desk import NotRunning, ask
from connectors.tools.terminal import Refused
from examples.alliance.ground import lay_ground, write_connector_settings
from examples.alliance.stock import stock_of
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode, MessageHash
from schemas.lending import Custody, PickupPoint
from schemas.lifecycle import LoanStatus
from schemas.loan import Loan
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, HandClock, open_ils

YANGPU, SUZHOU = BY_SLUG["yangpu"], BY_SLUG["suzhou"]
CLOSED_PORT = 1
COPY = next(item for bib in stock_of(YANGPU, LIBRARIES, SEED) for item in bib.items)
PROMISED = Loan(
    ConversationId("loan-0000-0001"), AgencyId(SUZHOU.agency_id),
    PickupPoint(agency=SUZHOU.agency_id, point="总服务台"), status=LoanStatus.WILL_SUPPLY,
    holder=AgencyId(YANGPU.agency_id), supplier=AgencyId(YANGPU.agency_id), position=0, title="三体",
    barcode=ItemBarcode(COPY.barcode), confirmed=MessageHash("0" * 64), will_supply=MessageHash("1" * 64),
    last=MessageHash("2" * 64), price_fen=2300)


@pytest.fixture
async def config(tmp_path):
    """A library's folder, with its ILS running and the gateway away."""
    ground = lay_ground(tmp_path, [YANGPU, SUZHOU], datetime.now(UTC), CLOSED_PORT)
    async with open_ils(YANGPU, tmp_path, HandClock()) as ils:
        write_connector_settings(ground, [YANGPU], {YANGPU.slug: ils.ports}, CLOSED_PORT)
        yield ground.connector_settings(YANGPU)


@pytest.fixture
async def journal(config):
    """The running connector's journal."""
    settings = Settings.load(config)
    async with run_connector(settings) as connector, serve_desk(connector, settings.desk_socket):
        yield connector.journal


@pytest.fixture
def run(config, capsys):
    async def run(*arguments, code=0):
        command = [*arguments, "--config", str(config)]
        assert await asyncio.to_thread(main, command) == code, capsys.readouterr()
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return run


async def _until(run, status):
    """Return the one loan once the ILS has answered and it has come to ``status``."""
    for _ in range(200):
        (loan,) = json.loads(await run("loans", "--all", "--json"))
        if loan["status"] == status:
            return loan
        await asyncio.sleep(0.02)
    raise AssertionError(loan)


async def test_status_says_how_the_connector_stands(journal, run):
    status = json.loads(await run("status", "--json"))
    assert (status["agency"], status["link_up"], status["alarms"]) == (YANGPU.agency_id, False, [])
    told = " ".join((await run("status")).split())
    assert f"成员馆 Agency {YANGPU.agency_id}" in told
    assert "网关担保至 Vouched for until 尚无 none yet" in told


async def test_the_catalogue_is_harvested_and_waits_for_the_gateway(journal, run):
    report = json.loads(await run("harvest", "--json"))
    assert report["read"] == report["sent"] > 0
    assert json.loads(await run("status", "--json"))["waiting"] > 0


async def test_a_promised_copy_is_listed_pulled_and_dispatched(journal, run):
    assert await run("loans") == "没有 none\n"
    await journal.run(lambda unit: unit.put_loan(PROMISED))
    (loan,) = json.loads(await run("loans", "--json"))
    assert (loan["conv"], loan["status"], loan["title"]) == (PROMISED.conv, "WillSupply", "三体")
    assert "总服务台" in await run("pull-list")
    scan = json.loads(await run("scan", COPY.barcode, "--condition", "good", "--place", "书库", "--json"))
    assert scan["step"] == "dispatch"
    loan = await _until(run, "Loaned")
    assert (loan["custody"], loan["due_date"] > "2026") == ("in transit", True)


async def test_a_copy_that_is_not_there_is_not_promised_any_more(journal, run):
    await journal.run(lambda unit: unit.put_loan(PROMISED))
    assert PROMISED.conv in await run("not-on-shelf", PROMISED.conv)
    await _until(run, "Unfilled")
    assert await run("pull-list") == "没有 none\n"
    assert "nothing_to_do" in await run("not-on-shelf", PROMISED.conv, code=1)


async def test_a_lost_copy_is_charged(journal, run):
    out = replace(PROMISED, status=LoanStatus.LOANED, custody=Custody.READER)
    await journal.run(lambda unit: unit.put_loan(out))
    loan = json.loads(await run("lost", out.conv, "--charge-fen", "1200", "--json"))
    assert (loan["status"], loan["outcome"]) == ("CompletedWithoutReturn", "lost")
    assert await run("loans") == "没有 none\n"
    assert "lost" in await run("loans", "--all", "--json")


async def test_a_refusal_names_its_reason(journal, run):
    await journal.run(lambda unit: unit.put_loan(PROMISED))
    err = await run("lost", PROMISED.conv, code=1)
    assert err.startswith("delta-connector: loan loan-0000-0001 is WillSupply; ")
    assert err.endswith("[nothing_to_do]\n")
    for loan in ("no-such-loan", "../status", "a b/c?d#e"):
        assert "Traceback" not in await run("not-on-shelf", loan, code=1)


async def test_erasing_says_first_what_it_would_do_and_then_what_it_did(journal, run):
    assert "将抹去 0 笔已结借阅的 0 条报文内容与读者信息" in await run("erase", "--ended-before", "2026-01-31", code=2)
    out = await run("erase", "--ended-before", "2026-01-31", "--yes")
    assert out.split() == ["借阅", "Loans", "报文", "Messages", "登录", "Sign-ins", "待办", "Conflicts", "保留", "Kept",
                           *"00000"]
    erased = json.loads(await run("erase", "--ended-before", "2026-01-31", "--yes", "--json"))
    assert erased == {"loans": 0, "messages": 0, "sessions": 0, "conflicts": 0, "kept": 0}


async def test_without_a_running_connector_staff_are_told_to_start_it(config, run):
    assert "start it with 'delta-connector serve'" in await run("status", code=1)
    with pytest.raises(NotRunning):
        await ask(config.with_name("desk.sock"), "GET", "/status")


async def test_an_answer_that_is_no_json_is_a_named_refusal(tmp_path):
    async def nonsense(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nOops")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(nonsense, tmp_path / "s"):
        with pytest.raises(Refused, match="answered 500 without saying why"):
            await ask(tmp_path / "s", "GET", "/status")


@contextlib.asynccontextmanager
async def served(config):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.cli", "serve", "--config", str(config),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert line.decode().startswith(YANGPU.agency_id), (await process.stderr.read()).decode()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_runs_until_it_is_told_to_stop(config, run, number):
    socket = config.with_name("desk.sock")
    async with served(config) as process:
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert json.loads(await run("status", "--json"))["agency"] == YANGPU.agency_id
        process.send_signal(number)
        _, err = await asyncio.wait_for(process.communicate(), 15)
        assert (process.returncode, b"Traceback" in err) == (0, False)
    assert not socket.exists()


async def refused(config):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.cli", "serve", "--config", str(config),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (1, b"")
    return err.decode()


async def test_two_connectors_do_not_share_a_desk(config, journal):
    assert "a connector already answers" in await refused(config)


@pytest.mark.parametrize(("name", "content"), [
    ("connector.toml", None), ("connector.toml", b"["), ("connector.toml", b'agency = "X"'),
    ("sign.pem", b"no key"), ("passphrase", None), ("journal.db", b"no database, whatever its name says" * 99),
])
async def test_what_cannot_be_served_is_refused_by_name(config, name, content):
    path = config.with_name(name)
    secret = config.with_name("passphrase").read_text()
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    err = await refused(config)
    assert err.startswith("delta-connector: ")
    assert "Traceback" not in err
    assert secret not in err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["scan"], ["scan", "1", "--condition", "odd"], ["lost", "x"],
                                       ["lost", "x", "--charge-fen", "-1"], ["marc", "convert", "x"], ["sip2"]])
def test_wrong_use(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments == ["lost", "x"]:
        assert main(arguments) == 1
        return
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_reader_that_hangs_up_ends_a_command_without_a_word(tmp_path):
    (tmp_path / "frames").write_bytes(b"97\r" * 50_000)
    with subprocess.Popen([sys.executable, "-m", "connectors.cli", "sip2", "parse", str(tmp_path / "frames")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_terminal_without_the_characters_is_shown_escapes(tmp_path):
    (tmp_path / "frames").write_bytes(b"1720260101    120000AOYP|AB" + "三体".encode() + b"|\r")
    done = subprocess.run([sys.executable, "-m", "connectors.cli", "sip2", "parse", str(tmp_path / "frames")],
                          capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=True)
    assert json.loads(done.stdout)["fields"][1] == ["AB", "三体"]
