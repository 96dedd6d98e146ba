"""The table of problems: one row for each code, and every refusal of ours has one."""

import pytest

from schemas.problems import PROBLEMS, Party, ProblemCode
from trust import errors

ERRORS = [error for error in vars(errors).values()
          if isinstance(error, type) and issubclass(error, errors.TrustError) and hasattr(error, "default")]


def test_every_code_has_its_row() -> None:
    assert set(PROBLEMS) == set(ProblemCode)


@pytest.mark.parametrize("code", ProblemCode)
def test_a_row_says_in_words_what_is_wrong_and_is_an_http_error(code: ProblemCode) -> None:
    row = PROBLEMS[code]
    assert row.meaning
    assert 400 <= row.http_status < 600
    assert row.who_acts in Party


@pytest.mark.parametrize("code", ProblemCode)
def test_a_code_is_its_name_so_that_it_is_never_renamed(code: ProblemCode) -> None:
    assert code == code.name.lower()


def test_no_two_problems_mean_the_same() -> None:
    assert len({row.meaning for row in PROBLEMS.values()}) == len(PROBLEMS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_refusal_of_the_trust_layer_has_a_code(error: type[errors.TrustError]) -> None:
    assert error.default in PROBLEMS


def test_a_retry_is_offered_only_where_somebody_or_time_can_help() -> None:
    assert {code for code, row in PROBLEMS.items() if row.may_retry} == {
        ProblemCode.UNKNOWN_KEY, ProblemCode.FROM_THE_FUTURE, ProblemCode.NEWER_DIRECTORY,
        ProblemCode.OUT_OF_SEQUENCE, ProblemCode.DIRECTORY_EXPIRED, ProblemCode.FRESHNESS_EXPIRED,
        ProblemCode.DIRECTORY_FROZEN, ProblemCode.NOT_CONFIRMED, ProblemCode.CLOCK_WRONG,
        ProblemCode.LIBRARY_UNREACHABLE, ProblemCode.TOO_MANY_REQUESTS}
