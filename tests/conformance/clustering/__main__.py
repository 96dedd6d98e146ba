"""Writes ``tests/vectors/clustering/*.jsonl`` anew."""

from tests.conformance.clustering.files import FOLDER, render

for name, text in render().items():
    (FOLDER / name).write_text(text, "utf-8")
