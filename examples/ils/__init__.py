"""A sample ILS: one library's circulation on SQLite, with a SIP2 face and a Z39.50 face.

Owns patrons, items, loans, holds and fees of one library. Must not know gateway or messages of the alliance: to it
the alliance is one more patron, an institutional card.
"""
