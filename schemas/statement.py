"""One party's statement of one window: its settled transfers, their sum, and the bytes both ends agree on.

A window covers the evidence-log indices ``(after_index, upto_index]``. Each Accepted names its message's index, so a
library knows alone which of its transfers are inside, and rebuilds the statement byte for byte.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from schemas.identifiers import AgencyId, MessageHash
from schemas.ledger import Entry
from schemas.messages import StatementLine, StatementProposal


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the evidence log, ``after_index`` outside and ``upto_index`` inside; the first starts after −1."""

    number: int
    after_index: int
    upto_index: int

    def covers(self, index: int) -> bool:
        """Whether a message at this index belongs to the window."""
        return self.after_index < index <= self.upto_index


@dataclass(frozen=True, slots=True)
class Statement:
    """What one party owes or is owed for one window, line by line."""

    party: AgencyId
    window: Window
    lines: tuple[StatementLine, ...]

    @property
    def net_fen(self) -> int:
        """The sum of the lines; positive is owed to the party."""
        return sum(line.amount_fen for line in self.lines)

    def encode(self) -> bytes:
        """Return the canonical bytes: one JSON document in UTF-8, keys sorted, no spaces, integers only.

        For these types of value that is RFC 8785 (JSON Canonicalization Scheme), which other languages have.
        """
        document = {"party": self.party, "window": self.window.number, "after_index": self.window.after_index,
                    "upto_index": self.window.upto_index, "net_fen": self.net_fen,
                    "lines": [line.model_dump() for line in self.lines]}
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> MessageHash:
        """SHA-256 of the canonical bytes: two ends that compute the same digest hold the same statement."""
        return MessageHash(sha256(self.encode()).hexdigest())

    def propose(self) -> StatementProposal:
        """Return the message body in which the gateway puts the statement to its party."""
        return StatementProposal(window=self.window.number, after_index=self.window.after_index,
                                 upto_index=self.window.upto_index, lines=self.lines, net_fen=self.net_fen,
                                 digest=self.digest)


def statements_of(window: Window, entries: Iterable[Entry]) -> dict[AgencyId, Statement]:
    """Return the statement of every party that has a line in the window, by agency.

    Lines stand in the order of the log, then of the transfer's id; order and repetition of ``entries`` do not matter.
    """
    inside = {(entry.index, entry.transfer.id): entry for entry in entries
              if entry.transfer.is_settled and window.covers(entry.index)}
    lines: defaultdict[AgencyId, list[StatementLine]] = defaultdict(list)
    for _, entry in sorted(inside.items()):
        lines[entry.transfer.debit].append(_line(entry, -entry.transfer.amount_fen))
        lines[entry.transfer.credit].append(_line(entry, entry.transfer.amount_fen))
    return {party: Statement(party, window, tuple(lines[party])) for party in sorted(lines)}


def statement_of(party: AgencyId, window: Window, entries: Iterable[Entry]) -> Statement:
    """Return one party's statement; a party without a line has an empty one."""
    own = (entry for entry in entries if party in (entry.transfer.debit, entry.transfer.credit))
    return statements_of(window, own).get(party, Statement(party, window, ()))


def disputed_lines(own: Statement, proposal: StatementProposal) -> tuple[str, ...]:
    """Return the transfers on which a proposal and a party's own statement differ, missing ones included.

    Empty although the digests differ means that the proposal is not even the sum of its own lines.
    """
    ours = {line.transfer: line for line in own.lines}
    theirs = {line.transfer: line for line in proposal.lines}
    return tuple(sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)))


def _line(entry: Entry, amount_fen: int) -> StatementLine:
    transfer = entry.transfer
    return StatementLine(transfer=transfer.id, evidence=transfer.evidence, index=entry.index, code=transfer.code,
                         conv=transfer.conv, amount_fen=amount_fen)
