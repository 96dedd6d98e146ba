"""Trust: keys, the signed directory, envelopes, streams, evidence and sealing.

Owns the door between bytes and verified statements. Pure: no sockets, no clock, no database; time, randomness and
stored nodes are arguments. Must not know loans, ledgers or library protocols. Its command line stands beside it, and so
does what all three programs share: console, settings, metrics.
"""
