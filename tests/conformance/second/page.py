"""What the page and the schemas say, read as an implementer's program might."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from tests.conformance.second.values import as_date, as_time

DOCS = Path(__file__).resolve().parents[3] / "docs"
_FORMATS = FormatChecker(())
_FORMATS.checks("date-time", ValueError)(lambda text: not isinstance(text, str) or as_time(text) is not None)
_FORMATS.checks("date", ValueError)(lambda text: not isinstance(text, str) or as_date(text) is not None)


@cache
def dialogue() -> dict[str, dict[str, str]]:
    """Return section 5's table: a row by type, a cell by column."""
    text = (DOCS / "protocol.md").read_text("utf-8")
    table = text.partition("<!-- dialogue -->\n")[2].partition("<!-- end -->")[0]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines())
    cells = [dict(zip(head, row, strict=True)) for row in rows]
    return {row["type"].strip("` "): row for row in cells}


def answers(kind: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", dialogue()[kind]["answers"]))


def channel(kind: str) -> str | None:
    name = dialogue()[kind]["channel"]
    return None if name == "–" else name


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((DOCS / "schema" / f"{name}.json").read_text("utf-8"))
    return Draft202012Validator(_whole_text(schema), format_checker=_FORMATS)


def _whole_text(schema: Any) -> Any:
    """Python's ``$`` matches before a last line feed too; the page says: up to its very end."""
    if isinstance(schema, dict):
        return {key: rf"{value.removesuffix('$')}\Z" if key == "pattern" and isinstance(value, str)
                else _whole_text(value) for key, value in schema.items()}
    return [_whole_text(each) for each in schema] if isinstance(schema, list) else schema


def fits(name: str, document: Any) -> bool:
    try:
        _validator(name).validate(document)
    except ValidationError:
        return False
    return True
