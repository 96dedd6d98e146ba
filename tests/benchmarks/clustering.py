"""The scorer against the labelled pairs: precision and recall, each set alone, as the catalogue would join them.

``python -m tests.benchmarks clustering`` prints the figures, ``python -m tests.benchmarks.clustering`` also the counts
of each kind. Rules are made on the development pairs and, since, on the fresh ones: hard cases, written when the rules
were thought to be done, and measured once before any rule was made on them: precision 0.985, recall 0.815. Only that
first figure says how the scorer did on pairs it had never met. Of the held-out ones nothing but these counts is ever
looked at.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from federation.catalogue.features import features_of
from federation.catalogue.grouping import tied
from schemas.bib import Bib
from tests.benchmarks.harness import Effort, Line

FOLDER = Path(__file__).parents[1] / "vectors" / "clustering"
TITLES = {
    "development": "development pairs (tuned on)",
    "fresh": "fresh pairs (tuned on after a first look: 0.985, 0.815)",
    "held_out": "held-out pairs",
    "unseen": "unseen pairs (one rule since the first look: 1.000, 0.938)",
}
"""The sets of pairs, and what their figures are called."""
PRECISION_GOAL = 0.99
RECALL_GOAL = 0.95


@dataclass(frozen=True)
class Judgement:
    """Pairs by kind, whether they are one book, and whether the scorer joins them."""

    counts: Counter[tuple[str, bool, bool]]

    def total(self, *, same: bool, joined: bool) -> int:
        """Return how many pairs there are of a label and a decision."""
        return sum(count for (_, *decided), count in self.counts.items() if decided == [same, joined])

    @property
    def precision(self) -> float:
        """The share of joined pairs that are one book."""
        joined = self.total(same=True, joined=True)
        return joined / (joined + self.total(same=False, joined=True))

    @property
    def recall(self) -> float:
        """The share of pairs of one book that are joined."""
        joined = self.total(same=True, joined=True)
        return joined / (joined + self.total(same=True, joined=False))


def judge(name: str) -> Judgement:
    """Let the scorer decide each pair of a set."""
    counts: Counter[tuple[str, bool, bool]] = Counter()
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            pair = json.loads(line)
            one, other = (features_of(Bib.model_validate(pair[side])) for side in "ab")
            counts[pair["kind"], pair["label"] == "same", tied(one, other)] += 1
    return Judgement(counts)


def run(_effort: Effort) -> Iterator[Line]:
    """Judge each set."""
    for name, title in TITLES.items():
        found = judge(name)
        pairs = f"{found.counts.total()} {title}"
        yield Line.within(f"clustering precision, {pairs}", "share", found.precision, PRECISION_GOAL)
        yield Line.within(f"clustering recall, {pairs}", "share", found.recall, RECALL_GOAL)


def table(name: str) -> str:
    """Return how many pairs of each kind are decided rightly."""
    found = judge(name)
    kinds = sorted({(kind, same) for kind, same, _ in found.counts})
    rows = [f"{kind:28} {'same' if same else 'different':10} {found.counts[kind, same, same]:4} of "
            f"{found.counts[kind, same, True] + found.counts[kind, same, False]:4}" for kind, same in kinds]
    return "\n".join((f"{TITLES[name]}: precision {found.precision:.4f}, recall {found.recall:.4f}", *rows))


if __name__ == "__main__":
    print("\n\n".join(map(table, TITLES)))
