"""Whose loan is this copy? A library asks, and is told no more than it needs."""

from typing import Any

import pytest

from connectors.agent.counter import SeveralLoans
from connectors.agent.custody import Step
from schemas.identifiers import AgencyId, ItemBarcode
from schemas.messages import (
    Confirmation,
    MessageType,
)
from schemas.problems import ProblemCode
from schemas.questions import LoanAnswer, LoanQuestion
from tests.alliance import (
    BARCODES,
    FIRST,
    GATEWAY,
    HOME,
    NOW,
    PICKUP,
    RECORD,
    SECOND,
    THIRD,
    Alliance,
    a_hash,
    body_of,
    key_of,
    read,
    sealed,
)
from tests.federation.telling import lent, promised, said

M, P = MessageType, ProblemCode


async def ask(town: Alliance, src: AgencyId, barcode: str) -> LoanAnswer:
    question = await said(town, M.LOAN_QUESTION, src, GATEWAY, LoanQuestion(barcode=barcode), nonce="n")
    answer = read(await town.gateway.answer(question.envelope))
    assert (answer.reply_to, answer.nonce, answer.dst) == (question.hash, "n", src)
    return answer.body


async def test_a_library_is_told_of_the_open_loan_of_a_copy_and_no_more_than_it_needs(town: Alliance) -> None:
    conv = await lent(town)
    (found,) = (await ask(town, THIRD, BARCODES[FIRST])).loans
    loan = await town.loan(conv)
    assert (found.conv, found.owner, found.home, found.last) == (conv, FIRST, HOME, loan.last)
    assert set(type(found).model_fields) == {"conv", "home", "owner", "pickup", "barcode", "title", "last"}


async def test_two_open_loans_with_the_same_barcode_are_both_named_and_never_guessed(town: Alliance) -> None:
    same = ItemBarcode("00000001")
    for supplier in (FIRST, SECOND):
        await town[supplier].journal.run(lambda unit: unit.put_items([(RECORD, same, 4500)]))
        await town[supplier].journal.run(lambda unit, b=BARCODES[supplier]: unit._db.execute(
            "DELETE FROM item WHERE barcode = ?", (b,)))
    convs = [await lent(town, supplier) for supplier in (FIRST, SECOND)]
    assert {found.conv for found in (await ask(town, THIRD, same)).loans} == set(convs)
    with pytest.raises(SeveralLoans):
        await town[THIRD].scan(same)
    assert await town[THIRD].scan(same, convs[1]) is Step.TAKE_BACK
    await town.rest()
    assert [(await town.loan(conv)).holder for conv in convs] == [PICKUP, THIRD]


async def test_a_copy_that_no_reader_has_belongs_to_nobody_who_asks(town: Alliance) -> None:
    await promised(town)
    assert (await ask(town, THIRD, BARCODES[FIRST])).loans == ()
    assert (await ask(town, THIRD, "99999999")).loans == ()


@pytest.mark.parametrize(("changes", "code"), [
    ({"key": key_of(FIRST)}, P.SIGNER_IS_NOT_SRC), ({"expires": NOW}, P.EXPIRED),
    ({"kind": M.CONFIRMATION, "body": Confirmation(message=a_hash("a"))}, P.WRONG_ROLE),
])
async def test_a_question_that_is_none_is_refused_by_name(town: Alliance, changes: dict[str, Any],
                                                          code: ProblemCode) -> None:
    question = {"kind": M.LOAN_QUESTION, "body": LoanQuestion(barcode="1"), **changes}
    message = sealed(town.directory, question.pop("kind"), THIRD, GATEWAY, question.pop("body"), **question)
    assert body_of(await town.gateway.answer(message.envelope)).code is code


async def test_a_question_for_somebody_else_is_refused(town: Alliance) -> None:
    message = sealed(town.directory, M.LOAN_QUESTION, THIRD, FIRST, LoanQuestion(barcode="1"))
    assert body_of(await town.gateway.answer(message.envelope)).code is P.WRONG_DESTINATION
