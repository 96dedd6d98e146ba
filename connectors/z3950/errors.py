"""Everything that can go wrong in a Z39.50 association, by name.

    Z3950Error
    ├── ProtocolViolation      the peer broke the standard; the association cannot go on
    │   ├── MalformedBer       octets that are no BER
    │   ├── TooDeep            nested beyond our limit
    │   ├── TooLarge           longer, or of more parts, than our limit
    │   ├── MalformedApdu      BER that is not the APDU it claims to be
    │   ├── UnsupportedApdu    an APDU of the standard, or none of it, that we do not speak
    │   └── WrongReference     an answer to a question that was not asked
    ├── OutOfTurn              an APDU that this state of the association does not allow
    ├── MalformedQuery         a query text or tree that cannot be read
    ├── ProfileError           a target's profile that cannot be
    ├── DiagnosticError        carries a Bib-1 condition: raised by a backend to refuse, or received
    │   ├── UnsupportedQuery   a readable query that uses what we do not support
    │   └── TargetDiagnostic   what a target answered in place of a result
    └── TargetError            the target did not serve us
        ├── TargetUnreachable  no connection
        ├── InitRefused        it declined the association
        ├── TargetSilent       no whole answer before the deadline
        └── TargetClosed       it ended the association
"""


class Z3950Error(Exception):
    """Root of every error that this package lets out."""


class ProtocolViolation(Z3950Error):
    """The peer broke the standard; answer with Close and drop the connection."""


class MalformedBer(ProtocolViolation):
    """Octets that are not BER (ISO/IEC 8825-1)."""


class TooDeep(ProtocolViolation):
    """BER nested deeper than the limit."""


class TooLarge(ProtocolViolation):
    """A PDU longer, or of more elements, than the limit."""


class MalformedApdu(ProtocolViolation):
    """Well-formed BER that is not the APDU its tag announces."""

    def within(self, field: str) -> "MalformedApdu":
        """Return the same complaint with the name of the field it was found in put before it."""
        return MalformedApdu(f"{field}: {self}")


class UnsupportedApdu(ProtocolViolation):
    """An APDU that we do not speak."""


class WrongReference(ProtocolViolation):
    """A response whose reference id belongs to no request that is waiting."""


class OutOfTurn(Z3950Error):
    """An APDU that the present state of the association does not allow."""


class MalformedQuery(Z3950Error):
    """A query that cannot be read: bad PQF, a broken RPN tree, or nesting beyond the limit."""


class ProfileError(Z3950Error):
    """A profile with a key that is unknown or holds what it cannot; correct the file."""


class DiagnosticError(Z3950Error):
    """A Bib-1 diagnostic; a server's backend raises it to answer a request with that diagnostic."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(f"Bib-1 diagnostic {code}" + (f": {text}" if text else ""))
        self.code = code
        self.text = text


class UnsupportedQuery(DiagnosticError):
    """A query that can be read but not served; ``code`` says which part."""


class TargetDiagnostic(DiagnosticError):
    """What the target answered in place of a result."""


class TargetError(Z3950Error):
    """The target did not serve us; another attempt may succeed."""


class TargetUnreachable(TargetError):
    """No connection could be made."""


class InitRefused(TargetError):
    """The target declined the association; check the credentials."""


class TargetSilent(TargetError):
    """No whole answer came before the deadline."""


class TargetClosed(TargetError):
    """The target ended the association or reset the connection."""
