"""From a work in the union catalogue to a proposal: who holds it, what is known of them, what it will cost."""

from typing import Any

import pytest

from federation.catalogue.views import ClusterView, ItemView, MemberView
from federation.loans.ordering import (
    BARCODES_ASKED_MAX,
    bib_ref,
    candidates,
    holders,
    is_on_shelf,
    price_of,
    propose_loan,
    quote_for,
)
from schemas.bib import CirculationStatus, Isbn
from schemas.identifiers import AgencyId, ItemBarcode
from schemas.questions import ItemStatus
from tests.alliance import FIRST, HOME, SECOND, TARIFF, THIRD, Alliance, point
from tests.federation.catalogue.books import book

DREAM = book("红楼梦", "曹雪芹", isbn="9787020002207", record_id="001", responsibility="曹雪芹著", volume="上")


def copies(*barcodes: str, price_fen: int | None = None) -> tuple[ItemView, ...]:
    return tuple(ItemView(barcode, "外借部", "I/1", price_fen) for barcode in barcodes)


def member(agency: AgencyId, items: tuple[ItemView, ...] = (), record_id: str = "001", **changes: Any) -> MemberView:
    return MemberView(agency, record_id, DREAM.model_copy(update=changes), items)


def work(*members: MemberView) -> ClusterView:
    return ClusterView("cluster-1", members)


def said(*statuses: CirculationStatus) -> tuple[ItemStatus, ...]:
    return tuple(ItemStatus(barcode=ItemBarcode(f"{n}"), status=status) for n, status in enumerate(statuses))


S = CirculationStatus


def test_only_who_has_copies_is_a_holder() -> None:
    held = holders(work(member(FIRST, copies("1", "2")), member(SECOND)))
    assert held == {FIRST: ("001", ("1", "2"))}


def test_of_several_records_of_one_library_the_first_with_copies_counts() -> None:
    held = holders(work(member(FIRST, record_id="a"), member(FIRST, copies("2"), record_id="b"),
                        member(FIRST, copies("3"), record_id="c")))
    assert held == {FIRST: ("b", ("2",))}


def test_a_library_is_asked_for_a_few_copies_only() -> None:
    many = copies(*(str(number) for number in range(99)))
    assert len(holders(work(member(FIRST, many)))[FIRST][1]) == BARCODES_ASKED_MAX


@pytest.mark.parametrize("barcode", ["", "x" * 65, "31\n01", "31\x0001"])
def test_a_copy_that_no_message_can_name_is_not_asked_for(barcode: str) -> None:
    cluster = work(member(FIRST, copies(barcode, "2")), member(SECOND, copies(barcode)))
    assert holders(cluster) == {FIRST: ("001", ("2",))}


@pytest.mark.parametrize(("answer", "expected"), [
    (None, None), ((), False), (said(S.AVAILABLE), True), (said(S.CHARGED), False), (said(S.TO_BE_RESHELVED), True),
    (said(S.CHARGED, S.LOST, S.AVAILABLE), True), (said(S.ON_HOLD_SHELF, S.IN_TRANSIT, S.OTHER), False)])
def test_one_copy_on_the_shelf_is_enough_and_silence_is_no_no(answer: Any, expected: bool | None) -> None:
    assert is_on_shelf(answer) is expected


async def test_a_candidate_is_known_by_its_answers_and_its_loans(town: Alliance) -> None:
    cluster = work(member(FIRST, copies("1")), member(SECOND, copies("2")), member(AgencyId("CN-LEFT"), copies("3")))
    await town.order(FIRST)
    await town.rest()
    answers = {FIRST: said(S.AVAILABLE)}
    found = await town.database.run(lambda unit: candidates(unit, town.directory, cluster, answers))
    assert [(one.agency.agency, one.on_shelf, one.open_loans, one.lent, one.borrowed) for one in found] == [
        (FIRST, True, 1, 0, 0), (SECOND, None, 0, 0, 0)]


async def test_a_proposal_is_rota_and_cost_by_the_signed_documents(town: Alliance) -> None:
    cluster = work(member(HOME, copies("0")), member(FIRST, copies("1", price_fen=4500)), member(THIRD, copies("3")))
    found = await town.database.run(lambda unit: candidates(unit, town.directory, cluster, {}))
    proposal = propose_loan(town.directory, cluster, found, HOME, point(HOME))
    assert [entry.agency for entry in proposal.rota] == [FIRST, THIRD]
    assert proposal.quote == quote_for(TARIFF, 4500)
    assert proposal.bib == bib_ref(cluster)
    assert proposal.pickup == point(HOME)


async def test_a_work_that_only_the_home_library_holds_has_no_rota(town: Alliance) -> None:
    cluster = work(member(HOME, copies("0")))
    found = await town.database.run(lambda unit: candidates(unit, town.directory, cluster, {}))
    assert propose_loan(town.directory, cluster, found, HOME, point(HOME)).rota == ()


def test_the_dearest_copy_is_what_the_guarantee_must_replace() -> None:
    assert price_of(work(member(FIRST, copies("1", price_fen=4500)), member(SECOND, copies("2", price_fen=9900)),
                         member(THIRD, copies("3")))) == 9900
    assert price_of(work(member(FIRST, copies("1")))) is None
    assert price_of(work(member(FIRST, copies("1", price_fen=0)))) is None


@pytest.mark.parametrize(("price_fen", "guarantee_fen"), [(4500, 4500), (None, TARIFF.default_price_fen)])
def test_a_quote_is_the_tariff_and_the_price(price_fen: int | None, guarantee_fen: int) -> None:
    quote = quote_for(TARIFF, price_fen)
    assert (quote.fee_fen, quote.carriage_out_fen, quote.carriage_back_fen, quote.guarantee_fen) == (
        TARIFF.loan_fee_fen, TARIFF.carriage_out_fen, TARIFF.carriage_back_fen, guarantee_fen)


def test_a_work_is_named_as_its_first_record_names_it() -> None:
    ref = bib_ref(work(member(FIRST), member(SECOND, title="The Dream")))
    assert (ref.cluster, ref.title, ref.author, ref.isbn13, ref.volume) == (
        "cluster-1", "红楼梦", "曹雪芹著", "9787020002207", "上")


def test_texts_that_are_too_long_for_a_message_are_cut() -> None:
    ref = bib_ref(work(member(FIRST, title="梦" * 900, responsibility="曹" * 900, volume="上" * 900)))
    assert {len(ref.title), len(ref.author), len(ref.volume)} == {500}


def test_only_a_valid_isbn_names_a_work() -> None:
    wrong = Isbn.parse("9787020002208")
    assert bib_ref(work(member(FIRST, isbns=(wrong,)))).isbn13 == ""
    assert bib_ref(work(member(FIRST, isbns=(wrong, Isbn.parse("7-02-000220-X"))))).isbn13 == "9787020002207"
