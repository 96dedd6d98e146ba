"""A library asks the gateway for works and terms: signed, answered with all holders, bounded, and refused by name."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.agent.asking import ask_gateway
from connectors.agent.entry import Refused
from schemas.catalogue import (
    CatalogueAnswer,
    CatalogueQuestion,
    Index,
    IndexAnswer,
    IndexQuestion,
    Operator,
    Sought,
)
from schemas.messages import MessageType
from schemas.problems import ProblemCode
from tests.alliance import FIRST, SECOND, THIRD, Alliance, HandLink
from tests.federation.catalogue.books import book

M = MessageType
RED = {"isbn": "9787020002207", "year": 1996}


@pytest.fixture
async def stocked(town: Alliance) -> Alliance:
    for library, barcode in ((FIRST, "F1"), (SECOND, "S1")):
        bib = book("红楼梦", "曹雪芹", record_id=f"{barcode}-9", barcodes=(barcode,), **RED)
        await town.database.run(lambda unit, library=library, bib=bib: unit.catalogue.upsert(library, [bib]))
    return town


async def asked(town: Alliance, kind: MessageType, body: Any, expected: type[Any]) -> Any:
    return await ask_gateway(town[THIRD].office, HandLink(town.gateway), kind, body, expected)


async def test_any_library_is_told_of_a_work_and_all_who_hold_it(stocked: Alliance) -> None:
    question = CatalogueQuestion(query=(Sought(text="红楼梦", index=Index.TITLE),))
    answer = await asked(stocked, M.CATALOGUE_QUESTION, question, CatalogueAnswer)
    (work,) = answer.works
    assert (answer.total, work.bib.title) == (1, "红楼梦")
    assert {(holder.agency, holder.copies[0].barcode) for holder in work.holders} == {(FIRST, "F1"), (SECOND, "S1")}


async def test_the_terms_of_an_index_are_told(stocked: Alliance) -> None:
    answer = await asked(stocked, M.INDEX_QUESTION, IndexQuestion(index=Index.AUTHOR, start="曹"), IndexAnswer)
    assert [(term.text, term.works) for term in answer.terms] == [("曹雪芹", 1)]


async def test_a_question_that_makes_no_sense_is_refused_to_who_has_asked(stocked: Alliance) -> None:
    with pytest.raises(Refused) as refused:
        await asked(stocked, M.CATALOGUE_QUESTION, CatalogueQuestion(query=(Operator.AND,)), CatalogueAnswer)
    assert refused.value.code is ProblemCode.BAD_REQUEST


async def test_an_answer_of_another_kind_is_none(stocked: Alliance) -> None:
    with pytest.raises(Refused) as refused:
        await asked(stocked, M.INDEX_QUESTION, IndexQuestion(index=Index.TITLE, start=""), CatalogueAnswer)
    assert refused.value.code is ProblemCode.REPLY_MISMATCH


async def test_a_library_that_asks_too_often_is_told_so(stocked: Alliance) -> None:
    async def nothing(_kind: str, _member: str) -> bool:
        return False

    stocked.gateway = replace(stocked.gateway, allow=nothing)
    with pytest.raises(Refused) as refused:
        await asked(stocked, M.INDEX_QUESTION, IndexQuestion(index=Index.TITLE, start=""), IndexAnswer)
    assert refused.value.code is ProblemCode.TOO_MANY_REQUESTS


async def test_nothing_of_a_question_is_kept(stocked: Alliance) -> None:
    size = await stocked.log_size()
    await asked(stocked, M.CATALOGUE_QUESTION, CatalogueQuestion(query=(Sought(text="a"),)), CatalogueAnswer)
    assert await stocked.log_size() == size
