"""The union catalogue's rules: how text becomes tokens, which records describe one book, what a query means.

Owns folding, tokens, clustering, the query language, facets, suggestions and the order of results; all pure functions
over `schemas.bib`.
Must not know how the catalogue is stored (`federation.storage.catalogue`), where a record came from beyond its agency,
or MARC.
"""
