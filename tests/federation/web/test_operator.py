"""The operator's socket: what the gateway holds, closing a window, evidence that verifies without the gateway."""

import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.agent.custody import Step
from examples.alliance.people import JsonPeer, Refused, over_socket
from federation.web.link import Links
from federation.web.operator import make_checkpoint, serve_operator
from schemas.identifiers import ConversationId
from tests.alliance import BARCODES, FIRST, GATEWAY, HOME, QUOTE, Alliance
from tests.federation.web.front import front_of
from tests.trust import samples
from trust.bundle import verify_bundle
from trust.checkpoint import open_checkpoint
from trust.evidence import EMPTY_ROOT


@dataclass
class Operator:
    """The town's gateway and its operator's socket."""

    town: Alliance
    socket: Path
    peer: JsonPeer

    async def get(self, path: str) -> Any:
        return await self.peer.ask("GET", path)

    async def settle(self) -> Any:
        return await self.peer.ask("POST", "/windows")


@pytest.fixture
async def operator(town: Alliance, tmp_path: Path) -> AsyncIterator[Operator]:
    socket = tmp_path / "operator.sock"
    async with serve_operator(town.gateway, Links(town.gateway), socket):
        peer = over_socket(socket)
        async with peer.http:
            yield Operator(town, socket, peer)


async def lend(town: Alliance) -> ConversationId:
    """Let the first supplier's copy be on its way to the home library."""
    conv = await town.order(FIRST)
    await town.rest()
    await town[FIRST].scan(BARCODES[FIRST], only=Step.DISPATCH)
    await town.rest()
    return conv


async def test_the_socket_is_its_owners_alone(operator: Operator) -> None:
    mode = operator.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_the_socket_is_gone_with_the_gateway(town: Alliance, tmp_path: Path) -> None:
    socket = tmp_path / "operator.sock"
    async with serve_operator(town.gateway, Links(town.gateway), socket):
        assert socket.exists()
    assert not socket.exists()


async def test_a_socket_that_a_dead_gateway_left_is_taken_over(town: Alliance, tmp_path: Path) -> None:
    socket = tmp_path / "operator.sock"
    socket.touch()
    async with (serve_operator(town.gateway, Links(town.gateway), socket), over_socket(socket).http as http,
                http.get("http://local/status") as answer):
        assert answer.status == 200


async def test_a_new_gateway_has_nothing(operator: Operator) -> None:
    status = await operator.get("/status")
    assert status.pop("trust")["version"] == 1
    assert status.pop("checkpoint") == {"size": None, "witnesses": 0, "witnesses_min": 1, "is_final": False,
                                        "final_size": None}
    assert status.pop("silent_witnesses") == list(operator.town.members)
    assert status == {
        "gateway": GATEWAY, "directory": 1, "connected": [], "log": 0, "loans": {}, "messages": {}, "waiting": {},
        "ledger": {"transfers": 0, "debits": 0, "credits": 0, "pending": 0},
        "not_confirmed": {"count": 0, "first": []}}
    assert await operator.get("/loans") == []
    assert await operator.get("/mailboxes") == {}
    assert await operator.get("/audit") == []


async def test_the_status_counts_what_has_happened(operator: Operator) -> None:
    await lend(operator.town)
    status = await operator.get("/status")
    assert status["loans"] == {"open": 1}
    assert status["log"] == sum(status["messages"].values()) == await operator.town.log_size()
    assert status["ledger"]["debits"] == status["ledger"]["credits"] > 0
    assert status["ledger"]["pending"] == QUOTE.total_fen - QUOTE.fee_fen
    assert set(await operator.get("/mailboxes")) == {HOME, FIRST}


async def test_what_a_library_has_not_confirmed_in_time_is_named(operator: Operator) -> None:
    conv = await operator.town.order()
    operator.town.clock.forward(hours=23)
    assert (await operator.get("/status"))["not_confirmed"]["count"] == 0
    operator.town.clock.forward(hours=2)
    late = (await operator.get("/status"))["not_confirmed"]
    assert (late["count"], late["first"][0]["type"], late["first"][0]["library"], late["first"][0]["conv"]) == (
        1, "Order", HOME, conv)
    await operator.town.rest()
    assert (await operator.get("/status"))["not_confirmed"]["count"] == 0


async def test_what_libraries_have_yet_to_take_in_is_counted(operator: Operator) -> None:
    town = operator.town
    await town.order(FIRST)
    assert (await operator.get("/status"))["waiting"] == {HOME: 1}
    await town.rest()
    assert (await operator.get("/status"))["waiting"] == {}


async def test_the_metrics_say_what_the_status_says(operator: Operator) -> None:
    await operator.town.order(FIRST)
    async with over_socket(operator.socket).http as http, http.get("http://local/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    lines = text.splitlines()
    assert {"delta_directory_version 1", f'delta_mailbox_entries{{library="{HOME}"}} 1', "delta_log_entries 1",
            'delta_loans{outcome="open"} 1', "delta_connected_libraries 0", "delta_not_confirmed_messages 0",
            'delta_messages_total{type="Order"} 1', 'delta_expiry_warnings{days="90"} 0'} <= set(lines)
    named = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(set(named)) == len(named) == len([line for line in lines if line.startswith("# TYPE")])
    assert "session-1" not in text


async def test_the_metrics_count_down_to_a_keys_last_signature(operator: Operator) -> None:
    operator.town.clock.forward(days=340)
    async with over_socket(operator.socket).http as http, http.get("http://local/metrics") as answer:
        found = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines())
    [key] = [name for name in found if name.startswith('delta_key_last_signature_days{purpose="sign"')]
    assert float(found[key]) == 25
    assert float(found['delta_expiry_warnings{days="30"}']) > 0


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "a", "more": 1}, {"reason": "a" * 501}])
async def test_streams_are_not_reset_without_a_reason(operator: Operator, body: Any) -> None:
    with pytest.raises(Refused) as refused:
        await operator.peer.ask("POST", "/streams/reset", body)
    assert refused.value.status == 400
    assert await operator.town.log_size() == 0


