"""The directory's documents: look-ups, roles and tiers."""

import pytest
from pydantic import ValidationError

from schemas.directory import CreditTier, Directory, KeyPurpose, KeyStatus, Policies, Role
from schemas.identifiers import AgencyId
from tests.trust.samples import GATEWAY, HANGZHOU, POLICIES, YANGPU, agency, key_record, sample_directory, signing_key


def test_an_agency_is_found_by_its_id_and_by_its_keys() -> None:
    directory = sample_directory()
    yangpu = directory.by_id[YANGPU]
    signing = next(key for key in yangpu.keys if key.purpose is KeyPurpose.SIGN)
    assert directory.keys[signing.key_id] == (yangpu, signing)
    assert directory.gateway.agency == GATEWAY


def test_the_libraries_are_the_members_that_lend_in_the_order_of_the_directory() -> None:
    courier = agency(AgencyId("COURIER"), Role.COURIER, keys=())
    directory = sample_directory(agency(HANGZHOU), courier, agency(YANGPU))
    assert [library.agency for library in directory.libraries()] == [HANGZHOU, YANGPU]


def test_a_key_that_is_no_longer_in_use_is_still_listed() -> None:
    old = key_record(signing_key("old").verifying, status=KeyStatus.RETIRED)
    directory = sample_directory(agency(YANGPU, keys=(old, key_record(signing_key(YANGPU).verifying))))
    assert directory.keys[old.key_id][1].status is KeyStatus.RETIRED


def test_the_number_of_members_is_data() -> None:
    many = sample_directory(*(agency(AgencyId(f"CN-{n}")) for n in range(310)))
    assert len(many.libraries()) == 310
    assert Directory.model_validate_json(many.model_dump_json(), strict=True) == many


@pytest.mark.parametrize(("patron_type", "name"), [("standard", "standard"), ("professor", "standard"),
                                                    ("", "standard")])
def test_a_patron_type_that_no_tier_knows_falls_into_the_default_tier(patron_type: str, name: str) -> None:
    assert POLICIES.tier(patron_type) == (name, POLICIES.tiers["standard"])


def test_the_default_tier_is_one_of_the_tiers() -> None:
    with pytest.raises(ValidationError, match="default_tier is not one of the tiers"):
        Policies.model_validate({**POLICIES.model_dump(), "default_tier": "gold"})


@pytest.mark.parametrize("limits", [{"items_max": -1, "value_max_fen": 0}, {"items_max": 1001, "value_max_fen": 0},
                                    {"items_max": 1, "value_max_fen": -1}])
def test_a_tier_has_sensible_limits(limits: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        CreditTier(**limits)
