import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from schemas.ledger import Entry
from schemas.lending import Custody
from schemas.statement import Statement, Window, disputed_lines, statement_of, statements_of
from tests.schemas.loan_story import CLEARING, COURIER, FUND, HOME, SUPPLIER, THIRD, collected

ALL = Window(1, -1, 100)


def journal() -> list[Entry]:
    story = collected()
    story.take(Custody.RETURNED_AT, THIRD)
    story.ship_back()
    story.take(Custody.SUPPLIER, SUPPLIER)
    story.complete()
    return story.journal


def test_lines_carry_the_sign_of_their_party_and_what_is_set_aside_is_no_line() -> None:
    lines = [(line.index, line.code, line.amount_fen) for line in statement_of(HOME, ALL, journal()).lines]
    assert lines == [(6, "fee", -800), (7, "carriage out", -600), (11, "carriage back", -500)]


def test_the_statements_of_all_parties_sum_to_zero() -> None:
    nets = {party: statement.net_fen for party, statement in statements_of(ALL, journal()).items()}
    assert nets == {HOME: -1900, SUPPLIER: 800, COURIER: 1100, FUND: -300, THIRD: 300, CLEARING: 0}


def test_a_window_holds_what_comes_after_its_first_index_up_to_its_last() -> None:
    split = [statement_of(HOME, window, journal()).net_fen for window in (Window(1, -1, 6), Window(2, 6, 7),
                                                                          Window(3, 7, 100))]
    assert split == [-800, -600, -500]


def test_a_party_without_lines_has_an_empty_statement() -> None:
    assert statement_of(THIRD, Window(1, -1, 3), journal()) == Statement(THIRD, Window(1, -1, 3), ())


def test_the_bytes_are_canonical_json_and_the_digest_is_theirs() -> None:
    statement = statement_of(THIRD, ALL, journal())
    line = statement.lines[0]
    assert statement.encode() == (
        '{"after_index":-1,"lines":[{"amount_fen":300,"code":"third return","conv":"loan-0001","evidence":"'
        f'{line.evidence}","index":9,"transfer":"{line.transfer}"}}],"net_fen":300,"party":"CN-AH-HEFEI",'
        '"upto_index":100,"window":1}').encode()
    assert json.loads(statement.encode())["lines"][0]["transfer"] == line.transfer
    assert statement.digest == hashlib.sha256(statement.encode()).hexdigest()


@given(st.permutations(journal()), st.lists(st.sampled_from(journal()), max_size=4))
def test_a_library_that_saw_messages_in_another_order_or_twice_computes_the_same_bytes(shuffled, repeated) -> None:
    own = [entry for entry in (*shuffled, *repeated) if HOME in (entry.transfer.debit, entry.transfer.credit)]
    assert statement_of(HOME, ALL, own).encode() == statements_of(ALL, journal())[HOME].encode()


def test_a_proposal_equals_the_statement_it_proposes() -> None:
    statement = statement_of(HOME, ALL, journal())
    proposal = statement.propose()
    assert (proposal.digest, proposal.net_fen) == (statement.digest, -1900)
    assert disputed_lines(statement, proposal) == ()


def test_a_line_that_was_altered_added_or_left_out_is_named() -> None:
    own = statement_of(HOME, ALL, journal())
    first, second, third = own.lines
    dearer = second.model_copy(update={"amount_fen": -700})
    invented = third.model_copy(update={"transfer": "f" * 32})
    proposal = Statement(HOME, ALL, (dearer, third, invented)).propose()
    assert disputed_lines(own, proposal) == tuple(sorted([first.transfer, second.transfer, "f" * 32]))
