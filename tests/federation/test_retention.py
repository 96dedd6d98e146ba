"""Retention at the gateway: what was said in ended loans leaves the files, and the log stays whole."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.agent.custody import Step
from connectors.agent.watch import watch_once
from examples.alliance.people import JsonPeer, Refused, over_socket
from federation.storage.engine import StorageFailed
from federation.storage.sqlite import empty_log
from federation.web.link import Links
from federation.web.operator import serve_operator
from schemas.messages import MessageType, Resend, StatementDispute
from tests.alliance import BARCODES, FIRST, HOME, NOW, PICKUP, Alliance, directory_of
from tests.trust import samples
from trust.bundle import verify_bundle
from trust.dsse import decode_envelope

LATER = (NOW + timedelta(days=400)).date().isoformat()


@dataclass
class Office:
    """The town, and its gateway's operator."""

    town: Alliance
    peer: JsonPeer

    async def erase(self, day: str = LATER, *, dry_run: bool = False) -> Any:
        return await self.peer.ask("POST", "/erase", {"ended_before": day, "dry_run": dry_run})

    async def lend(self) -> str:
        """Let a copy be lent and come home."""
        conv = await self.town.order(FIRST, pickup=PICKUP)
        await self.town.rest()
        for agency, step in ((FIRST, Step.DISPATCH), (PICKUP, Step.ARRIVED), (PICKUP, Step.HAND_OVER),
                             (PICKUP, Step.TAKE_BACK), (PICKUP, Step.SEND_BACK), (FIRST, Step.COME_HOME)):
            assert await self.town[agency].scan(BARCODES[FIRST], conv) is step
            await self.town.rest()
        return conv

    async def settle(self) -> None:
        """Close the window, and let every library accept its statement."""
        await self.peer.ask("POST", "/windows")
        await self.town.rest()
        for member in self.town.members.values():
            await watch_once(member.office, member.journal)
        await self.town.rest()

    async def said(self, conv: str) -> list[bytes]:
        """Return what lies of a loan's messages, in the order of the log."""
        rows = await self.town.database.run(lambda unit: unit.messages._db.execute(
            "SELECT envelope FROM message WHERE conv = ? ORDER BY idx", (conv,)).fetchall())
        return [envelope for (envelope,) in rows]

    def files(self) -> bytes:
        """Return every byte that lies in the database's files."""
        return b"".join(path.read_bytes() for path in sorted(self.town.folder.glob("gateway.db*")))


@pytest.fixture
async def office(town: Alliance, tmp_path: Path) -> AsyncIterator[Office]:
    async with serve_operator(town.gateway, Links(town.gateway), tmp_path / "o.sock"):
        peer = over_socket(tmp_path / "o.sock")
        async with peer.http:
            yield Office(town, peer)


def pieces(envelopes: list[bytes], others: list[bytes]) -> list[bytes]:
    """Return bytes of each envelope, from its payload and its signature, that stand in no other loan's."""
    found = []
    for envelope in envelopes:
        document = json.loads(envelope)
        payload = document["payload"].encode()
        found += [payload[start:start + 60] for start in range(0, len(payload) - 60, 60)]
        found.append(document["signatures"][0]["sig"][:60].encode())
    return [piece for piece in found if not any(piece in other for other in others)]


async def test_the_bytes_are_gone_from_the_files_and_the_rest_is_as_it_was(office: Office) -> None:
    conv, other = await office.lend(), await office.town.order(FIRST)
    await office.town.rest()
    await office.settle()
    said, others = await office.said(conv), await office.said(other)
    rest = await office.town.database.run(lambda unit: unit.messages._db.execute(
        "SELECT envelope FROM message WHERE conv <> ? UNION ALL SELECT accepted FROM message", (conv,)).fetchall())
    gone, stays = pieces(said, [envelope for (envelope,) in rest]), pieces(others, said)
    lying = office.files()
    assert len([piece for piece in gone if piece in lying]) > 0.9 * len(gone), "a page may end inside a piece"
    before = await office.town.log_size()
    counted = await office.erase(dry_run=True)
    assert await office.erase() == counted == {"loans": 1, "messages": len(said), "kept": {}}
    assert await office.said(conv) == [b""] * len(said)
    lying = office.files()
    assert [piece for piece in gone if piece in lying] == []
    assert len([piece for piece in stays if piece in lying]) > 0.9 * len(stays)
    assert await office.town.log_size() == before
    assert await office.peer.ask("GET", "/audit") == []
    assert await office.erase() == {"loans": 0, "messages": 0, "kept": {}}


async def test_a_bundle_of_an_erased_loan_says_so_and_still_leads_to_the_root(office: Office) -> None:
    conv = await office.lend()
    await office.settle()
    whole = verify_bundle(await office.peer.ask("GET", f"/evidence/{conv}"), samples.Published().root)
    await office.erase()
    erased = verify_bundle(await office.peer.ask("GET", f"/evidence/{conv}"), samples.Published().root)
    assert erased.leaves == whole.leaves
    assert {statement.who for statement in erased.statements} == {"(erased)"}
    assert [statement.when for statement in erased.statements] == [statement.when for statement in whole.statements]


