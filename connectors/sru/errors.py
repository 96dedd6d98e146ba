"""What can go wrong with SRU: the diagnostics of its list (info:srw/diagnostic/1), and a server that is silent."""

from collections.abc import Mapping

DIAGNOSTIC_URI = "info:srw/diagnostic/1/"

MESSAGES: Mapping[int, str] = {
    1: "General system error",
    2: "System temporarily unavailable",
    4: "Unsupported operation",
    5: "Unsupported version",
    6: "Unsupported parameter value",
    7: "Mandatory parameter not supplied",
    8: "Unsupported parameter",
    10: "Query syntax error",
    12: "Too many characters in query",
    15: "Unsupported context set",
    16: "Unsupported index",
    19: "Unsupported relation",
    20: "Unsupported relation modifier",
    27: "Empty term unsupported",
    28: "Masking character not supported",
    31: "Anchoring character not supported",
    37: "Unsupported boolean operator",
    38: "Too many boolean operators in query",
    39: "Proximity not supported",
    46: "Unsupported boolean modifier",
    48: "Query feature unsupported",
    51: "Result set does not exist",
    60: "Result set not created: too many matching records",
    61: "First record position out of range",
    64: "Record temporarily unavailable",
    66: "Unknown schema for retrieval",
    67: "Record not available in this schema",
    71: "Unsupported record packing",
    80: "Sort not supported",
    235: "Database does not exist",
}
"""The diagnostics that we raise, by their number, with the list's own words."""


class SruError(Exception):
    """Root of every error that this package lets out."""


class SruDiagnostic(SruError):
    """A diagnostic of SRU's list: ``code``, and in ``details`` what it is about."""

    def __init__(self, code: int, details: str = "") -> None:
        known = MESSAGES.get(code, "not in the list")
        super().__init__(f"SRU diagnostic {code}, {known}" + (f": {details}" if details else ""))
        self.code = code
        self.details = details


class SruUnreachable(SruError):
    """No answer could be had from the server."""


class SruSilent(SruError):
    """No whole answer came before the deadline."""


class SruRefused(SruError):
    """The server wants to know who asks, or lets nobody of ours in (HTTP 401, 403)."""


class NotSru(SruError):
    """What came is no SRU answer: no XML, one with a document type, or another document."""


class UnwritableQuery(SruError):
    """The query has characters that the server's charset has not."""
