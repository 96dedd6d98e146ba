"""The counter: a scan finds its loan, and where it cannot it says so instead of guessing."""

from dataclasses import dataclass
from typing import Any

import pytest

from connectors.agent.counter import Counter, SeveralLoans
from connectors.agent.custody import NothingToDo, Scan, Step
from connectors.agent.entry import Refused
from connectors.agent.link import GatewayUnreachable
from schemas.identifiers import ItemBarcode
from schemas.lending import Condition, Custody
from schemas.lifecycle import LoanStatus, Outcome
from schemas.messages import Confirmation, MessageType
from schemas.problems import ProblemCode
from schemas.questions import LoanAnswer, LoanQuestion
from tests.alliance import (
    BARCODES,
    FIRST,
    GATEWAY,
    HOME,
    PICKUP,
    RECORD,
    SECOND,
    THIRD,
    Alliance,
    a_hash,
    key_of,
    read,
    sealed,
)
from trust.errors import TrustError

SAME = ItemBarcode("00000001")


async def lent(town: Alliance, supplier: Any = FIRST, pickup: Any = HOME) -> str:
    """A loan whose copy the reader has."""
    conv = await town.order(supplier, pickup=pickup)
    await town.rest()
    for library in (supplier, pickup, pickup):
        await town[library].scan((await town.loan(conv)).barcode, conv)
        await town.rest()
    assert (await town.loan(conv)).custody is Custody.READER
    return conv


async def with_the_same_barcode(town: Alliance, *libraries: Any) -> None:
    for library in libraries:
        await town[library].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
        await town[library].journal.run(lambda unit: unit.put_items([(RECORD, SAME, 4500)]))


async def test_a_copy_that_no_loan_has_is_nothing_to_do(town: Alliance) -> None:
    for _ in range(2):
        with pytest.raises(NothingToDo, match="no open loan of a copy 99999999"):
            await town[HOME].scan("99999999")


async def test_a_third_library_learns_of_a_loan_when_the_copy_is_handed_in(town: Alliance) -> None:
    conv = await lent(town)
    assert await town[THIRD].journal.run(lambda unit: unit.loan(conv)) is None
    assert await town[THIRD].scan(BARCODES[FIRST]) is Step.TAKE_BACK
    await town.rest()
    assert await town[THIRD].scan(BARCODES[FIRST]) is Step.SEND_BACK
    await town.rest()
    assert await town[FIRST].scan(BARCODES[FIRST]) is Step.COME_HOME
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5


async def test_a_library_that_could_not_supply_takes_the_copy_back_as_a_third_one(town: Alliance) -> None:
    """It knows the loan already, from its own place in the rota, and must not hold that against the reader."""
    await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    conv = await town.order(FIRST, SECOND)
    await town.rest()
    for library in (SECOND, HOME, HOME):
        await town[library].scan(BARCODES[SECOND], conv)
        await town.rest()
    assert await town[FIRST].scan(BARCODES[SECOND]) is Step.TAKE_BACK
    await town.rest()
    assert await town[FIRST].scan(BARCODES[SECOND]) is Step.SEND_BACK
    await town.rest()
    assert ((await town.loan(conv)).holder, (await town.loan(conv)).custody) == (FIRST, Custody.IN_TRANSIT_BACK)


async def test_a_barcode_of_two_owners_is_for_staff_to_decide_though_one_loan_is_known_here(town: Alliance) -> None:
    """The reader may have brought the other library's copy: barcodes count from 1 everywhere."""
    await with_the_same_barcode(town, FIRST, SECOND)
    own, other = await lent(town, FIRST, HOME), await lent(town, SECOND, PICKUP)
    for library in (HOME, PICKUP, FIRST, THIRD):
        with pytest.raises(SeveralLoans, match="2 open loans fit barcode 00000001"):
            await town[library].scan(SAME)
    assert await town[HOME].scan(SAME, other) is Step.TAKE_BACK
    await town.rest()
    assert [(await town.loan(conv)).holder for conv in (own, other)] == [HOME, HOME]
    assert [(await town.loan(conv)).custody for conv in (own, other)] == [Custody.READER, Custody.RETURNED_AT]


