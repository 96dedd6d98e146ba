"""What the agent asks of a library system, and its one implementation, over SIP2.

Owns the typed results and reasons, the table that reads an ILS's words, and the choice of institutional cards. Must not
know loans, messages or the journal; the ILS's own words leave this package for the library's staff only.
"""
