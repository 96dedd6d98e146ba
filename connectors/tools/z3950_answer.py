"""What one search of a Z39.50 target came to, for programs and for people: MARC where it is MARC, text where not."""

import json

from pydantic import ValidationError

from connectors.broker.reading import marc_of
from connectors.marc.charset import MARC8
from connectors.marc.mapping import bib_from_record
from connectors.marc.writer import write_json
from connectors.tools.terminal import error_code, plain, table
from connectors.z3950 import oid
from connectors.z3950.answer import MEANINGS, Answer
from connectors.z3950.reply import Record

_STRUCTURED = frozenset({oid.OPAC, oid.GRS1, oid.EXPLAIN})
_COLUMNS = ("序 No.", "语法 Syntax", "字符集 Charset", "题名 Title", "责任者 By", "年 Year")
_NAMES = {value: name for name, value in reversed(oid.SYNTAXES.items()) if name != "marc21"}


def to_json(answer: Answer, charset: str | None, seconds: float) -> dict[str, object]:
    """Return the shape that programs rely on; ``charset`` is the records', None where each is to be told."""
    return {
        "state": answer.state,
        "hits": answer.hits or 0,
        "records": [record_json(record, charset) for record in answer.records],
        "diagnostics": _diagnostics(answer),
        "seconds": round(seconds, 3),
    }


def to_text(answer: Answer, charset: str | None, seconds: float) -> str:
    """Return the same for people."""
    lines = [f"{answer.state}: {MEANINGS[answer.state]}",
             f"命中 Hits {answer.hits or 0}  显示 Shown {len(answer.records)}  用时(秒) Seconds {seconds:.2f}"]
    if answer.records:
        rows = [(number, *_described(record, charset)) for number, record in enumerate(answer.records, 1)]
        lines += ["", table(_COLUMNS, rows)]
    lines += (f"诊断 Diagnostic {each['code']}: {plain(each['text'])}" for each in _diagnostics(answer))
    return "\n".join(lines)


def _diagnostics(answer: Answer) -> list[dict[str, object]]:
    """A number is Bib-1's and the target's, a name is ours."""
    found: list[dict[str, object]] = [{"code": each.code, "text": each.text} for each in answer.diagnostics]
    if answer.error is not None:
        found.append({"code": error_code(answer.error), "text": str(answer.error)})
    return found


def record_json(record: Record, charset: str | None) -> dict[str, object]:
    """Return one record as MARC-in-JSON; where it is no MARC that is null, and ``text`` is what came."""
    syntax = syntax_name(record.syntax)
    marc = marc_of(record, charset)
    if marc is None:
        return {"syntax": syntax, "charset": charset, "marc": None, "text": _text(record, charset)}
    return {"syntax": syntax, "charset": marc.charset.name, "marc": json.loads(write_json(marc))}


def syntax_name(syntax: str) -> str:
    """Return the name that people give a record syntax, or its OID."""
    return _NAMES.get(syntax, syntax)


def _text(record: Record, charset: str | None) -> str | None:
    if record.syntax in _STRUCTURED:
        return None
    return record.data.decode(charset if charset and charset != MARC8 else "utf-8", "replace")


def _described(record: Record, charset: str | None) -> tuple[object, ...]:
    marc = marc_of(record, charset)
    syntax = syntax_name(record.syntax)
    if marc is None:
        return syntax, charset, _text(record, charset), "", ""
    try:
        bib = bib_from_record(marc)
    except ValidationError:
        return syntax, marc.charset.name, marc.control("001"), "", ""
    return syntax, marc.charset.name, bib.title, bib.responsibility, bib.year
