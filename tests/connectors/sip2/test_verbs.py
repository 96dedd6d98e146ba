from datetime import UTC, datetime

import pytest

from connectors.sip2.fields import HoldMode
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Profile
from connectors.sip2.refusal import refusal
from connectors.sip2.verbs import Verbs

DATE = "20260101    120000"
NOW = datetime(2026, 1, 1, 4, tzinfo=UTC)


class Recorder:
    """An ILS that says no to everything and remembers what it was asked."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.asked: list[Message] = []

    async def request(self, message: Message) -> Message:
        self.asked.append(message)
        return refusal(message, "no", DATE)


@pytest.fixture
def ils() -> Recorder:
    return Recorder(Profile(institution="YP", terminal_password="tp", location="desk"))


async def test_63_asks_for_one_list_and_sends_a_password_only_if_there_is_one(ils: Recorder) -> None:
    verbs = Verbs(ils, lambda: NOW)
    answer = await verbs.patron_information("P1", "4711", summary="charged_items", start=1, end=10)
    assert not answer.ok
    await verbs.patron_information("P1")
    first, second = ils.asked
    assert first.fixed == {"language": "019", "transaction_date": DATE, "summary": "  Y       "}
    assert first.fields == (("AO", "YP"), ("AA", "P1"), ("AC", "tp"), ("AD", "4711"), ("BP", "1"), ("BQ", "10"))
    assert second.fields == (("AO", "YP"), ("AA", "P1"), ("AC", "tp"))


async def test_11_leaves_the_no_block_due_date_blank_unless_the_profile_fills_it(ils: Recorder) -> None:
    await Verbs(ils, lambda: NOW).checkout("P1", "B1", fee_acknowledged=False)
    assert ils.asked[0].head == "NN" + DATE + " " * 18
    assert ils.asked[0].get("BO") == "N"
    strict = Recorder(Profile(send_nb_due_date=True))
    await Verbs(strict, lambda: NOW).renew("P1", "B1")
    assert strict.asked[0].head == "NN" + DATE + DATE


async def test_09_carries_the_place_and_the_true_time_of_return(ils: Recorder) -> None:
    answer = await Verbs(ils, lambda: NOW).checkin(
        "B1", returned_at=datetime(2025, 12, 31, 16, tzinfo=UTC), no_block=True
    )
    assert ils.asked[0].head == "Y" + DATE + "20260101    000000"
    assert ils.asked[0].get("AP") == "desk"
    assert answer.screen_messages == ("no",)


async def test_29_never_sends_an_empty_title(ils: Recorder) -> None:
    await Verbs(ils, lambda: NOW).renew("P1", "B1")
    assert ils.asked[0].get("AJ") is None


@pytest.mark.parametrize(("item_id", "title_id", "hold_type"), [("B1", None, "3"), (None, "T1", "2")])
async def test_15_is_for_a_copy_or_for_a_title(
    ils: Recorder, item_id: str | None, title_id: str | None, hold_type: str
) -> None:
    hold = Verbs(ils, lambda: NOW).hold
    await hold(HoldMode.ADD, "P1", item_id=item_id, title_id=title_id, pickup_location="desk 2", expires=NOW)
    await hold(HoldMode.DELETE, "P1", item_id=item_id, title_id=title_id)
    added, deleted = ils.asked
    assert (added.fixed["hold_mode"], deleted.fixed["hold_mode"]) == ("+", "-")
    assert (added.get("BY"), added.get("BS"), added.get("BW")) == (hold_type, "desk 2", DATE)
    assert (added.get("AB"), added.get("AJ")) == (item_id, title_id)


async def test_37_carries_our_own_transaction_id(ils: Recorder) -> None:
    answer = await Verbs(ils, lambda: NOW).fee_paid("P1", 1250, "ours-1", fee_id="F9")
    assert not answer.ok
    assert ils.asked[0] == build(
        "37", transaction_date=DATE, fee_type="01", payment_type="00", currency_type="CNY",
        BV="12.50", AO="YP", AA="P1", AC="tp", CG="F9", BK="ours-1",
    )  # fmt: skip


async def test_fields_that_an_ils_refuses_stay_away_and_those_it_needs_come_empty() -> None:
    picky = Recorder(
        Profile(
            terminal_password="tp",
            omit=frozenset({"63.AC", "11.AO"}),
            send_empty=frozenset({"63.AD", "63.BP", "11.BO"}),
        )
    )
    verbs = Verbs(picky, lambda: NOW)
    await verbs.patron_information("P1")
    await verbs.checkout("P1", "B1", fee_acknowledged=False)
    patron, checkout = picky.asked
    assert patron.fields == (("AO", ""), ("AA", "P1"), ("AD", ""), ("BP", ""))
    assert checkout.get("AO") is None
    assert (checkout.get("AC"), checkout.get("BO")) == ("tp", "N")
