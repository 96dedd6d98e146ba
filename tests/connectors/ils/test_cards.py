"""Which institutional card a loan is made on: a partner's own, or one of a pool, the same whenever it is asked."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from connectors.ils.cards import InstitutionalCards
from schemas.identifiers import AgencyId

PARTNER, OTHER = AgencyId("CN-310115-1-PUDONG"), AgencyId("CN-330100-1-HANGZHOU")
POOL = tuple(f"DELTA-{number}" for number in range(4))


def test_one_card_serves_all() -> None:
    assert InstitutionalCards(("DELTA",)).in_turn(PARTNER, "loan-0001") == ["DELTA"]


def test_a_partner_s_own_card_goes_before_the_pool() -> None:
    cards = InstitutionalCards(POOL, {PARTNER: "PUDONG"})
    assert list(cards.in_turn(PARTNER, "loan-0001")) == ["PUDONG"]
    assert set(cards.in_turn(OTHER, "loan-0001")) == set(POOL)


def test_a_pool_is_used_evenly() -> None:
    first = Counter(InstitutionalCards(POOL).in_turn(OTHER, f"loan-{number:04}")[0] for number in range(400))
    assert set(first) == set(POOL)
    assert min(first.values()) > 60


@given(st.text(), st.permutations(POOL))
def test_the_turn_of_a_loan_does_not_depend_on_how_the_settings_list_the_cards(conv: str, pool: list[str]) -> None:
    assert InstitutionalCards(tuple(pool)).in_turn(OTHER, conv) == InstitutionalCards(POOL).in_turn(OTHER, conv)
