"""How many worlds are played: 20 in ``make test``, as many as you like with ``DELTA_SIMULATOR_SEEDS=500`` (or 500:600).

A test's name ends with its seed, so ``pytest tests/simulator -k "replay and 17"`` plays one world again. ``make soak
ARGS=simulator`` plays a thousand, a few at a time.
"""

import os


def seeds(text: str) -> range:
    """Read a number of seeds, or from which one up to which one, this not included."""
    first, _, upto = text.rpartition(":")
    return range(int(first or 0), int(upto))


SEEDS = seeds(os.environ.get("DELTA_SIMULATOR_SEEDS", "20"))
