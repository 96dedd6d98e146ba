"""How many worlds are played: 6 in ``make test``, as many as you like with ``DELTA_SIMULATOR_SEEDS=500``.

A test's name ends with its seed, so ``pytest tests/simulator -k "replay and 17"`` plays one world again.
"""

import os

SEEDS = range(int(os.environ.get("DELTA_SIMULATOR_SEEDS", "6")))
