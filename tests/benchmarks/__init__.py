"""What the parts cost, each beside a reference measured in the same run: ``python -m tests.benchmarks``."""
