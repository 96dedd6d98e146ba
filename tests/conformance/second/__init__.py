"""A second implementation, written from ``docs/protocol.md`` alone.

It imports nothing of the project; besides the page it reads the published schemas. Where it and the project disagree
on a vector, the page, the project or the vector is wrong. Short rather than fast: for tests only.
"""