async def test_resetting_the_streams_tells_every_library_of_each(operator: Operator) -> None:
    await operator.town.order()
    resets = await operator.peer.ask("POST", "/streams/reset", {"reason": "restored"})
    assert [(reset["to"], reset["channel"]) for reset in resets] == [
        (library, channel) for library in operator.town.members for channel in ("loan", "money")]
    assert [(reset["seq"], reset["reason"]) for reset in resets if reset["to"] == HOME] == [
        (1, "restored"), (0, "restored")]


async def test_who_is_connected_is_shown(town: Alliance, tmp_path: Path) -> None:
    socket = tmp_path / "operator.sock"
    async with (front_of(town) as front, serve_operator(front.gateway, front.links, socket), front.connected(HOME),
                over_socket(socket).http as http, http.get("http://local/status") as answer):
        assert (await answer.json())["connected"] == [HOME]


async def test_a_loan_is_shown_with_what_the_operator_must_know_and_no_reader(operator: Operator) -> None:
    conv = await lend(operator.town)
    loan = await operator.get(f"/loans/{conv}")
    assert (loan["home"], loan["supplier"], loan["barcode"], loan["confirmed"]) == (HOME, FIRST, BARCODES[FIRST], True)
    (listed,) = await operator.get("/loans")
    assert {**listed, "changed": ""} == loan
    assert not {"patron", "card", "voucher"} & set(loan)


@pytest.mark.parametrize("path", ["/loans/loan-9999", "/evidence/loan-9999", "/evidence/%2e%2e", "/nothing"])
async def test_what_is_not_there_is_not_found(operator: Operator, path: str) -> None:
    with pytest.raises(Refused) as refused:
        await operator.get(path)
    assert (refused.value.status, refused.value.code) == (404, "not_found")


async def test_a_window_is_closed_with_a_statement_to_every_library(operator: Operator) -> None:
    await lend(operator.town)
    end = await operator.town.log_size() - 1
    closed = await operator.settle()
    assert closed["window"] == {"number": 1, "after_index": -1, "upto_index": end}
    assert set(closed["statements"]) == set(operator.town.members)
    assert closed["positions"] == {FIRST: QUOTE.fee_fen, HOME: -QUOTE.fee_fen}
    assert closed["payments"] == [{"payer": HOME, "payee": FIRST, "amount_fen": QUOTE.fee_fen}]
    assert (await operator.get("/status"))["messages"]["StatementProposal"] == len(operator.town.members)


async def test_closing_again_takes_nothing_twice(operator: Operator) -> None:
    await lend(operator.town)
    first, second = await operator.settle(), await operator.settle()
    assert second["window"]["number"] == 2
    assert second["window"]["after_index"] == first["window"]["upto_index"]
    assert (second["positions"], second["payments"]) == ({}, [])
    assert {statement["net_fen"] for statement in second["statements"].values()} == {0}


async def test_an_empty_log_has_no_window_to_close(operator: Operator) -> None:
    with pytest.raises(Refused) as refused:
        await operator.settle()
    assert (refused.value.status, refused.value.code) == (409, "out_of_turn")


async def test_evidence_verifies_with_nothing_but_the_alliances_root(operator: Operator) -> None:
    conv = await lend(operator.town)
    bundle = await operator.get(f"/evidence/{conv}")
    report = verify_bundle(bundle, samples.Published().root)
    assert len(report.statements) == report.leaves > 5


async def test_a_loans_evidence_holds_its_own_messages_alone(operator: Operator) -> None:
    one = await lend(operator.town)
    alone = verify_bundle(await operator.get(f"/evidence/{one}"), samples.Published().root).leaves
    await operator.town.order()
    await operator.town.rest()
    assert verify_bundle(await operator.get(f"/evidence/{one}"), samples.Published().root).leaves == alone


async def test_a_checkpoint_is_signed_for_the_log_as_it_stands_and_once(operator: Operator) -> None:
    assert (await operator.peer.ask("POST", "/checkpoints"))["root"] == EMPTY_ROOT.hex()
    await operator.town.order()
    first, second = [await operator.peer.ask("POST", "/checkpoints") for _ in range(2)]
    assert first == second == {"origin": GATEWAY, "size": 1, "root": first["root"]}
    size, note = await operator.town.database.run(lambda unit: unit.log.last_checkpoint())
    checkpoint = open_checkpoint(note, GATEWAY, (samples.GATEWAY_KEY.verifying,))
    assert (checkpoint.size, checkpoint.root.hex()) == (size, first["root"]) == (1, first["root"])
    assert checkpoint == await make_checkpoint(operator.town.gateway)


async def test_an_audit_names_an_account_that_was_changed_behind_the_ledger(operator: Operator) -> None:
    await lend(operator.town)
    assert await operator.get("/audit") == []

    def tamper(unit: Any) -> None:
        account = next(account for account in unit.accounts.stored_accounts() if account.agency == FIRST)
        unit.accounts.put_account(type(account)(account.agency, credits_posted=account.credits_posted + 100))

    await operator.town.database.run(tamper)
    findings = await operator.get("/audit")
    assert findings
    assert FIRST in str(findings)


@pytest.mark.parametrize(("method", "path"), [("GET", "/windows"), ("POST", "/status"), ("DELETE", "/loans")])
async def test_another_method_is_a_problem_too(operator: Operator, method: str, path: str) -> None:
    with pytest.raises(Refused) as refused:
        await operator.peer.ask(method, path)
    assert refused.value.status == 405
