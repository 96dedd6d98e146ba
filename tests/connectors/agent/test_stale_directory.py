"""A directory that nobody vouches for, or that is too old for a message: new loans wait, everything else goes on."""

from dataclasses import replace

import pytest

from connectors.agent.entry import Refused
from schemas.lending import AmendmentAction
from schemas.lifecycle import LoanStatus
from tests.alliance import FIRST, HOME, PICKUP, Alliance, Member, a_hash
from tests.connectors.agent.mail import P, confirmed, promise, requested, watched


def stale(member: Member, *, is_stale: bool = True) -> None:
    member.office = replace(member.office, stale=lambda: is_stale)


async def postponed(member: Member) -> int:
    rows = await member.journal.run(lambda unit: unit._db.execute("SELECT count(*) FROM postponed").fetchone())
    return int(rows[0])


# what would commit the library waits


async def test_a_request_waits_unconfirmed_while_nobody_vouches_and_counts_when_somebody_does(town: Alliance) -> None:
    stale(town[FIRST])
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    first = town[FIRST]
    assert await first.journal.run(lambda unit: unit.loan(conv)) is None
    assert (await first.received() > 0, await postponed(first), await first.alarms()) == (True, 1, [])
    assert await town[PICKUP].journal.run(lambda unit: unit.loan(conv)) is not None, "a copy commits nobody"
    stale(first, is_stale=False)
    await watched(first)
    assert ((await first.loan(conv)).status, len(await confirmed(first))) == (LoanStatus.REQUEST_RECEIVED, 1)
    await town.rest()
    assert (await town.loan(conv)).confirmed is not None


async def test_loans_under_way_go_on_behind_one_that_waits(town: Alliance) -> None:
    under_way = await requested(town)
    stale(town[FIRST])
    await town.order(FIRST)
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest()
    assert await postponed(town[FIRST]) == 1
    assert (await town.loan(under_way)).confirmed is not None


async def test_what_follows_about_the_same_loan_waits_behind_it(town: Alliance) -> None:
    home = town[HOME]
    stale(home)
    conv = await town.order(FIRST)
    await town.amend(conv, AmendmentAction.CANCEL)
    await home.fetch()
    assert (await postponed(home), await home.alarms()) == (2, [])
    stale(home, is_stale=False)
    await watched(home)
    assert (await home.slot(conv)).cancel_wanted
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.CANCELLED
    assert await home.alarms() == []


async def test_it_waits_over_a_restart(town: Alliance) -> None:
    stale(town[HOME])
    conv = await town.order(FIRST)
    await town[HOME].fetch()
    town.restart(HOME)
    await watched(town[HOME])
    assert (await town[HOME].loan(conv)).status is LoanStatus.ORDERED


async def test_the_fresh_directory_decides_about_what_has_waited(town: Alliance) -> None:
    first = town[FIRST]
    stale(first)
    conv = await town.order(FIRST)
    await town.rest()
    town.publish(revoked=HOME)
    stale(first, is_stale=False)
    await watched(first, times=2)
    assert await first.journal.run(lambda unit: unit.loan(conv)) is None
    assert (await first.alarms(), await postponed(first), await confirmed(first)) == ([P.KEY_REVOKED], 0, [])


# a message that needs a newer directory


class Refresh:
    """Asks for a newer directory, and finds it or not."""

    def __init__(self, town: Alliance, *, finds: bool) -> None:
        self.asked = 0
        self._town, self._finds = town, finds

    async def __call__(self) -> bool:
        self.asked += 1
        if self._finds:
            self._town.publish()
        return self._finds


async def test_a_message_that_names_a_newer_directory_is_tried_again_once_after_a_refresh(town: Alliance) -> None:
    conv = await requested(town)
    home, known = town[HOME], town.directory
    refresh = Refresh(town, finds=True)
    home.office = replace(home.office, refresh=refresh)
    town.publish()
    message, shown = await promise(town, conv), home.log_entry_of(await promise(town, conv))
    town.directory = known
    await home.deliver(message, shown)
    assert (refresh.asked, (await home.loan(conv)).status, await home.alarms()) == (1, LoanStatus.WILL_SUPPLY, [])


async def test_where_there_is_no_newer_one_the_message_is_refused_and_staff_are_told_once(town: Alliance) -> None:
    conv = await requested(town)
    home, refresh = town[HOME], Refresh(town, finds=False)
    home.office = replace(home.office, refresh=refresh)
    for asked in (1, 2, 3):
        with pytest.raises(Refused) as refused:
            await home.deliver(await promise(town, conv, dir=(2, a_hash("newer"))))
        assert (refused.value.code, refresh.asked, await home.alarms()) == (
            P.NEWER_DIRECTORY, asked, [P.NEWER_DIRECTORY])