async def test_whose_order_it_was_is_forgotten_too(office: Office) -> None:
    conv = await office.lend()
    await office.town.database.run(lambda unit: unit.loans.claim(conv, HOME, "a pseudonym"))
    await office.settle()
    assert len(await office.town.database.run(lambda unit: unit.loans.of_reader(HOME, "a pseudonym"))) == 1
    await office.erase()
    assert await office.town.database.run(lambda unit: unit.loans.of_reader(HOME, "a pseudonym")) == []
    assert b"a pseudonym" not in office.files()


async def test_a_loan_that_has_not_ended_or_ended_later_is_not_touched(office: Office) -> None:
    conv = await office.lend()
    await office.town.order(FIRST)
    await office.town.rest()
    await office.settle()
    assert await office.erase(NOW.date().isoformat()) == {"loans": 0, "messages": 0, "kept": {}}
    assert all(await office.said(conv))


async def test_a_loan_in_an_open_window_is_kept(office: Office) -> None:
    await office.lend()
    assert (await office.erase())["kept"] == {"open_window": 1}
    await office.settle()
    await office.lend()
    counted = await office.erase()
    assert (counted["loans"], counted["kept"]) == (1, {"open_window": 1})


async def test_a_loan_whose_statement_a_library_has_not_accepted_is_kept(office: Office) -> None:
    await office.lend()
    await office.peer.ask("POST", "/windows")
    await office.town.rest()
    assert (await office.erase())["kept"] == {"statement_not_accepted": 1}
    await dispute(office.town)
    for member in office.town.members.values():
        if member.me != FIRST:
            await watch_once(member.office, member.journal)
    await office.town.rest()
    assert (await office.erase())["kept"] == {"statement_not_accepted": 1}


async def test_a_library_that_never_answers_its_statement_keeps_a_loan_no_longer_than_the_policies_say(
        office: Office) -> None:
    await office.lend()
    await office.peer.ask("POST", "/windows")
    await office.town.rest()
    days = office.town.directory.policies.dispute_days
    office.town.clock.now += timedelta(days=days, seconds=-1)
    assert (await office.erase())["kept"] == {"statement_not_accepted": 1}
    office.town.clock.now += timedelta(seconds=1)
    assert (await office.erase(dry_run=True))["loans"] == 1


async def test_a_dispute_keeps_a_loan_as_long_as_its_library_is_a_member(office: Office) -> None:
    await office.lend()
    await office.peer.ask("POST", "/windows")
    await office.town.rest()
    await dispute(office.town)
    office.town.clock.now += timedelta(days=office.town.directory.policies.dispute_days)
    assert (await office.erase())["kept"] == {"statement_not_accepted": 1}
    staying = [member.library for member in office.town.members.values() if member.me != FIRST]
    office.town.directory = directory_of(staying, version=2)
    assert (await office.erase(dry_run=True))["loans"] == 1


async def dispute(town: Alliance) -> None:
    """Let one library dispute its statement."""
    member = town[FIRST]
    waiting = await member.journal.run(lambda unit: unit.fact("statement"))
    body = StatementDispute(window=1, digest="ab" * 32, lines=(), reason="not ours")
    await member.office.say(MessageType.STATEMENT_DISPUTE, member.office.gateway, body, waiting,
                            beside=lambda unit: unit.set_fact("statement", ""))
    await town.rest()


async def test_a_loan_of_which_something_waits_for_a_library_is_kept(office: Office) -> None:
    conv = await office.lend()
    await office.settle()
    index = await office.town.database.run(lambda unit: unit.log.last_leaf(conv))
    await office.town.database.run(lambda unit: unit.mailboxes.put(HOME, index))
    assert (await office.erase())["kept"] == {"undelivered": 1}
    end = await office.town.gateway.mailbox_end(HOME)
    await office.town.gateway.received(HOME, end)
    assert (await office.erase())["loans"] == 1


async def test_what_is_erased_is_not_sent_again(office: Office) -> None:
    conv = await office.lend()
    await office.settle()
    placed = [decode_envelope(envelope) for envelope in await office.said(conv)]
    assert placed
    await office.erase()
    end = await office.town.gateway.mailbox_end(HOME)
    await office.town.database.run(lambda unit: unit.mailboxes.put_again(
        HOME, FIRST, Resend(channel="loan", epoch=0, from_seq=1, upto_seq=50)))
    assert await office.town.gateway.mailbox_end(HOME) == end


@pytest.mark.parametrize("body", [{}, {"ended_before": "yesterday"}, {"ended_before": "2026-01-01", "more": 1}])
async def test_a_wish_that_names_no_day_is_refused(office: Office, body: Any) -> None:
    with pytest.raises(Refused) as refused:
        await office.peer.ask("POST", "/erase", body)
    assert refused.value.status == 400


def test_a_file_that_is_no_database_cannot_be_scrubbed(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 99)
    with pytest.raises(StorageFailed, match=r"x\.db"):
        empty_log(tmp_path / "x.db")
