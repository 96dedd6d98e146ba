"""What staff see of mail that went wrong, and how they begin the streams anew."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.agent.config import Settings
from connectors.cli import main
from connectors.tools import desk_texts
from schemas.identifiers import AgencyId
from schemas.problems import ProblemCode
from tests.alliance import GATEWAY, HOME, Alliance, alliance
from tests.connectors.desk.test_api import Desk, desk_of
from trust.clocks import ClockState

REASON = "日志从备份恢复 the journal was restored"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Desk]:
    """The home library's desk, with an own message that waits in its outbox."""
    async with alliance(tmp_path) as town, desk_of(town, HOME, tmp_path / "desk.sock") as desk:
        yield desk


async def waiting(town: Alliance) -> str:
    conv = await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    return conv


async def test_a_reset_answers_with_what_is_given_up_and_marks_its_loan_on_the_list(opened: Desk) -> None:
    conv = await waiting(opened.town)
    assert [loan["attention"] for loan in await opened.peer.ask("GET", "/loans")] == [None]
    report = await opened.peer.ask("POST", "/reset-streams", {"reason": REASON})
    assert report == {"streams": 1, "given_up": [{"type": "ReservationAsked", "conv": conv, "dst": GATEWAY}]}
    (loan,) = await opened.peer.ask("GET", "/loans")
    assert "ReservationAsked to DELTA was given up by a reset" in loan["attention"]
    assert "ReservationAsked to DELTA" in desk_texts.loans_text([loan])


async def test_a_reset_without_a_reason_is_refused(opened: Desk) -> None:
    assert await opened.refusal("POST", "/reset-streams", {}) == (400, "bad_request")


async def test_the_status_shows_both_clocks_once_the_gateway_has_said_its_time(opened: Desk) -> None:
    assert (await opened.peer.ask("GET", "/status"))["clock"] is None
    office = opened.town[HOME].office
    await office.greeted(opened.town.clock() + timedelta(seconds=90))
    status = await opened.peer.ask("GET", "/status")
    assert (status["clock"]["state"], status["clock"]["ahead_seconds"]) == (ClockState.OFF, -90)
    assert "时钟 Clock" in desk_texts.status_text(status)
    assert "-90 s" in desk_texts.status_text(status)


async def test_with_a_wrong_clock_staff_are_told_both_times_and_nothing_is_signed(opened: Desk) -> None:
    await waiting(opened.town)
    office = opened.town[HOME].office
    await office.greeted(opened.town.clock() + timedelta(minutes=6))
    assert await opened.refusal("POST", "/reset-streams", {"reason": REASON}) == (409, ProblemCode.CLOCK_WRONG)


# from the terminal


@pytest.fixture
def config(opened: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    told = Settings(agency=AgencyId(HOME), gateway_url="http://127.0.0.1:1/link", desk_socket=opened.socket,
                    sip2={"port": 1, "institutional_cards": ("CARD",)})
    monkeypatch.setattr(Settings, "load", classmethod(lambda _cls, _path: told))
    return tmp_path / "connector.toml"


async def test_the_command_explains_itself_and_prints_what_was_given_up(
        opened: Desk, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conv = await waiting(opened.town)
    command = ["reset-streams", "--config", str(config), "--reason", REASON, "--yes"]
    assert await asyncio.to_thread(main, command) == 0
    printed = capsys.readouterr()
    assert "重新编号的报文流 streams that begin anew: 1" in printed.out
    assert conv in printed.out
    assert "All streams of this library begin anew" in printed.err
    assert await asyncio.to_thread(main, [*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"streams": 1, "given_up": []}


async def test_without_anybody_to_agree_nothing_is_done(opened: Desk, config: Path,
                                                       capsys: pytest.CaptureFixture[str],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    await waiting(opened.town)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert await asyncio.to_thread(main, ["reset-streams", "--config", str(config), "--reason", REASON]) == 2
    assert "--yes" in capsys.readouterr().err
    assert len(await opened.town[HOME].outbox()) == 2
