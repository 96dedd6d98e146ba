"""What a diagnostic about attributes teaches, and what is asked instead."""

import pytest

from connectors.broker.policy import learned, remedies
from connectors.z3950.errors import TargetDiagnostic
from connectors.z3950.pqf import parse

BY_AUTHOR = parse("@and @attr 1=1003 @attr 2=3 @attr 5=1 liu @attr 1=4 @attr 4=1 santi")


@pytest.mark.parametrize(("code", "text", "instead"), [
    (114, "1003", {"1=1003": "1=1016"}),
    (114, "", {"1=1003": "1=1016", "1=4": "1=1016"}),
    (117, "3", {"2=3": ""}),
    (118, "", {"4=1": ""}),
    (120, "1", {"5=1": ""}),
    (113, "5", {"5=1": ""}),
    (113, "", {"2=3": "", "5=1": "", "4=1": ""}),
    (123, "", {"2=3": "", "5=1": "", "4=1": ""}),
    (235, "Default", {}),
    (119, "", {}),
])
def test_a_diagnostic_says_what_to_replace(code: int, text: str, instead: dict[str, str]):
    assert remedies(BY_AUTHOR, TargetDiagnostic(code, text)) == instead


def test_a_person_s_name_is_looked_for_among_authors_before_anywhere():
    assert remedies(parse("@attr 1=1004 liu"), TargetDiagnostic(114, "1004")) == {"1=1004": "1=1003"}


def test_a_target_without_any_looks_where_it_looks_by_default():
    assert remedies(parse("@attr 1=1016 liu"), TargetDiagnostic(114, "1016")) == {"1=1016": ""}


def test_what_is_learned_holds_for_what_was_replaced_before():
    assert learned({"1=1003": "1=1016", "2=3": ""}, {"1=1016": ""}) == {"1=1003": "", "2=3": "", "1=1016": ""}
