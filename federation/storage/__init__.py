"""Where facts become durable: one writer thread with group commit, and the tables behind the ports."""
