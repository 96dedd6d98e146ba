"""The scorer against real bibliographic facts: the sets of labelled pairs, each alone."""

import json

import pytest

from federation.catalogue.clustering import compare
from federation.catalogue.features import features_of
from federation.catalogue.grouping import tied
from federation.curating import RULES
from schemas.bib import Bib
from tests.benchmarks.clustering import FOLDER, PRECISION_GOAL, RECALL_GOAL, TITLES, judge


@pytest.mark.parametrize("name", TITLES)
def test_the_scorer_is_as_right_as_is_promised(name: str) -> None:
    found = judge(name)
    assert found.precision >= PRECISION_GOAL
    assert found.recall >= RECALL_GOAL


def test_every_finding_on_them_has_a_name_for_people() -> None:
    pairs = [json.loads(line) for line in (FOLDER / "development.jsonl").read_text("utf-8").splitlines()]
    described = [tuple(features_of(Bib.model_validate(pair[side])) for side in "ab") for pair in pairs]
    found = {reason.rule for one, other in described for reason in compare(one, other).reasons}
    assert found <= RULES.keys()
    assert len(found) > len(RULES) // 2


def test_a_record_of_them_is_tied_to_itself_or_says_too_little() -> None:
    pairs = [json.loads(line) for line in (FOLDER / "development.jsonl").read_text("utf-8").splitlines()]
    records = [features_of(Bib.model_validate(pair["a"])) for pair in pairs]
    silent = [record for record in records if not tied(record, record)]
    assert all(not record.isbns and (record.year is None or not record.authors) for record in silent)
