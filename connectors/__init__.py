"""The library's side: protocols of its own systems (SIP2, Z39.50, SRU, MARC), and the agent above them.

Owns every byte exchanged inside a library. Must not import ``federation``: the two meet on the wire only.
"""
