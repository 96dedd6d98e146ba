"""The files of pairs, byte for byte: each pair in its half, one a line."""

import json
from typing import Any

from tests.conformance.clustering.cards import bib_of
from tests.conformance.clustering.facts import FOLDER, handwritten, number_from
from tests.conformance.clustering.pairs import Pair, generated

HALVES = ("development", "held_out")
SALT = "189"
"""Chosen so that both halves have every kind, before anything was scored."""
FRESH = "fresh"
"""The pairs of ``fresh.toml``, about other works: written after the scorer was tuned, to be measured once."""
UNSEEN = "unseen"
"""The pairs of ``unseen.toml``, about other works: by one who had not seen the scorer, to be measured once."""
SETS = (*HALVES, FRESH, UNSEEN)

__all__ = ["FOLDER", "FRESH", "HALVES", "SETS", "UNSEEN", "half_of", "pairs", "render"]


def half_of(work: str) -> str:
    """The half in which all pairs of a work stand."""
    return HALVES[number_from(SALT + work, 2)]


def pairs() -> list[dict[str, Any]]:
    """All pairs as they are published."""
    return [_published(pair, f"g{number:04}", "generated", half_of(pair.work))
            for number, pair in enumerate(generated(), 1)] \
        + [_published(pair, f"h{number:04}", "handwritten", half_of(pair.work))
           for number, pair in enumerate(_written("handwritten.toml"), 1)] \
        + [_published(pair, f"f{number:04}", "handwritten", FRESH)
           for number, pair in enumerate(_written("fresh.toml"), 1)] \
        + [_published(pair, f"u{number:04}", "handwritten", UNSEEN)
           for number, pair in enumerate(_written("unseen.toml"), 1)]


def render() -> dict[str, str]:
    """The text of each file under its name."""
    lines: dict[str, list[str]] = {half: [] for half in SETS}
    for pair in pairs():
        lines[pair["half"]].append(json.dumps(pair, ensure_ascii=False, sort_keys=True))
    return {f"{half}.jsonl": "\n".join(texts) + "\n" for half, texts in lines.items()}


def _written(file: str) -> list[Pair]:
    return [Pair(pair["work"], pair["kind"], pair["label"] == "same", pair["why"], pair["a"], pair["b"])
            for pair in handwritten(file)]


def _published(pair: Pair, name: str, origin: str, half: str) -> dict[str, Any]:
    a, b = bib_of(pair.a, name + "a"), bib_of(pair.b, name + "b")
    return {"id": name, "work": pair.work, "kind": pair.kind, "label": "same" if pair.same else "different",
            "why": pair.why, "half": half, "origin": origin, "a": a, "b": b}
