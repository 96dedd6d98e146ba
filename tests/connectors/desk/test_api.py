"""The desk's socket: staff scan, look and claim; what cannot be done is a problem with the reason, never twice."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.agent.app import Connector
from connectors.agent.config import Settings, Sip2Settings
from connectors.agent.conflicts import Cause, Conflict, Conflicts
from connectors.agent.custody import Step
from connectors.agent.harvest.files import Files
from connectors.agent.harvest.harvester import Harvester
from connectors.agent.keeper import VOUCHED
from connectors.agent.link import GatewayLink, GatewayUnreachable
from connectors.agent.tables import Unit
from connectors.agent.worker import Worker
from connectors.cli import main
from connectors.desk.api import serve_desk
from connectors.ils.port import Reason, Result
from connectors.marc.items import CNMARC_905
from connectors.sip2.client import Sip2Client
from examples.alliance.people import JsonPeer, Refused, over_socket
from examples.ils.model import ALLIANCE_CARD
from schemas.identifiers import AgencyId
from schemas.lifecycle import LoanStatus, Outcome
from tests.alliance import BARCODES, FIRST, HOME, PRICE_FEN, Alliance, alliance


@dataclass
class Desk:
    """One library's desk: its socket and who asks there."""

    town: Alliance
    socket: Path
    peer: JsonPeer

    async def scan(self, **asked: Any) -> Any:
        return await self.peer.ask("POST", "/scan", {"barcode": BARCODES[FIRST], **asked})

    async def refusal(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        with pytest.raises(Refused) as refused:
            await self.peer.ask(method, path, body)
        return refused.value.status, refused.value.code


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Alliance]:
    async with alliance(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(town: Alliance, tmp_path: Path) -> AsyncIterator[Desk]:
    """The first supplier's desk; its connector's loops stand still, so that a test moves everything."""
    async with desk_of(town, FIRST, tmp_path / "desk.sock") as opened:
        yield opened


@asynccontextmanager
async def desk_of(town: Alliance, agency: AgencyId, socket: Path, harvested: Path | None = None) -> AsyncIterator[Desk]:
    member, client = town[agency], Sip2Client("127.0.0.1", 1, town[agency].library.sip2)
    told = Settings(agency=agency, gateway_url="http://127.0.0.1:1/link",
                    sip2=Sip2Settings(port=1, institutional_cards=(ALLIANCE_CARD,)))

    async def no_answer(*_question: object) -> None:
        return None

    connector = Connector(
        settings=told, office=member.office, journal=member.journal, counter=member.counter, client=client,
        link=GatewayLink(told.gateway_url, member.office, member.journal, no_answer, lambda: 0.5),
        worker=Worker(member.journal, member.office, told.sip2.ils(client, town.clock), told.sip2.cards()),
        harvester=Harvester(Files(harvested, None) if harvested else None, CNMARC_905, member.office,
                            member.journal, told.harvest))
    peer = over_socket(socket)
    async with client, serve_desk(connector, socket), peer.http:
        yield Desk(town, socket, peer)


async def promised(town: Alliance) -> str:
    """A loan whose copy stands on the first supplier's pull list."""
    conv = await town.order(FIRST)
    await town.rest()
    return conv


async def test_the_socket_is_its_owners_alone_and_goes_with_the_connector(desk: Desk) -> None:
    assert stat.S_ISSOCK(desk.socket.stat().st_mode)
    assert stat.S_IMODE(desk.socket.stat().st_mode) == 0o600


async def test_the_status_says_what_waits(desk: Desk) -> None:
    assert (await desk.peer.ask("GET", "/status")).items() >= {
        "agency": FIRST, "link_up": False, "waiting": 0, "tasks": 0, "statement": False, "received": 0,
        "alarms": []}.items()
    await desk.town.order(FIRST)
    await desk.town.rest(working=False)
    await desk.town[HOME].work()
    await desk.town.rest(working=False)
    status = await desk.peer.ask("GET", "/status")
    assert (status["tasks"], status["received"] > 0) == (1, True)


async def test_the_status_says_how_the_library_stands_with_the_alliance(desk: Desk) -> None:
    directory = (await desk.peer.ask("GET", "/status"))["directory"]
    assert (directory["version"], directory["is_stale"], directory["vouched_until"]) == (1, False, None)
    assert [(key["purpose"], key["in_use"], key["is_here"]) for key in directory["keys"]] == [
        ("sign", True, True), ("seal", True, True)]
    assert directory["warnings"] == []
    await promised(desk.town)
    desk.town.clock.forward(days=360)
    status = await desk.peer.ask("GET", "/status")
    assert {warning["level"] for warning in status["directory"]["warnings"]} == {0, 7}
    assert (status["log_seen"], status["unconfirmed"]) == (None, 0)


async def test_the_metrics_say_what_the_status_says(desk: Desk, capsys: pytest.CaptureFixture[str],
                                                    tmp_path: Path) -> None:
    await promised(desk.town)
    async with over_socket(desk.socket).http as http, http.get("http://local/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = (await answer.text()).splitlines()
    assert {"delta_open_loans 1", "delta_link_up 0", "delta_outbox_messages 0", "delta_directory_stale 0",
            "delta_conflicts 0", "delta_ils_up 1", "delta_directory_version 1"} <= set(lines)
    named = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(set(named)) == len(named)
    config = tmp_path / "connector.toml"
    config.write_text(f'agency = "{FIRST}"\ngateway_url = "http://127.0.0.1:1/link"\ndesk_socket = "{desk.socket}"\n'
                      '[sip2]\nport = 1\ninstitutional_cards = ["X"]\n', "utf-8")
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["status", "--metrics", "--config", str(config)]) == 0
    assert set(named) == {line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("# HELP")}


async def test_alarms_and_the_time_that_is_left_are_measured(desk: Desk) -> None:
    town = desk.town
    until = (town.clock() + timedelta(hours=5)).isoformat()
    await town[FIRST].journal.run(lambda unit: unit.set_fact(VOUCHED, until))
    for _ in range(2):
        await town[FIRST].journal.run(lambda unit: unit.alarm(town.clock().isoformat(), "split_view", "two histories"))
    async with over_socket(desk.socket).http as http, http.get("http://local/metrics") as answer:
        lines = (await answer.text()).splitlines()
    assert {'delta_alarms_total{code="split_view"} 2', "delta_directory_vouched_seconds 18000"} <= set(lines)


async def test_a_promised_copy_is_on_the_pull_list_until_it_is_sent(desk: Desk) -> None:
    conv = await promised(desk.town)
    (loan,) = await desk.peer.ask("GET", "/pull-list")
    assert (loan["conv"], loan["barcode"], loan["status"]) == (conv, BARCODES[FIRST], LoanStatus.WILL_SUPPLY)
    await desk.scan()
    await desk.town.rest()
    assert await desk.peer.ask("GET", "/pull-list") == []


async def test_a_scan_does_the_next_step_and_shows_the_loan(desk: Desk) -> None:
    conv = await promised(desk.town)
    answer = await desk.scan(loan=conv, step=Step.DISPATCH)
    assert (answer["step"], answer["loan"]["conv"]) == (Step.DISPATCH, conv)


async def test_a_second_click_does_nothing_twice(desk: Desk) -> None:
    conv = await promised(desk.town)
    clicks = await asyncio.gather(*(desk.scan(step=Step.DISPATCH) for _ in range(4)), return_exceptions=True)
    assert [type(click) for click in clicks].count(dict) == 1
    assert {click.code for click in clicks if isinstance(click, Refused)} == {"nothing_to_do"}
    assert len(await desk.town[FIRST].tasks()) == 1
    await desk.town.rest()
    assert await desk.refusal("POST", "/scan", {"barcode": BARCODES[FIRST], "step": Step.DISPATCH}) == (
        409, "nothing_to_do")
    assert (await desk.town[FIRST].loan(conv)).status is LoanStatus.LOANED


async def test_a_click_on_a_step_that_was_done_never_does_the_one_after_it(town: Alliance, desk: Desk) -> None:
    conv = await promised(town)
    await desk.scan()
    await town.rest()
    async with desk_of(town, HOME, desk.socket.with_name("home.sock")) as home:
        asked = {"barcode": BARCODES[FIRST], "loan": conv, "step": Step.ARRIVED}
        assert (await home.peer.ask("POST", "/scan", asked))["step"] == Step.ARRIVED
        assert await home.refusal("POST", "/scan", asked) == (409, "nothing_to_do")
        assert (await town[HOME].loan(conv)).custody == "pickup point"
        asked["step"] = Step.HAND_OVER
        assert (await home.peer.ask("POST", "/scan", asked))["loan"]["custody"] == "reader"


@pytest.mark.parametrize("body", [{}, {"barcode": ""}, {"barcode": "a\nb"}, {"barcode": "1", "step": "dance"},
                                  {"barcode": "1", "loan": "X"}, {"barcode": "1", "condition": "eaten"},
                                  {"barcode": "1", "reader": "x"}, {"barcode": 1}, [], None], ids=str)
async def test_a_scan_that_is_none_is_a_bad_request(desk: Desk, body: Any) -> None:
    assert await desk.refusal("POST", "/scan", body) == (400, "bad_request")


async def test_a_copy_nobody_lends_has_no_next_step(desk: Desk) -> None:
    assert await desk.refusal("POST", "/scan", {"barcode": "99999999"}) == (409, "nothing_to_do")


async def test_a_foreign_copy_waits_for_the_gateway(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_question: object) -> bytes:
        raise GatewayUnreachable("no link to the gateway")

    monkeypatch.setattr(type(desk.town[FIRST].counter.link), "ask", away)
    assert await desk.refusal("POST", "/scan", {"barcode": "99999999"}) == (503, "gateway_unreachable")


async def test_a_copy_that_is_not_on_the_shelf_is_reported_once(desk: Desk) -> None:
    conv = await promised(desk.town)
    assert (await desk.peer.ask("POST", f"/loans/{conv}/not-on-shelf"))["conv"] == conv
    assert await desk.refusal("POST", f"/loans/{conv}/not-on-shelf") == (409, "nothing_to_do")
    await desk.town.rest()
    assert (await desk.town[FIRST].loan(conv)).status is LoanStatus.UNFILLED
    assert await desk.refusal("POST", f"/loans/{conv}/not-on-shelf") == (409, "nothing_to_do")


async def test_what_the_ils_refused_is_shown_with_its_reason_and_its_words(desk: Desk) -> None:
    conv = await promised(desk.town)
    await desk.scan(loan=conv)
    await desk.town[FIRST].work(check_out=Result(False, reason=Reason.OTHER, words="系统忙"))
    assert await desk.peer.ask("GET", "/refusals") == [
        {"conv": conv, "verb": "check out", "barcode": BARCODES[FIRST], "reason": "Other", "words": "系统忙"}]


@pytest.mark.parametrize("what", ["not-on-shelf", "lost"])
async def test_of_an_unknown_loan_nothing_can_be_said(desk: Desk, what: str) -> None:
    assert await desk.refusal("POST", f"/loans/loan-9999/{what}") == (404, "not_found")


async def test_a_copy_in_the_library_is_not_lost(desk: Desk) -> None:
    conv = await promised(desk.town)
    assert await desk.refusal("POST", f"/loans/{conv}/lost") == (409, "nothing_to_do")


@pytest.mark.parametrize("charge", [{}, {"charge_fen": 100}], ids=str)
async def test_a_lost_copy_is_charged_at_its_price_or_less(desk: Desk, charge: dict[str, int]) -> None:
    conv = await promised(desk.town)
    await desk.scan()
    await desk.town.rest()
    answer = await desk.peer.ask("POST", f"/loans/{conv}/lost", charge)
    assert answer["outcome"] == Outcome.LOST
    await desk.town.rest()
    charged = charge.get("charge_fen", PRICE_FEN) + 300
    assert (await desk.town.balances())[FIRST] == (charged, 0)


@pytest.mark.parametrize("charge_fen", [-1, 2**53, "all", 1.5])
async def test_a_charge_that_is_none_is_a_bad_request(desk: Desk, charge_fen: Any) -> None:
    conv = await promised(desk.town)
    await desk.scan()
    await desk.town.rest()
    assert await desk.refusal("POST", f"/loans/{conv}/lost", {"charge_fen": charge_fen}) == (400, "bad_request")
    assert (await desk.town[FIRST].loan(conv)).outcome is None


async def test_loans_that_have_ended_are_shown_only_where_asked_for(desk: Desk) -> None:
    conv = await promised(desk.town)
    await desk.scan()
    await desk.town.rest()
    assert [loan["conv"] for loan in await desk.peer.ask("GET", "/loans")] == [conv]
    await desk.peer.ask("POST", f"/loans/{conv}/lost")
    assert await desk.peer.ask("GET", "/loans") == []
    assert [loan["conv"] for loan in await desk.peer.ask("GET", "/loans?all")] == [conv]


async def test_no_reader_is_named_to_staff_of_another_library(desk: Desk) -> None:
    await promised(desk.town)
    (loan,) = await desk.peer.ask("GET", "/loans")
    assert not {"card", "patron", "voucher", "reader"} & set(loan)


async def test_without_a_catalogue_there_is_nothing_to_harvest(desk: Desk) -> None:
    assert await desk.refusal("POST", "/harvest") == (502, "no_harvest")


async def test_a_bug_shows_no_traceback(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_nothing: object) -> None:
        raise RuntimeError("card 310110000001")

    monkeypatch.setattr(type(desk.town[FIRST].counter), "pull_list", fails)
    async with desk.peer.http.get("http://local/pull-list") as answer:
        assert answer.status == 500
        told = await answer.text()
    assert "310110000001" not in told
    assert "Traceback" not in told


CONFLICT = Conflict("2026-09-01T03:00:00+00:00", "2026-09-01T01:00:00+00:00", "一楼", "checkout", "3100001", "c1",
                    Cause.ILS_REFUSED, "读者证已停用")


async def conflicts(town: Alliance, *added: Conflict) -> list[Conflict]:
    def work(unit: Unit) -> list[Conflict]:
        for conflict in added:
            Conflicts(unit.connection).add(conflict)
        return Conflicts(unit.connection).open()

    return await town[FIRST].journal.run(work)


async def test_what_staff_must_settle_is_listed_until_they_say_it_is_handled(town: Alliance, desk: Desk) -> None:
    assert await desk.peer.ask("GET", "/conflicts") == []
    await conflicts(town, CONFLICT, CONFLICT)
    first, second = await desk.peer.ask("GET", "/conflicts")
    assert first == {"id": 1, "noted_at": CONFLICT.noted_at, "happened_at": CONFLICT.happened_at, "place": "一楼",
                     "action": "checkout", "barcode": "3100001", "card": "c1", "cause": "ils_refused",
                     "detail": "读者证已停用"}
    assert await desk.peer.ask("POST", "/conflicts/1/handled") == {"handled": 1}
    assert await desk.refusal("POST", "/conflicts/1/handled") == (404, "not_found")
    assert await desk.peer.ask("GET", "/conflicts") == [second]


async def test_what_is_handled_is_forgotten(town: Alliance, desk: Desk) -> None:
    (kept,) = await conflicts(town, CONFLICT)
    assert "c1" not in repr(kept)
    assert "读者证" not in repr(kept)
    await desk.peer.ask("POST", "/conflicts/1/handled")
    rows = await town[FIRST].journal.run(lambda unit: unit.connection.execute("SELECT * FROM conflict").fetchall())
    assert rows == []


async def test_a_list_gone_wild_is_shown_in_part(town: Alliance, desk: Desk,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.agent.conflicts.SHOWN_MAX", 3)
    await conflicts(town, *[CONFLICT] * 5)
    assert [conflict["id"] for conflict in await desk.peer.ask("GET", "/conflicts")] == [1, 2, 3]


async def test_a_copy_is_put_into_a_locker_from_the_desk_and_listed_when_nobody_comes(town: Alliance, desk: Desk
                                                                                      ) -> None:
    conv = await promised(town)
    await desk.scan()
    await town.rest()
    async with desk_of(town, HOME, desk.socket.with_name("home.sock")) as home:
        asked = {"barcode": BARCODES[FIRST], "loan": conv, "step": Step.LOAD}
        assert await home.refusal("POST", "/scan", asked) == (409, "nothing_to_do")
        answer = await home.peer.ask("POST", "/scan", {**asked, "place": "地铁站书柜"})
        assert (answer["step"], answer["loan"]["custody"]) == ("load locker", "locker")
        assert await home.peer.ask("GET", "/uncollected") == []
        town.clock.forward(days=3, minutes=1)
        (stay,) = await home.peer.ask("GET", "/uncollected")
        assert (stay["place"], stay["loan"]["conv"]) == ("地铁站书柜", conv)
        taken_out = await home.peer.ask("POST", "/scan", {"barcode": BARCODES[FIRST], "loan": conv})
        assert (taken_out["step"], taken_out["loan"]["custody"]) == ("take out", "pickup point")
        assert await home.peer.ask("GET", "/uncollected") == []


async def test_the_terminal_lists_and_takes_off(town: Alliance, desk: Desk, capsys: pytest.CaptureFixture[str]
                                                ) -> None:
    await conflicts(town, CONFLICT)
    config = desk.socket.with_name("connector.toml")
    config.write_text(f'agency = "{FIRST}"\ngateway_url = "http://127.0.0.1:1/link"\n'
                      f'[sip2]\nport = 1\ninstitutional_cards = ["{ALLIANCE_CARD}"]\n', "utf-8")

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, [*arguments, "--config", str(config)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    assert "借出 checkout" in (await run("conflicts"))[1]
    (listed,) = json.loads((await run("conflicts", "--json"))[1])
    assert (listed["id"], listed["cause"]) == (1, "ils_refused")
    assert (await run("conflicts", "handled", "1"))[:2] == (0, "已处理 handled: 1\n")
    code, _, said = await run("conflicts", "handled", "1", "--json")
    assert (code, "no conflict 1 on the list" in said) == (1, True)
    assert (await run("conflicts"))[1] == (await run("uncollected"))[1] == "没有 none\n"
    with pytest.raises(SystemExit) as wrong:
        await run("conflicts", "handled", "one")
    assert wrong.value.code == 2
