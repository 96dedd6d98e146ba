"""``delta-gateway`` as an operator types it: exit codes, what it prints, and what it says where it cannot."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from examples.alliance.ground import Ground, lay_ground
from federation.app import run_gateway, system_clock
from federation.cli import main
from federation.config import Settings
from tests.alliance import LIBRARIES


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return lay_ground(tmp_path, LIBRARIES[:2], system_clock(), 0)


@pytest.fixture
async def running(ground: Ground) -> AsyncIterator[Ground]:
    async with run_gateway(Settings.load(ground.gateway_settings)):
        yield ground


async def run(ground: Ground, *words: str) -> int:
    """Run a command beside the gateway, in a thread with an event loop of its own."""
    return await asyncio.to_thread(main, ["--config", str(ground.gateway_settings), *words])


@pytest.mark.parametrize("words", [[], ["dance"], ["evidence"], ["evidence", "loan-0001"], ["status", "extra"],
                                   ["reset-streams"]],
                         ids=str)
def test_wrong_use_is_exit_code_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2


def test_a_missing_settings_file_is_exit_code_1_and_names_it(tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "gateway.toml"), "status"]) == 1
    assert "gateway.toml cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status"], ["loans"], ["audit"], ["settle"],
                                   ["evidence", "loan-0001", "-o", "b.zip"],
                                   ["reset-streams", "--reason", "restored", "--yes"],
                                   ["erase", "--ended-before", "2026-01-31", "--yes"]], ids=str)
def test_where_no_gateway_runs_the_command_says_how_to_start_it(ground: Ground, capsys: pytest.CaptureFixture[str],
                                                                words: list[str]) -> None:
    assert main(["--config", str(ground.gateway_settings), *words]) == 1
    told = capsys.readouterr().err
    assert "start it with 'delta-gateway serve'" in told
    assert "Traceback" not in told


async def test_the_status_is_printed_for_people_and_for_programs(running: Ground,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "status") == 0
    told = capsys.readouterr().out
    assert "证据日志条目 Entries of the evidence log: 0\n" in told
    assert "名录版本 Directory version: 1 (" in told
    assert "使用中 in use → " in told
    assert await run(running, "--json", "status") == 0
    assert json.loads(capsys.readouterr().out)["log"] == 0


async def test_the_status_is_printed_as_metrics(running: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "status", "--metrics") == 0
    told = capsys.readouterr().out
    assert told.startswith("# HELP delta_directory_version ")
    assert "\ndelta_log_entries 0\n" in told


async def test_no_loans_and_clean_books_are_empty_lists_and_exit_code_0(running: Ground,
                                                                        capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("loans", "audit"):
        assert await run(running, command) == 0
        assert json.loads(capsys.readouterr().out) == []


async def test_a_refusal_of_the_gateway_is_exit_code_1_with_its_reason(running: Ground,
                                                                       capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "settle") == 1
    assert "the gateway refused (409): index -1 is not after -1" in capsys.readouterr().err


@pytest.mark.parametrize("loan", ["loan-9999", "../status", "a/b", "?x=1", "100%", "红楼梦"])
async def test_evidence_of_an_unknown_loan_writes_no_file(running: Ground, capsys: pytest.CaptureFixture[str],
                                                          loan: str) -> None:
    output = running.folder / "bundle.zip"
    assert await run(running, "evidence", loan, "-o", str(output)) == 1
    assert "the gateway refused (404)" in capsys.readouterr().err
    assert not output.exists()


async def test_streams_are_reset_when_it_is_meant_and_each_is_named(running: Ground,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "reset-streams", "--reason", "恢复自备份", "--yes") == 0
    told = capsys.readouterr()
    assert "无法撤回" in told.err
    assert len(told.out.splitlines()) == 2 * 2
    assert f"{LIBRARIES[0].agency_id} loan: 第 " in told.out
    assert await run(running, "--json", "reset-streams", "--reason", "again", "--yes") == 0
    assert {(one["seq"], one["reason"]) for one in json.loads(capsys.readouterr().out)} == {(0, "again")}


async def test_streams_are_not_reset_where_nobody_can_be_asked(running: Ground,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "reset-streams", "--reason", "oops") == 2
    assert "give --yes" in capsys.readouterr().err
    assert await run(running, "--json", "status") == 0
    assert json.loads(capsys.readouterr().out)["log"] == 0


async def test_erasing_says_first_what_it_would_do_and_then_what_it_did(running: Ground,
                                                                        capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "erase", "--ended-before", "2026-01-31") == 2, "nobody can be asked"
    told = capsys.readouterr()
    assert "将抹去 0 笔借阅的 0 条报文内容,无法撤回" in told.err
    assert told.out == ""
    assert await run(running, "--json", "erase", "--ended-before", "2026-01-31", "--yes") == 0
    assert json.loads(capsys.readouterr().out) == {"loans": 0, "messages": 0, "kept": {}}
    with pytest.raises(SystemExit):
        await run(running, "erase", "--ended-before", "last year", "--yes")


async def test_a_second_gateway_on_the_same_database_does_not_start(running: Ground,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "federation.cli", "--config", str(running.gateway_settings), "serve",
        stderr=asyncio.subprocess.PIPE)
    _, errors = await asyncio.wait_for(second.communicate(), 20)
    assert second.returncode == 1
    assert b"gateway.db: cannot be opened (another gateway has it open" in errors
    assert errors.count(b"\n") == 1
    assert await run(running, "status") == 0


async def test_something_else_behind_the_socket_is_told_apart(ground: Ground,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answers, str(ground.operator_socket)):
        assert await run(ground, "status") == 1
    told = capsys.readouterr().err
    assert "is no gateway's" in told


async def test_serving_prints_where_and_ends_well_when_told_to(ground: Ground) -> None:
    serving = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "federation.cli", "--config", str(ground.gateway_settings), "serve",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    assert serving.stdout is not None
    url = (await asyncio.wait_for(serving.stdout.readline(), 20)).decode().strip()
    async with ClientSession() as http, http.get(f"{url}api/libraries") as answer:
        assert len(await answer.json()) == 2
    serving.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(serving.communicate(), 20)
    assert serving.returncode == 0
    assert b"Traceback" not in errors
    assert not ground.operator_socket.exists()


def spoil_passphrase(ground: Ground) -> None:
    (ground.folder / "gateway" / "passphrase").write_bytes(b"another")


def lose_passphrase(ground: Ground) -> None:
    (ground.folder / "gateway" / "passphrase").unlink()


def lose_directory(ground: Ground) -> None:
    (ground.folder / "directory" / "1" / "tariff.json").unlink()


def open_key(ground: Ground) -> None:
    (ground.folder / "gateway" / "sign.pem").chmod(0o644)


def no_database(ground: Ground) -> None:
    (ground.folder / "gateway" / "gateway.db").write_bytes(b"no database" * 99)


@pytest.mark.parametrize(("spoils", "told"), [
    (spoil_passphrase, "sign.pem"), (lose_passphrase, "passphrase"), (lose_directory, "tariff.json"),
    (open_key, "chmod 600"), (no_database, "gateway.db: cannot be opened")], ids=lambda value: str(value)[:20])
def test_a_gateway_that_cannot_start_says_why_in_one_line(ground: Ground, capsys: pytest.CaptureFixture[str],
                                                          spoils: Callable[[Ground], None], told: str) -> None:
    spoils(ground)
    assert main(["--config", str(ground.gateway_settings), "serve"]) == 1
    errors = capsys.readouterr().err
    assert told in errors
    assert errors.startswith("delta-gateway: ")
    assert errors.count("\n") == 1


async def test_a_port_that_is_taken_is_told_and_leaves_nothing_open(ground: Ground,
                                                                    capsys: pytest.CaptureFixture[str]) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        settings = ground.gateway_settings
        port = server.sockets[0].getsockname()[1]
        settings.write_text(settings.read_text().replace("port = 0", f"port = {port}"))
        serving = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "federation.cli", "--config", str(settings), "serve",
            stderr=asyncio.subprocess.PIPE)
        _, errors = await asyncio.wait_for(serving.communicate(), 20)
    assert serving.returncode == 1
    assert b"address already in use" in errors
    assert b"Traceback" not in errors
