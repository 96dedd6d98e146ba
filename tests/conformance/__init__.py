"""What is published from the code: the schemas in ``docs/schema`` and the vectors in ``tests/vectors``.

``python -m tests.conformance`` writes both anew; the tests compare them with what the code gives, and a second
implementation (``second``), written from ``docs/protocol.md`` alone, has to agree on every vector.
"""
