"""The gateway: union catalogue, routing of requests, settlement, evidence, the readers' portal.

Owns: the order in which messages become facts. Must not: hold a library's key, see MARC or SIP2 bytes, decide a
loan for a library. Read ``federation.gateway`` first.
"""
