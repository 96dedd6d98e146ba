"""What staff, clocks and the ILS bring to the office, and what it may sign."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.agent.effects import Do, Say, Verb
from connectors.agent.entry import Refused
from connectors.agent.home import Desk
from connectors.agent.tables import Unit
from connectors.ils.port import Reason, Result
from schemas.lending import Action, RequestingAgencyMessage
from schemas.lifecycle import LoanStatus
from tests.alliance import BARCODES, FIRST, GATEWAY, HOME, NOW, Alliance
from tests.connectors.agent.mail import M, P, everything, requested


async def test_a_rule_runs_in_one_transaction_and_what_it_may_not_say_leaves_nothing(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    before = await everything(home)

    def rule(_desk: Desk, loan: Any) -> tuple[Any, ...]:
        wrong = RequestingAgencyMessage(action=Action.SUPPLY_CONFIRMED)
        return (Do(Verb.CHECK_PATRON), Say(M.REQUESTING_AGENCY_MESSAGE, FIRST, wrong, loan.last))

    with pytest.raises(Refused) as refused:
        await home.office.decide(conv, rule)
    assert refused.value.code is P.OUT_OF_TURN
    assert await everything(home) == before


async def test_there_is_no_deciding_about_a_loan_that_is_not_here(town: Alliance) -> None:
    with pytest.raises(Refused) as refused:
        await town[HOME].office.decide("loan-0404", lambda *_: ())
    assert refused.value.code is P.NOT_FOUND


async def test_what_the_ils_has_done_is_done_even_where_the_loan_does_not_allow_the_word_of_it(town: Alliance) -> None:
    conv = await requested(town)
    first = town[FIRST]
    (task,) = await first.tasks()
    await first.office.finish(task, Result(False, reason=Reason.ON_LOAN))
    await first.office.finish(task, Result(True, barcode=BARCODES[FIRST]))
    assert (await first.tasks(), await first.alarms()) == ([], ["out_of_turn"])
    assert (await first.loan(conv)).status is LoanStatus.UNFILLED


async def test_an_office_shows_no_key_in_its_repr(town: Alliance) -> None:
    office = town[HOME].office
    shown = repr(office) + repr(await office.journal.run(lambda unit: Desk(
        unit, town.directory, NOW, HOME, GATEWAY, office.token_key))).replace(repr(town.directory), "")
    assert repr(office.token_key) not in shown
    assert office.token_key.decode() not in shown


# a clock that is off


async def test_a_clock_that_is_off_is_told_once_an_hour_and_signs_on(town: Alliance) -> None:
    conv = await requested(town)
    first = town[FIRST]
    for _ in range(3):
        await first.office.greeted(town.clock() + timedelta(seconds=31))
    (alarm,) = await first.journal.run(Unit.alarms)
    assert alarm["code"] == P.CLOCK_WRONG
    assert alarm["detail"].endswith("the clock here says 2026-12-01T08:00:00Z, the gateway's 2026-12-01T08:00:31Z: "
                                    "31 s behind")
    await first.work()
    assert (await first.loan(conv)).status is LoanStatus.WILL_SUPPLY
    town.clock.forward(hours=1)
    await first.office.greeted(town.clock() + timedelta(seconds=31))
    assert await first.alarms() == [P.CLOCK_WRONG] * 2


async def test_a_wrong_clock_signs_nothing_and_forgets_nothing_until_it_is_set(town: Alliance) -> None:
    conv = await requested(town)
    first = town[FIRST]
    await first.office.greeted(town.clock() - timedelta(minutes=5, seconds=1))
    before = await everything(first)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await first.work()
        assert refused.value.code is P.CLOCK_WRONG
        assert "nothing is signed until this machine's clock is set" in str(refused.value)
    assert (await everything(first), await first.alarms()) == (before, [P.CLOCK_WRONG])
    await first.office.greeted(town.clock())
    await first.work()
    assert (await first.loan(conv)).status is LoanStatus.WILL_SUPPLY
