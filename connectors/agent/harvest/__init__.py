"""The library's catalogue, from its source to signed batches, whole or what has changed, with a report of every run.

Read `run` first, then `sources` and what is one (`files`, `target`, `repository`), `ledger` for what the journal keeps.
Must not know the gateway's catalogue, nor decide which records describe the same book.
"""
