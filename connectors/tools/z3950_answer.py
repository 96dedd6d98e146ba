"""What one search of a Z39.50 target came to: its state, records and diagnostics, without any I/O.

A target that is silent, one that refuses and one that has nothing are told apart. No hits for a query beyond ASCII is
``unconfirmed``: a target that reads terms in another charset answers just so.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from pydantic import ValidationError

from connectors.marc.charset import MARC8
from connectors.marc.mapping import bib_from_record
from connectors.marc.marcxml import read_marcxml
from connectors.marc.reader import read_record
from connectors.marc.record import BadRecord, MarcRecord
from connectors.marc.writer import write_json
from connectors.tools.terminal import error_code, plain, table
from connectors.z3950 import oid
from connectors.z3950.client import Record
from connectors.z3950.errors import InitRefused, TargetDiagnostic, TargetSilent, Z3950Error


class State(StrEnum):
    """How a search ended."""

    OK = "ok"
    PARTIAL = "partial"
    EMPTY = "empty"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


SERVED = frozenset({State.OK, State.PARTIAL, State.EMPTY})
"""The states that answer the question."""

MEANINGS: Mapping[State, str] = MappingProxyType({
    State.OK: "完成 all records asked for",
    State.PARTIAL: "部分 only some of the records asked for",
    State.EMPTY: "无结果 nothing found",
    State.UNCONFIRMED: "无结果,但对方的检索字符集未经证实 nothing found, but the target's query charset is unproved",
    State.REFUSED: "对方拒绝 the target refuses us",
    State.TIMED_OUT: "超时 no answer in time",
    State.FAILED: "失败 the search failed",
})

# Bib-1 diagnostics: 236 access to the database denied, 1010-1023 what Init's access control says.
_NO_ACCESS = frozenset({236, *range(1010, 1024)})
_MARC = frozenset({oid.USMARC, oid.UNIMARC})
_STRUCTURED = frozenset({oid.OPAC, oid.GRS1, oid.EXPLAIN})
_COLUMNS = ("序 No.", "语法 Syntax", "字符集 Charset", "题名 Title", "责任者 By", "年 Year")
_NAMES = {value: name for name, value in reversed(oid.SYNTAXES.items()) if name != "marc21"}


@dataclass
class Answer:
    """What has come so far; ``hits`` is None until the target has searched."""

    wanted: int
    is_ascii: bool
    hits: int | None = None
    records: list[Record] = field(default_factory=list)
    diagnostics: list[TargetDiagnostic] = field(default_factory=list)
    error: Z3950Error | None = None

    @property
    def places(self) -> int:
        """How many records of the result set are wanted."""
        return min(self.wanted, self.hits or 0)

    def take(self, records: list[Record]) -> None:
        """Add what a Present brought, diagnostics in the place of records among it."""
        self.records += (record for record in records if record.diagnostic is None)
        self.diagnostics += (record.diagnostic for record in records if record.diagnostic is not None)

    def end(self, error: Z3950Error) -> None:
        """Note what ended the search early."""
        if isinstance(error, TargetDiagnostic):
            self.diagnostics.append(error)
        else:
            self.error = error

    @property
    def state(self) -> State:
        """Return how the search ended."""
        if self.records and len(self.records) < self.places:
            return State.PARTIAL
        if len(self.records) < self.places or self.hits is None:
            return self._failure
        if self.hits == 0:
            return State.EMPTY if self.is_ascii else State.UNCONFIRMED
        return State.OK

    @property
    def _failure(self) -> State:
        if isinstance(self.error, InitRefused) or any(each.code in _NO_ACCESS for each in self.diagnostics):
            return State.REFUSED
        return State.TIMED_OUT if isinstance(self.error, TargetSilent) else State.FAILED

    def to_json(self, charset: str | None, seconds: float) -> dict[str, object]:
        """Return the shape that programs rely on; ``charset`` is the records', None where each is to be told."""
        return {
            "state": self.state,
            "hits": self.hits or 0,
            "records": [record_json(record, charset) for record in self.records],
            "diagnostics": self._diagnostics(),
            "seconds": round(seconds, 3),
        }

    def to_text(self, charset: str | None, seconds: float) -> str:
        """Return the same for people."""
        lines = [f"{self.state}: {MEANINGS[self.state]}",
                 f"命中 Hits {self.hits or 0}  显示 Shown {len(self.records)}  用时(秒) Seconds {seconds:.2f}"]
        if self.records:
            rows = [(number, *_described(record, charset)) for number, record in enumerate(self.records, 1)]
            lines += ["", table(_COLUMNS, rows)]
        lines += (f"诊断 Diagnostic {each['code']}: {plain(each['text'])}" for each in self._diagnostics())
        return "\n".join(lines)

    def _diagnostics(self) -> list[dict[str, object]]:
        """A number is Bib-1's and the target's, a name is ours."""
        found: list[dict[str, object]] = [{"code": each.code, "text": each.text} for each in self.diagnostics]
        if self.error is not None:
            found.append({"code": error_code(self.error), "text": str(self.error)})
        return found


def record_json(record: Record, charset: str | None) -> dict[str, object]:
    """Return one record as MARC-in-JSON; where it is no MARC that is null, and ``text`` is what came."""
    syntax = _NAMES.get(record.syntax, record.syntax)
    marc = marc_of(record, charset)
    if marc is None:
        return {"syntax": syntax, "charset": charset, "marc": None, "text": _text(record, charset)}
    return {"syntax": syntax, "charset": marc.charset.name, "marc": json.loads(write_json(marc))}


def marc_of(record: Record, charset: str | None) -> MarcRecord | None:
    """Return the MARC of a record, told by its own syntax: servers do answer in another than they were asked for."""
    read: MarcRecord | BadRecord | None = None
    if record.syntax in _MARC:
        read = read_record(record.data, charset)
    elif record.syntax == oid.XML:
        read = next(read_marcxml(io.BytesIO(record.data)), None)
    return read if isinstance(read, MarcRecord) else None


def _text(record: Record, charset: str | None) -> str | None:
    if record.syntax in _STRUCTURED:
        return None
    return record.data.decode(charset if charset and charset != MARC8 else "utf-8", "replace")


def _described(record: Record, charset: str | None) -> tuple[object, ...]:
    marc = marc_of(record, charset)
    syntax = _NAMES.get(record.syntax, record.syntax)
    if marc is None:
        return syntax, charset, _text(record, charset), "", ""
    try:
        bib = bib_from_record(marc)
    except ValidationError:
        return syntax, marc.charset.name, marc.control("001"), "", ""
    return syntax, marc.charset.name, bib.title, bib.responsibility, bib.year
