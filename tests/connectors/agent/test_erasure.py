"""Retention in a library's journal: ended loans leave the file with their readers, and nothing else changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.agent.conflicts import Cause, Conflict, Conflicts
from connectors.agent.custody import Step
from connectors.agent.erasure import Erasure, erase
from connectors.agent.tables import Unit
from connectors.agent.watch import watch_once
from federation.web.operator import close_window
from schemas.identifiers import AgencyId
from schemas.lifecycle import Outcome
from schemas.messages import Confirmation, MessageType, Resend, StatementDispute
from tests.alliance import BARCODES, CARD, FIRST, HOME, NOW, PICKUP, Alliance, sealed

LATER = NOW + timedelta(days=400)
NOTHING = Erasure(0, 0, 0, 0)


async def lend(town: Alliance) -> str:
    """Let a copy be lent and come home."""
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    for agency, step in ((FIRST, Step.DISPATCH), (PICKUP, Step.ARRIVED), (PICKUP, Step.HAND_OVER),
                         (PICKUP, Step.TAKE_BACK), (PICKUP, Step.SEND_BACK), (FIRST, Step.COME_HOME)):
        assert await town[agency].scan(BARCODES[FIRST], conv) is step
        await town.rest()
    assert (await town[HOME].loan(conv)).outcome is Outcome.COMPLETED
    return conv


async def settle(town: Alliance) -> None:
    """Close the window, and let every library accept its statement."""
    await close_window(town.gateway)
    await town.rest()
    for member in town.members.values():
        await watch_once(member.office, member.journal)
    await town.rest()


async def erased(town: Alliance, agency: AgencyId, before: datetime = LATER, *, dry_run: bool = False) -> Erasure:
    now = town.clock()
    erasure = await town[agency].journal.run(lambda unit: erase(unit, before, now, dry_run=dry_run))
    await town[agency].journal.scrub()
    return erasure


async def said(town: Alliance, agency: AgencyId, where: str) -> Sequence[bytes]:
    rows = await town[agency].journal.run(lambda unit: unit.connection.execute(
        f"SELECT envelope FROM message WHERE {where}").fetchall())
    return [envelope for (envelope,) in rows]


def signatures(envelopes: Sequence[bytes]) -> list[bytes]:
    return [envelope[envelope.index(b'"sig"'):][8:60] for envelope in envelopes]


def files(town: Alliance, agency: AgencyId) -> bytes:
    """Return every byte that lies in the journal's files."""
    folder = town.folder / town[agency].library.slug
    return b"".join(path.read_bytes() for path in sorted(folder.glob("journal.db*")))


@pytest.mark.parametrize("agency", [HOME, FIRST, PICKUP])
async def test_what_was_said_and_who_the_reader_was_is_gone_from_the_files(town: Alliance, agency: AgencyId) -> None:
    conv = await lend(town)
    await settle(town)
    town.clock.forward(days=3)
    gone = signatures(await said(town, agency, f"conv = '{conv}'"))
    assert all(signature in files(town, agency) for signature in gone)
    counted = await erased(town, agency, dry_run=True)
    assert all(signature in files(town, agency) for signature in gone)
    assert await erased(town, agency) == counted
    assert (counted.loans, counted.messages, counted.kept) == (1, len(gone), 0)
    lying = files(town, agency)
    assert [signature for signature in gone if signature in lying] == []
    assert CARD.encode() not in lying
    assert (await erased(town, agency)).loans == 0
    loan = await town[agency].loan(conv)
    assert loan.outcome is Outcome.COMPLETED


async def test_a_sign_in_goes_when_it_is_over_and_no_open_loan_was_ordered_in_it(town: Alliance) -> None:
    await town.sign_in("another", CARD)
    conv = await town.order(FIRST)
    await town.rest()
    assert (await erased(town, HOME)).sessions == 0, "a reader may still be signed in"
    town.clock.forward(days=3)
    assert (await erased(town, HOME)).sessions == 1
    sessions = await town[HOME].journal.run(lambda unit: (unit.session("another"), unit.session("session-1")))
    assert sessions[0] is None
    assert sessions[1] is not None
    assert (await town[HOME].loan(conv)).outcome is None


