"""The union catalogue as the gateway answers for it: what a query finds, fetched as far as it is looked at.

A set of works is its question and a few works that were fetched last; a million hits cost what is shown of them. Two
pages of one set are two questions: a work that has gone between them leaves a place that cannot be had.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from connectors.agent.asking import Carries, ask_gateway
from connectors.agent.entry import Refused
from connectors.agent.link import GatewayUnreachable
from connectors.agent.office import Office
from connectors.faces.texts import Names
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.searchinfo import Subquery
from schemas.catalogue import (
    CatalogueAnswer,
    CatalogueQuestion,
    FoundWork,
    IndexAnswer,
    IndexQuestion,
    Operator,
    SortedBy,
    Sought,
)
from schemas.directory import Role
from schemas.identifiers import Wire
from schemas.messages import MessageType
from schemas.problems import ProblemCode
from trust.errors import TrustError

PAGE_WORKS = 10
KEPT_WORKS_MAX = 20
"""Works that one set keeps."""

Answer = TypeVar("Answer", bound=Wire)
Ask = Callable[[CatalogueQuestion], Awaitable[CatalogueAnswer]]

_TEMPORARY, _UNSUPPORTED, _UNPRESENTABLE = 2, 3, 14
"""Bib-1: temporary system error, unsupported search, system error in presenting records."""


@dataclass
class Works:
    """What a query finds, in an order; its length is the number of hits that can be had."""

    query: tuple[Sought | Operator, ...]
    ask: Ask
    order: tuple[SortedBy, ...] = ()
    names: Names = field(default_factory=dict, repr=False)
    total: int = 0
    shares: Mapping[str, int] = field(default_factory=dict)
    _kept: OrderedDict[int, FoundWork] = field(default_factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return self.total

    async def open(self) -> "Works":
        """Ask for the first page, and return the set itself."""
        answer = await self._fetch(0)
        self.total, self.shares = answer.total, {each.agency: each.works for each in answer.libraries}
        return self

    def subqueries(self) -> Iterator[Subquery]:
        """Yield how many of the works each member has; one without any record in the union says so."""
        for agency, member in self.names.items():
            if member.role is Role.LIBRARY:
                works = self.shares.get(agency)
                state = "not harvested" if works is None else "ok" if works else "empty"
                yield Subquery(f"{member.name_zh} {member.name_en}: {state}", count=works or 0)

    async def work(self, index: int) -> FoundWork:
        """Return the work at a place, counted from 0; raise ``DiagnosticError`` where it cannot be had."""
        if index not in self._kept:
            await self._fetch(index)
        if index not in self._kept:
            raise DiagnosticError(_UNPRESENTABLE, "the catalogue has changed; search again")
        return self._kept[index]

    async def _fetch(self, offset: int) -> CatalogueAnswer:
        answer = await self.ask(CatalogueQuestion(
            query=self.query, order=self.order, offset=offset, limit=PAGE_WORKS, by_library=not offset))
        self._kept.update(enumerate(answer.works, offset))
        while len(self._kept) > KEPT_WORKS_MAX:
            self._kept.popitem(last=False)
        return answer


@dataclass(frozen=True)
class Union:
    """Asks the gateway; whatever keeps it from answering is a diagnostic of ours."""

    office: Office
    link: Carries
    names: Callable[[], Names]
    """The alliance's members as the directory has them now."""

    async def works(self, query: tuple[Sought | Operator, ...], order: tuple[SortedBy, ...] = ()) -> Works:
        """Return what a query finds."""
        return await Works(query, self._find, order, self.names()).open()

    async def terms(self, question: IndexQuestion) -> IndexAnswer:
        """Return the terms of an index around a start."""
        return await self._ask(MessageType.INDEX_QUESTION, question, IndexAnswer)

    async def _find(self, question: CatalogueQuestion) -> CatalogueAnswer:
        return await self._ask(MessageType.CATALOGUE_QUESTION, question, CatalogueAnswer)

    async def _ask(self, kind: MessageType, body: Wire, expected: type[Answer]) -> Answer:
        try:
            return await ask_gateway(self.office, self.link, kind, body, expected)
        except GatewayUnreachable:
            raise DiagnosticError(_TEMPORARY, "the alliance's gateway does not answer now") from None
        except (Refused, TrustError) as error:
            code = _UNSUPPORTED if error.code is ProblemCode.BAD_REQUEST else _TEMPORARY
            raise DiagnosticError(code, str(error)) from None
