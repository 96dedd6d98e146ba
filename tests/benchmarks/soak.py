"""Where a soak run keeps its progress, so that it can be stopped at any time and goes on from there."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path("var/soak")


class Progress:
    """A few figures in a file; each ``save`` replaces the file whole. Delete it to begin again."""

    def __init__(self, name: str, **initial: Any) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._path = FOLDER / f"{name}.json"
        self.figures: dict[str, Any] = initial
        if self._path.exists():
            self.figures |= json.loads(self._path.read_text("utf-8"))

    def save(self, **figures: Any) -> None:
        """Keep these figures."""
        self.figures |= figures
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self.figures, ensure_ascii=False), "utf-8")
        new.replace(self._path)
