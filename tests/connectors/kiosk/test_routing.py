from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kiosk.routing import (
    ROUTES,
    Copy,
    Found,
    Label,
    Reader,
    Route,
    candidates,
    copy_of,
    is_replay,
    labels_of,
    read_label,
    reader_of,
    route_of,
)
from connectors.sip2.messages import REQUESTS, build
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode
from schemas.lending import Custody, PickupPoint
from schemas.lifecycle import LoanStatus
from schemas.loan import Loan

ME, OWNER, OTHER = AgencyId("CN-310110-1-YP"), AgencyId("CN-330100-1-HZ"), AgencyId("CN-320100-1-NJ")
MEMBERS = frozenset({ME, OWNER, OTHER})
LOAN = Loan(ConversationId("loan-0001"), ME, PickupPoint(agency=ME, point=""), status=LoanStatus.LOANED,
            custody=Custody.READER, holder=ME, supplier=OWNER, barcode=ItemBarcode("0042"))


def item(number="0042", owner=None):
    return Label(number, owner, number)


def test_the_table_has_a_row_for_every_request_but_login_status_and_resend():
    assert set(ROUTES) == REQUESTS - {"93", "97", "99"}
    assert all(set(row) == {(reader, copy) for reader in Reader for copy in Copy} for row in ROUTES.values())


def test_a_return_with_a_barcode_is_never_refused():
    assert all(route_of("09", Found(reader, copy)) is not Route.REFUSED
               for reader in Reader for copy in Copy if copy is not Copy.NONE)


def test_nothing_of_a_foreign_reader_ever_reaches_our_ils():
    about_readers = [id_ for id_ in ROUTES if "AA" in build(id_).spec.codes]
    assert all(ROUTES[id_][Reader.THEIRS, copy] is not Route.LOCAL for id_ in about_readers for copy in Copy)


def test_no_write_about_a_copy_that_may_be_anothers_reaches_our_ils():
    for id_ in ("09", "11", "19"):
        assert all(ROUTES[id_][reader, copy] is not Route.LOCAL
                   for reader in Reader for copy in (Copy.ALLIANCE, Copy.SEVERAL))


def test_the_prefix_of_a_label_names_the_owner_if_it_is_a_member():
    assert read_label(f"{OWNER}.0042", MEMBERS) == Label(f"{OWNER}.0042", OWNER, "0042")
    assert read_label("CN-110000-1-NLC.0042", MEMBERS).owner is None
    assert read_label(f"{OWNER}.", MEMBERS).owner is None


def test_another_members_institution_names_the_owner_of_what_the_message_is_about():
    card, copy = labels_of(build("11", AO=OWNER, AA="c1", AB="0042"), ME, MEMBERS)
    assert (card.owner, copy.owner) == (None, OWNER)
    card, copy = labels_of(build("63", AO=OWNER, AA="c1"), ME, MEMBERS)
    assert (reader_of(card, ME), copy) == (Reader.THEIRS, None)


@pytest.mark.parametrize("institution", [ME, "", "branch-3"])
def test_our_own_institution_or_an_unknown_one_names_nobody(institution):
    card, copy = labels_of(build("11", AO=institution, AA="c1", AB=" 0042 "), ME, MEMBERS)
    assert (reader_of(card, ME), copy) == (Reader.OURS, item())


@pytest.mark.parametrize(("label", "loans", "owns", "expected"), [
    (item(), (), True, Copy.OWN),
    (item(), (), False, Copy.UNKNOWN),
    (item(), (LOAN,), False, Copy.ALLIANCE),
    (item(), (LOAN,), True, Copy.SEVERAL),
    (item(), (replace(LOAN, supplier=ME),), True, Copy.ALLIANCE),
    (item(), (LOAN, replace(LOAN, supplier=OTHER)), False, Copy.SEVERAL),
    (item(owner=ME), (), False, Copy.OWN),
    (item(owner=ME), (replace(LOAN, supplier=ME),), True, Copy.ALLIANCE),
    (item(owner=OWNER), (), True, Copy.ALLIANCE),
    (item(owner=OWNER), (LOAN,), True, Copy.ALLIANCE),
])
def test_whose_copy_it_is(label, loans, owns, expected):
    assert copy_of(label, loans, ME, owns=owns) is expected


@given(st.lists(st.sampled_from([ME, OWNER, OTHER]), max_size=4), st.booleans())
def test_one_of_several_is_never_chosen(suppliers, owns):
    copy = copy_of(item(), [replace(LOAN, supplier=supplier) for supplier in suppliers], ME, owns=owns)
    may_own = {*suppliers, *([ME] if owns else [])}
    assert (copy is Copy.SEVERAL) == (len(may_own) > 1 or len(suppliers) > 1)


def test_only_what_waits_here_can_be_lent_and_only_what_is_away_can_come_back():
    waiting = replace(LOAN, custody=Custody.PICKUP_POINT)
    promised = replace(LOAN, custody=Custody.SUPPLIER)
    assert candidates("11", item(), (LOAN, waiting, promised), ME) == (waiting,)
    assert candidates("11", item(), (replace(waiting, holder=OTHER),), ME) == ()
    assert candidates("09", item(), (LOAN, promised), ME) == (LOAN,)


def test_a_loan_of_others_that_was_only_met_does_not_count():
    met = replace(LOAN, home=OTHER, holder=OTHER, pickup=PickupPoint(agency=OTHER, point=""))
    assert candidates("09", item(), (met,), ME) == ()


def test_a_labels_owner_excludes_the_loans_of_other_copies():
    assert candidates("09", item(owner=OTHER), (LOAN,), ME) == ()


@pytest.mark.parametrize(("id_", "no_block", "expected"), [("09", True, True), ("11", True, True), ("09", False, False),
                                                           ("29", True, False)])
def test_what_has_happened_already_says_so(id_, no_block, expected):
    assert is_replay(build(id_, no_block=no_block)) is expected
