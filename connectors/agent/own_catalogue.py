"""This library's own catalogue, asked live: what its Z39.50 target has now, for a question of the gateway.

The broker asks it as it would ask a stranger: with a deadline, a breaker, and attributes that the target lacks put in
other words. A library without a target answers that it has none.
"""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from connectors.broker import Broker
from connectors.broker.reading import marc_of
from connectors.marc.bib_reader import bib_from_record
from connectors.marc.items import ItemMapping
from connectors.z3950.answer import Answer
from connectors.z3950.errors import Z3950Error
from connectors.z3950.query import And, AndNot, Attribute, Or, Query, Term, Use, look_for
from schemas.bib import Bib
from schemas.catalogue import Index, Operator, Sought
from schemas.live import ANSWER_BYTES_MAX, LiveAnswer, LiveQuestion, LiveState

_USE_OF: Mapping[Index, Use] = {
    Index.ANY: Use.ANY, Index.TITLE: Use.TITLE, Index.AUTHOR: Use.AUTHOR, Index.SUBJECT: Use.SUBJECT,
    Index.PUBLISHER: Use.PUBLISHER, Index.NUMBER: Use.ISBN, Index.YEAR: Use.DATE,
}
_OPERATORS: Mapping[Operator, type[And | Or | AndNot]] = {
    Operator.AND: And, Operator.OR: Or, Operator.NOT: AndNot}
_RIGHT_TRUNCATED = Attribute(5, 1)
_HITS_MAX = (1 << 53) - 1
_NO_TARGET, _NOT_UNDERSTOOD = LiveAnswer(state=LiveState.NO_TARGET), LiveAnswer(state=LiveState.REFUSED)


class OwnCatalogue:
    """Asks the one target of ``broker``, if there is one. ``items`` and ``charset`` are those of its records."""

    def __init__(
        self, broker: Broker | None = None, items: ItemMapping | None = None, charset: str | None = None
    ) -> None:
        self._broker = broker
        self._items = items
        self._charset = charset

    async def answer(self, question: LiveQuestion) -> LiveAnswer:
        """Return what the target finds within the question's time, and in what state that is."""
        if self._broker is None or not self._broker.targets:
            return _NO_TARGET
        query = query_of(question.query)
        if query is None:
            return _NOT_UNDERSTOOD
        (ended,) = await self._broker.gather(query, question.limit, question.milliseconds / 1000)
        found = ended.answer
        return LiveAnswer(state=LiveState(found.state), hits=min(found.hits or 0, _HITS_MAX),
                          bibs=tuple(self._bibs(found)), changes=found.changes[:50])

    def _bibs(self, found: Answer) -> Iterator[Bib]:
        """Yield the records that are MARC, as long as they fit into an answer."""
        room = ANSWER_BYTES_MAX
        for record in found.records:
            try:
                marc = marc_of(record, self._charset)
                bib = bib_from_record(marc, self._items) if marc is not None else None
            except (ValidationError, Z3950Error):
                continue
            if bib is None:
                continue
            room -= len(bib.model_dump_json(exclude_defaults=True).encode())
            if room >= 0:
                yield bib


def query_of(steps: Iterable[Sought | Operator]) -> Query | None:
    """Return the query that ``steps`` make; ``None`` where they make none.

    >>> query_of([Sought(text="三体"), Sought(text="刘慈欣", index=Index.AUTHOR), Operator.AND])
    And(left=Term(value='三体', attributes=(Attribute(type=1, value=<Use.ANY: 1016>, attribute_set=None),)), \
right=Term(value='刘慈欣', attributes=(Attribute(type=1, value=<Use.AUTHOR: 1003>, attribute_set=None),)))
    """
    stack: list[Query] = []
    for step in steps:
        if isinstance(step, Sought):
            stack.append(_term(step))
        elif len(stack) < 2:
            return None
        else:
            right = stack.pop()
            stack.append(_OPERATORS[step](stack.pop(), right))
    return stack[0] if len(stack) == 1 else None


def _term(sought: Sought) -> Term:
    term = look_for(sought.text, _USE_OF[sought.index])
    return Term(term.value, (*term.attributes, _RIGHT_TRUNCATED)) if sought.is_start else term
