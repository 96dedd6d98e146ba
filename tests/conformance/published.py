"""Every published file that is generated, by its path in the repository. The same code gives the same bytes."""

import json
from pathlib import Path
from typing import Any

from schemas.json_schema import render as render_schemas
from tests.conformance import (
    directory_cases,
    envelope_cases,
    evidence_cases,
    freshness_cases,
    money_cases,
    relay_cases,
    sealing_cases,
    stream_cases,
)

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS, VECTORS = "docs/schema", "tests/vectors"
PARTS = (envelope_cases, relay_cases, stream_cases, directory_cases, freshness_cases, evidence_cases, sealing_cases,
         money_cases)


def render() -> dict[str, bytes]:
    files = {f"{SCHEMAS}/{name}.json": _encode(schema) for name, schema in render_schemas().items()}
    for part in PARTS:
        files |= {f"{VECTORS}/{name}.json": _encode(vectors) for name, vectors in part.files().items()}
    return files


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