async def test_what_the_gateway_tells_of_a_loan_does_not_take_the_place_of_what_is_known_here(town: Alliance) -> None:
    conv = await lent(town)
    before = await town[HOME].loan(conv)
    assert (before.quote, before.reservation) != (None, None)
    await with_the_same_barcode(town, SECOND)
    assert await town[HOME].scan(BARCODES[FIRST]) is Step.TAKE_BACK
    moved = await town[HOME].loan(conv)
    assert (moved.quote, moved.reservation, moved.order) == (before.quote, before.reservation, before.order)


@dataclass(frozen=True)
class DeadLink:
    """A link that is down."""

    async def ask(self, _envelope: bytes) -> bytes:
        raise GatewayUnreachable("no link to the gateway")


async def test_without_a_link_staff_go_on_with_a_loan_they_name(town: Alliance) -> None:
    conv = await lent(town)
    home = town[HOME]
    home.counter = Counter(home.office, home.journal, DeadLink())
    for barcode in (BARCODES[FIRST], "99999999"):
        with pytest.raises(GatewayUnreachable):
            await home.scan(barcode)
    assert await home.scan(BARCODES[FIRST], conv) is Step.TAKE_BACK


async def test_a_step_that_is_not_the_one_the_page_offered_is_not_done(town: Alliance) -> None:
    conv = await lent(town)
    with pytest.raises(NothingToDo, match="nothing for this library to do with it now"):
        await town[HOME].scan(BARCODES[FIRST], conv, Step.HAND_OVER)
    assert await town[HOME].scan(BARCODES[FIRST], conv, Step.TAKE_BACK) is Step.TAKE_BACK
    with pytest.raises(NothingToDo):
        await town[HOME].scan(BARCODES[FIRST], conv, Step.TAKE_BACK)
    assert await town[HOME].scan(BARCODES[FIRST], conv, Step.SEND_BACK) is Step.SEND_BACK


@dataclass(frozen=True)
class LyingLink:
    """A link on which somebody answers what he likes."""

    town: Alliance
    changes: dict[str, Any]

    async def ask(self, envelope: bytes) -> bytes:
        answer = await self.town.gateway.answer(envelope)
        header = {"kind": MessageType.LOAN_ANSWER, "src": GATEWAY, "dst": THIRD, "body": read(answer).body,
                  "reply_to": read(answer).reply_to, "now": self.town.clock(), **self.changes}
        return sealed(self.town.directory, header.pop("kind"), header.pop("src"), header.pop("dst"),
                      header.pop("body"), **header).envelope


@pytest.mark.parametrize(("changes", "code"), [
    ({"reply_to": a_hash("another question")}, ProblemCode.REPLY_MISMATCH),
    ({"kind": MessageType.CONFIRMATION, "body": Confirmation(message=a_hash("a"))}, ProblemCode.REPLY_MISMATCH),
    ({"dst": HOME}, ProblemCode.WRONG_DESTINATION),
    ({"key": key_of(HOME)}, ProblemCode.SIGNER_IS_NOT_SRC),
    ({"src": HOME}, ProblemCode.REPLY_MISMATCH),
])
async def test_an_answer_to_something_else_or_by_somebody_else_moves_nothing(town: Alliance, changes: dict[str, Any],
                                                                            code: ProblemCode) -> None:
    conv = await lent(town)
    third = town[THIRD]
    third.counter = Counter(third.office, third.journal, LyingLink(town, changes))
    for _ in range(2):
        with pytest.raises((Refused, TrustError)) as refused:
            await third.scan(BARCODES[FIRST])
        assert refused.value.code is code
    assert await third.journal.run(lambda unit: unit.loan(conv)) is None


