"""How many records to ask a target for at a time: learnt from what it delivered, without any I/O.

A target that delivers fewer than asked for is asked for as many as it gave; one that refuses several at once is asked
for half, and never again for more than went well; one that delivers all is asked for twice as many, as long as they
fit in one message.
"""

from dataclasses import dataclass

_GROWTH = 2


@dataclass
class Chunk:
    """The next Present's number of records. ``message_bytes``: what the target may put into one response."""

    records: int
    ceiling: int
    message_bytes: int

    def delivered(self, asked: int, records: int, size_bytes: int) -> None:
        """Learn from ``records`` of ``asked`` that came, at least one, and their size."""
        if records < asked:
            self.records = self.ceiling = records
        elif asked == self.records:
            fitting = self.message_bytes * records // max(1, size_bytes)
            self.records = max(1, min(_GROWTH * self.records, self.ceiling, fitting))

    def refused(self, asked: int) -> None:
        """Learn from a refusal of ``asked`` at once, more than one."""
        self.records = self.ceiling = max(1, asked // 2)