async def test_the_next_window_is_accepted_after_an_erasure(town: Alliance) -> None:
    await lend(town)
    await settle(town)
    for member in list(town.members):
        await erased(town, member)
    await lend(town)
    await settle(town)
    kinds = await town.database.run(lambda unit: unit.messages.count_by_type())
    assert kinds["StatementAcceptance"] == 2 * len(town.members)
    assert "StatementDispute" not in kinds
    assert [await member.alarms() for member in town.members.values()] == [[]] * len(town.members)


async def test_a_loan_that_is_open_or_whose_statement_is_is_kept(town: Alliance) -> None:
    await town.order(FIRST)
    await town.rest()
    assert (await erased(town, FIRST)).loans == (await erased(town, FIRST)).kept == 0
    await town.order(FIRST, pickup=PICKUP)
    assert (await erased(town, HOME, dry_run=True)).loans == 0


async def test_a_loan_in_an_open_window_and_one_that_is_disputed_are_kept(town: Alliance) -> None:
    await lend(town)
    assert (await erased(town, FIRST)).kept == 1
    await close_window(town.gateway)
    await town.rest()
    member = town[FIRST]
    waiting = await member.journal.run(lambda unit: unit.fact("statement"))

    def note(unit: Any) -> None:
        unit.set_fact("statement", "")
        unit.set_fact("settled", "1000")

    body = StatementDispute(window=1, digest="ab" * 32, lines=(), reason="not ours")
    await member.office.say(MessageType.STATEMENT_DISPUTE, member.office.gateway, body, waiting, beside=note)
    await town.rest()
    assert await erased(town, FIRST) == Erasure(0, 0, 0, 1)


async def test_a_loan_of_which_something_is_under_way_is_kept(town: Alliance) -> None:
    conv = await lend(town)
    await settle(town)
    await town[FIRST].journal.run(lambda unit: unit.connection.execute(
        "UPDATE message SET confirm_by = 'soon' WHERE conv = ? AND type = 'SupplyingAgencyMessage'", (conv,)))
    assert (await erased(town, FIRST)).kept == 1


async def test_a_day_before_its_end_is_too_early(town: Alliance) -> None:
    await lend(town)
    await settle(town)
    assert await erased(town, FIRST, NOW) == NOTHING


async def test_a_number_whose_message_was_erased_is_not_sent_again_and_staff_are_told(town: Alliance) -> None:
    await lend(town)
    await settle(town)
    await erased(town, FIRST)
    resend = sealed(town.directory, MessageType.RESEND, HOME, FIRST,
                    Resend(channel="loan", epoch=0, from_seq=1, upto_seq=1), now=town.clock())
    await town[FIRST].deliver(resend)
    assert await town[FIRST].outbox() == []
    assert await town[FIRST].alarms() == ["out_of_sequence"]


async def test_a_late_confirmation_of_an_erased_message_does_no_harm(town: Alliance) -> None:
    conv = await lend(town)
    await settle(town)
    hashes = await town[FIRST].journal.run(lambda unit: unit.connection.execute(
        "SELECT hash FROM message WHERE conv = ? AND type = 'SupplyingAgencyMessage'", (conv,)).fetchall())
    await erased(town, FIRST)
    late = sealed(town.directory, MessageType.CONFIRMATION, HOME, FIRST, Confirmation(message=hashes[0][0]),
                  now=town.clock() + timedelta(seconds=1), conv=conv)
    await town[FIRST].deliver(late)
    assert await town[FIRST].alarms() == []


async def test_an_old_conflict_that_nobody_handled_keeps_its_copy_and_forgets_its_reader(town: Alliance) -> None:
    """One that is handled is forgotten whole, at once; a newer one is still work, and staff need the card for it."""
    def note(unit: Unit) -> None:
        for at in (NOW - timedelta(days=1), LATER):
            found = Conflict(at.isoformat(), at.isoformat(), "24小时书柜", "Checkout", "30000001", CARD,
                             Cause.ILS_REFUSED, f"{CARD} owes 3 yuan")
            Conflicts(unit.connection).add(found)

    await town[HOME].journal.run(note)
    for dry_run in (True, False):
        assert (await erased(town, HOME, dry_run=dry_run)).conflicts == 1
    old, new = await town[HOME].journal.run(lambda unit: Conflicts(unit.connection).open())
    assert (old.barcode, old.card, old.detail) == ("30000001", "", "")
    assert (new.card, new.detail) == (CARD, f"{CARD} owes 3 yuan")
    assert (await erased(town, HOME)).conflicts == 0
