"""SRU (Search/Retrieve via URL) 1.2 and 2.0 with its query language CQL, both sides.

Owns CQL, the XML of requests and answers, the client and the server. Must not know where records come from: a server
asks its backend, and what a record means is the business of ``connectors.marc``.
"""
