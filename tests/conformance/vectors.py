"""Reads the published vectors, for whoever has to agree with them."""

import json
from base64 import b64decode
from typing import Any

from tests.conformance.published import ROOT, VECTORS

Given = dict[str, Any]
"""One case, with what its file says for all of them."""

LISTS = {"cases", "inclusion", "consistency", "opens", "signed"}
"""Names under which a file lists its cases."""
ENVELOPE_FILES = ("form", "base64", "signature", "payload", "header", "key_life")


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / VECTORS / f"{name}.json").read_text("utf-8"))
    return document


def cases(name: str, under: str = "cases") -> list[Given]:
    """Return the cases of a file; what they do not say themselves, the file says."""
    document = read(name)
    common = {key: value for key, value in document.items() if key not in LISTS}
    return [{**common, **case} for case in document[under]]


def envelope_cases() -> list[Given]:
    return [{**case, "name": f"{name}/{case['name']}"} for name in ENVELOPE_FILES for case in cases(f"envelope/{name}")]


def raw_envelope(case: Given) -> bytes:
    return b" " * case.get("spaces_before", 0) + b64decode(case["envelope_base64"])


def name_of(case: Given) -> str:
    return str(case["name"])
