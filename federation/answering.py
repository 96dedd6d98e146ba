"""What a library may ask the gateway, and how each question is answered from the stores: one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from federation.ports import Unit
from schemas.identifiers import Wire
from schemas.loan import open_copy
from schemas.messages import MessageType
from schemas.questions import LoanAnswer, LoanQuestion


@dataclass(frozen=True, slots=True)
class Answering:
    """The type of an answer, and what it says; ``UnfitQuestion`` where the question makes no sense."""

    kind: MessageType
    answer: Callable[[Unit, Any], Wire]


def _loans(unit: Unit, question: LoanQuestion) -> LoanAnswer:
    """Tell whose loan a copy is that was handed in somewhere."""
    loans = unit.loans.with_barcode(question.barcode)
    return LoanAnswer(loans=tuple(opened for loan in loans if (opened := open_copy(loan))))


ANSWERS: Mapping[MessageType, Answering] = {
    MessageType.LOAN_QUESTION: Answering(MessageType.LOAN_ANSWER, _loans),
    MessageType.CATALOGUE_QUESTION: Answering(MessageType.CATALOGUE_ANSWER,
                                              lambda unit, question: unit.union.find(question)),
    MessageType.INDEX_QUESTION: Answering(MessageType.INDEX_ANSWER, lambda unit, question: unit.union.terms(question)),
}
