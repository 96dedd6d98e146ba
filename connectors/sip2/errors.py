"""Every way SIP2 can fail, by name. Texts name message and field, never a value: values may be secrets.

::

    Sip2Error
    ├── FormatError              what arrived is not SIP2 as this profile knows it
    │   ├── FrameTooLong         no terminator within the limit
    │   ├── UnknownMessage       an id outside the table
    │   ├── TruncatedMessage     the fixed part is shorter than the table says
    │   └── BadDate              not a SIP2 date
    ├── BuildError               what we were asked to send cannot be sent as SIP2
    │   ├── UnknownField         no such field in this message
    │   ├── WrongWidth           a fixed field of another width, or with characters it may not have
    │   ├── Unencodable          an identifier that the peer's charset or the frame cannot carry unchanged
    │   └── NotReproducible      a received message whose bytes cannot be made again from its parts
    ├── ProfileError             a dialect that cannot be
    ├── OutOfTurn                a session method called at the wrong time
    └── LineError                the exchange failed; ``may_have_happened`` says whether the ILS may have acted
        ├── LineDown             no connection, or it broke before the request left
        ├── LoginRefused         the ACS answered 940
        ├── RequestRefused       the ACS asked for a resend (96) until our limit
        └── NoAnswer             sent, and no answer that can be trusted
            └── InDoubt          the same for a write: settle it by asking (17, 63), never by repeating
"""


class Sip2Error(Exception):
    """Base of everything this package raises."""


class FormatError(Sip2Error):
    """The bytes that arrived are no message of this dialect."""


class FrameTooLong(FormatError):
    """More than ``limit_bytes`` came without a terminator."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"no terminator within {limit_bytes} bytes; check the terminator in the profile")
        self.limit_bytes = limit_bytes


class UnknownMessage(FormatError):
    """The first two characters are no SIP2 2.00 message id."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"{message_id!r} is not a SIP2 2.00 message id")
        self.message_id = message_id


class TruncatedMessage(FormatError):
    """The fixed part ends before the table says it does."""

    def __init__(self, message_id: str, width: int, found: int) -> None:
        super().__init__(f"message {message_id}: the fixed part has {found} of {width} characters")
        self.message_id = message_id


class BadDate(FormatError):
    """A date that is not ``YYYYMMDDZZZZHHMMSS``."""


class BuildError(Sip2Error):
    """We were asked to send what SIP2 cannot say."""


class UnknownField(BuildError):
    """The message has no such fixed field, or the code is not two of ``A-Z0-9``."""

    def __init__(self, message_id: str, name: str) -> None:
        super().__init__(f"message {message_id} has no field {name!r}; see connectors/sip2/messages.py")


class WrongWidth(BuildError):
    """A fixed field is not exactly as wide as the table says, or is not printable ASCII."""

    def __init__(self, message_id: str, name: str, width: int) -> None:
        super().__init__(f"message {message_id}: {name} must be {width} printable ASCII characters, no delimiter")


class Unencodable(BuildError):
    """An identifier or password would have to be changed to be sent, and so would mean another one."""

    def __init__(self, message_id: str, code: str, charset: str) -> None:
        super().__init__(f"message {message_id}: field {code} cannot be sent unchanged in {charset}")
        self.code = code


class NotReproducible(BuildError):
    """The received bytes were no text of the charset, or the parts are no longer those received."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"message {message_id}: its bytes cannot be made again from its parts; use ``raw``")


class ProfileError(Sip2Error):
    """A profile that contradicts SIP2 or itself."""


class OutOfTurn(Sip2Error):
    """Only one request may be outstanding on a line; an answer needs a request."""


class LineError(Sip2Error):
    """An exchange with the ILS failed."""

    may_have_happened = False


class LineDown(LineError):
    """No line to the ILS: nothing was asked of it."""


class LoginRefused(LineError):
    """The ACS refused the login (94, ok = 0): check the user, password and location code."""


class RequestRefused(LineError):
    """The ACS could not read the request, each time it was sent (96): check charset, checksum and required fields."""


class NoAnswer(LineError):
    """The request left and no trustworthy answer came, so the ILS may have acted on it."""

    def __init__(self, message_id: str, why: str) -> None:
        super().__init__(f"message {message_id}: {why}")
        self.message_id = message_id
        self.may_have_happened = True


class InDoubt(NoAnswer):
    """A write without an answer. Ask the ILS what it did; repeating it could do it twice."""
