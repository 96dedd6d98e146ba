"""Writes ``docs/schema``, ``tests/vectors`` and the page's tables anew: ``make published``."""

from tests.conformance.published import ROOT, render
from tests.conformance.tables import PAGE, fill


def main() -> None:
    for name, data in render().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    page = ROOT / PAGE
    page.write_text(fill(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
