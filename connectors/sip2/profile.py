"""One library's dialect of SIP2, as one frozen value. Every way in which two real systems differ is a field here."""

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.sip2.errors import ProfileError

# charset: (decoder, encoder). What a GBK system sends may hold GB18030; what it can read is GBK.
CHARSETS = {
    "utf-8": ("utf-8", "utf-8"),
    "gbk": ("gb18030", "gbk"),
    "gb18030": ("gb18030", "gb18030"),
    "big5": ("big5hkscs", "big5"),
    "cp850": ("cp850", "cp850"),
    "latin-1": ("latin-1", "latin-1"),
    "ascii": ("ascii", "ascii"),
}


class Terminator(Enum):
    """What ends a frame that we send. Inbound, CR covers CRLF, LFCR and doubled CR; only LF must be chosen."""

    CR = b"\r"
    CRLF = b"\r\n"
    LF = b"\n"


class Checksum(Enum):
    """Over what the peer computes AZ. The guide says bytes; real systems also sum characters."""

    BYTES = "bytes"
    CODE_POINTS = "code_points"
    CODE_POINTS_WITHOUT_TRAILER = "code_points_without_trailer"
    NONE = "none"


class ErrorDetection(Enum):
    """What a wrong checksum means: ask again, or note it and go on (for peers that are wrong every time)."""

    STRICT = "strict"
    WARN = "warn"


class Login(Enum):
    """How a line begins: with message 93, or with nothing."""

    SIP = "sip"
    NONE = "none"


@dataclass(frozen=True)
class Profile:
    """How one library's ILS speaks SIP2. Text fields are sent as they are; ``timezone`` is an IANA name.

    ``institution`` is AO, ``terminal_password`` AC, ``location`` CP and AP. ``send_nb_due_date`` fills the
    no-block due date with the transaction date, for servers that refuse the usual blanks.
    """

    charset: str = "utf-8"
    terminator: Terminator = Terminator.CR
    delimiter: str = "|"
    checksum: Checksum = Checksum.BYTES
    error_detection: ErrorDetection = ErrorDetection.STRICT
    login: Login = Login.SIP
    institution: str = ""
    terminal_password: str = field(default="", repr=False)
    location: str = ""
    language: str = "019"
    timezone: str = "Asia/Shanghai"
    send_nb_due_date: bool = False

    def __post_init__(self) -> None:
        if self.charset not in CHARSETS:
            raise ProfileError(f"charset {self.charset!r} is not one of {', '.join(CHARSETS)}")
        delimiter = self.delimiter
        if len(delimiter) != 1 or not "!" <= delimiter <= "~" or delimiter.isalnum():
            raise ProfileError(f"the delimiter must be one ASCII sign that is no letter or digit, not {delimiter!r}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ProfileError(f"timezone {self.timezone!r} is no IANA name known here (Asia/Shanghai is)") from None

    @cached_property
    def zone(self) -> ZoneInfo:
        """The library's own time zone."""
        return ZoneInfo(self.timezone)
