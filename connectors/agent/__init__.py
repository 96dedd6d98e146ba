"""The library's agent: it keeps the journal, speaks for the library on the wire and works its ILS.

Owns: what this library has signed, received and written to its ILS. Must not: decide for another library, or let an
ILS's local vocabulary out. Read ``connectors.agent.office`` first.
"""