async def test_the_gateway_cannot_make_a_third_library_sign_for_a_loan_of_another_copy(town: Alliance) -> None:
    await lent(town)
    third = town[THIRD]
    question = sealed(town.directory, MessageType.LOAN_QUESTION, THIRD, GATEWAY, LoanQuestion(barcode=BARCODES[FIRST]))
    (found,) = read(await town.gateway.answer(question.envelope)).body.loans
    lie = LoanAnswer(loans=(found.model_copy(update={"barcode": BARCODES[SECOND]}),))
    third.counter = Counter(third.office, third.journal, LyingLink(town, {"body": lie}))
    with pytest.raises(NothingToDo):
        await third.scan(BARCODES[FIRST])


async def test_the_pull_list_holds_what_is_confirmed_and_on_its_shelf(town: Alliance) -> None:
    convs = [await town.order(FIRST), await town.order(FIRST)]
    await town[FIRST].journal.run(lambda unit: unit.put_items([(RECORD, "30000002", 4500)]))
    await town.rest()
    assert {loan.conv for loan in await town[FIRST].counter.pull_list()} == set(convs)
    assert await town[HOME].counter.pull_list() == []
    await town[FIRST].scan(BARCODES[FIRST], convs[0])
    await town.rest()
    assert [loan.conv for loan in await town[FIRST].counter.pull_list()] == convs[1:]
    assert (await town[FIRST].loan(convs[0])).status is LoanStatus.LOANED


async def shipped(town: Alliance, pickup: Any = PICKUP) -> str:
    """A loan whose copy is on its way to the pickup library."""
    conv = await town.order(FIRST, pickup=pickup)
    await town.rest()
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    return conv


async def at_locker(town: Alliance, conv: str, step: Step, place: str = "地铁站书柜", hold_days: int = 2) -> Custody:
    member = town[PICKUP]
    scan = Scan(BARCODES[FIRST], Condition.GOOD, place, town.clock(), hold_days)
    _, moved = await member.counter.scan(scan, conv, step)
    return moved.custody


async def uncollected(town: Alliance) -> list[tuple[str, str]]:
    return [(stay.place, loan.conv) for stay, loan in await town[PICKUP].counter.uncollected()]


async def test_a_copy_in_a_locker_is_listed_once_its_time_is_over_and_until_it_is_out(town: Alliance) -> None:
    conv = await shipped(town)
    assert await at_locker(town, conv, Step.LOAD) is Custody.LOCKER
    assert await uncollected(town) == []
    town.clock.forward(days=2, minutes=1)
    assert await uncollected(town) == [("地铁站书柜", conv)]
    assert await at_locker(town, conv, Step.TAKE_OUT) is Custody.PICKUP_POINT
    assert await uncollected(town) == []
    assert await at_locker(town, conv, Step.LOAD, "西门书柜", 5) is Custody.LOCKER
    town.clock.forward(days=4)
    assert await uncollected(town) == []
    town.clock.forward(days=2)
    assert await uncollected(town) == [("西门书柜", conv)]


@pytest.mark.parametrize("step", [Step.HAND_OVER, Step.SEND_BACK])
async def test_a_copy_that_goes_on_from_its_locker_waits_for_nobody(town: Alliance, step: Step) -> None:
    conv = await shipped(town)
    await at_locker(town, conv, Step.LOAD)
    await at_locker(town, conv, step)
    town.clock.forward(days=9)
    assert await uncollected(town) == []


async def test_a_locker_that_is_not_named_is_none(town: Alliance) -> None:
    conv = await shipped(town)
    with pytest.raises(NothingToDo, match="name the locker as the place"):
        await at_locker(town, conv, Step.LOAD, place="")


async def test_both_ends_and_the_gateway_hold_that_it_is_in_the_locker(town: Alliance) -> None:
    conv = await shipped(town)
    await at_locker(town, conv, Step.LOAD)
    await town.rest()
    views = [await town[HOME].loan(conv), await town[FIRST].loan(conv), await town.loan(conv)]
    assert {(view.custody, view.holder) for view in views} == {(Custody.LOCKER, PICKUP)}
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5
