"""What one live search found, as a result set that can be looked through: merged works, fetched when they are wanted.

Where no target holds more than a first helping, all is fetched and merged at once, and the number of works is exact.
Where one does, the number is the sum of the targets' hits, as every broker counts, and records are fetched as they are
asked for, a helping of each target at a time; what merged into an earlier work leaves empty places at the end.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from connectors.broker.broker import SECONDS, Broker, Ended
from connectors.broker.merging import Delivered, Merge, Work, in_turn
from connectors.z3950.answer import SERVED
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import Query
from connectors.z3950.searchinfo import Subquery

HELPING = 10
"""Records of each target that are fetched at first; each time twice as many."""
RECORDS_MAX = 80
"""Records of one target in one result set."""
HITS_MAX = (1 << 31) - 1
"""What a client's counter surely holds; some targets claim more."""
_TEMPORARY, _UNPRESENTABLE = 2, 14


class LiveSet:
    """The works that a live search found; ``ended`` tells how it went at each target."""

    def __init__(self, broker: Broker, query: Query, ended: Sequence[Ended], seconds: float) -> None:
        self.ended = ended
        self._broker = broker
        self._query = query
        self._seconds = seconds
        self._merge = Merge()
        self._waiting: deque[Delivered] = deque()
        self._hits: Mapping[str, int] = {each.target: each.answer.hits or 0 for each in ended}
        self._held = dict.fromkeys(self._hits, 0)
        self._helping = HELPING
        self._length = min(sum(self._hits.values()), HITS_MAX)

    @classmethod
    async def search(cls, broker: Broker, query: Query, seconds: float = SECONDS) -> "LiveSet":
        """Ask all targets.

        Raises:
            DiagnosticError: 2, none of them could serve; the text says what each one came to.
        """
        ended = await broker.gather(query, seconds=seconds)
        if not any(each.answer.state in SERVED or each.answer.hits == 0 for each in ended):
            raise DiagnosticError(_TEMPORARY, ", ".join(f"{each.target}: {each.answer.state}" for each in ended))
        found = cls(broker, query, ended, seconds)
        if max(found._hits.values(), default=0) <= HELPING:
            await found._fetch()
            found._merge_until(HITS_MAX)
            found._length = len(found._merge.works)
        return found

    def __len__(self) -> int:
        return self._length

    def subqueries(self) -> Iterator[Subquery]:
        """Yield how the search went at each target, and what was asked there in place of what it lacks."""
        for each in self.ended:
            told = [f"{each.target}: {each.answer.state}", *each.answer.changes]
            yield Subquery(" ".join(told), count=min(each.answer.hits or 0, HITS_MAX))

    async def work(self, index: int) -> Work:
        """Return work ``index``, counted from 0; raise ``DiagnosticError`` 14 where there is none in that place."""
        self._merge_until(index)
        while index >= len(self._merge.works) and self._helping <= RECORDS_MAX and self._more():
            await self._fetch()
            self._merge_until(index)
        if index >= len(self._merge.works):
            raise DiagnosticError(_UNPRESENTABLE, "merged with an earlier record, or no longer to be had")
        return self._merge.works[index]

    def _merge_until(self, index: int) -> None:
        while self._waiting and index >= len(self._merge.works):
            self._merge.add(self._waiting.popleft())

    def _more(self) -> list[str]:
        """Return the targets that have more than has come."""
        return [name for name, hits in self._hits.items() if hits > self._held[name]]

    async def _fetch(self) -> None:
        """Get the next helping of every target that has one."""
        wanted = self._helping
        self._helping *= 2
        ended = await self._broker.gather(self._query, wanted, self._seconds, only=self._more())
        answers = {each.target: each.answer for each in ended}
        lists = []
        for name in filter(answers.__contains__, self._hits):
            records = answers[name].records[self._held[name]:]
            self._held[name] += len(records)
            charset = self._broker.targets[name].profile.record_charset or None
            lists.append([Delivered(name, record, charset) for record in records])
        self._waiting.extend(in_turn(lists))
