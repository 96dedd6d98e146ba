"""The sample alliance as data: its libraries, books, readers, stock and clock.

Illustrative: never the real membership.
"""
