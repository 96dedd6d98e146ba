"""OAI-PMH 2.0, from the harvester's side: what a repository says as values, and a client that asks it.

Must not know what a record's metadata means: it comes out as bytes. Why this is no library of others:
`docs/decisions/0010-oai-pmh-client.md`.
"""
