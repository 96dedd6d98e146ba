"""The login that some servers ask for before SIP2 begins: ``login: ``, ``password: ``, a line of greeting. Sans-IO.

Each end is a small reader of bytes; who owns the socket owns the time. Lines end with CR, LF or both.
"""

import re
from enum import Enum, auto

#: More than this without a line end is no name and no password.
LINE_BYTES_MAX = 4096
#: Wrong passwords after which the line is closed, as the Perl SIPServer does.
STRIKES_MAX = 3

# The words are those of the Perl SIPServer and of Koha.
ASK_LOGIN = b"login: "
ASK_PASSWORD = b"password: "
WELCOME = b"Login OK.  Initiating SIP\r\n"
WRONG = b"Invalid login\r\n"

_END = re.compile(rb"[\r\n]")
_NEXT_LINE_BEGINS_AFTER = b"\n\0"


class Prompt(Enum):
    """What the server's text asks for."""

    NOTHING = auto()
    LOGIN = auto()
    PASSWORD = auto()


def _prompt(words: str, chinese: str) -> re.Pattern[bytes]:
    """Return the pattern of a text that ends in one of the words, as in ``Username:`` or ``login> ``."""
    known = [words.encode(), *(word.encode(charset) for word in chinese.split() for charset in ("utf-8", "gbk"))]
    signs = [b"[:>?]", *("：".encode(charset) for charset in ("utf-8", "gbk"))]
    return re.compile(rb"(%s)[ \t]*(%s)[ \t]*\Z" % (b"|".join(known), b"|".join(signs)), re.IGNORECASE)


_PROMPTS = {
    Prompt.LOGIN: _prompt("(log ?[io]n|user|account)[ _-]?(name|id)?", "用户名 用户 帐号 账号 登录名"),
    Prompt.PASSWORD: _prompt("password|passwd|passcode|passphrase|(?<![a-z])pin", "密码 口令"),
}
# Telnet's own negotiation (RFC 854: IAC, a verb, an option) is no text, and need not be answered.
_NEGOTIATION = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)


class PromptReader:
    """The asking end: whether the text so far ends in a prompt. Banners before it are passed over."""

    def __init__(self) -> None:
        self._tail = b""

    @property
    def prompt(self) -> Prompt:
        """What the server waits for."""
        text = _NEGOTIATION.sub(b"", self._tail)
        return next((prompt for prompt, pattern in _PROMPTS.items() if pattern.search(text)), Prompt.NOTHING)

    def feed(self, data: bytes) -> None:
        """Take bytes from the socket; only their end is kept."""
        self._tail = (self._tail + data)[-LINE_BYTES_MAX:]

    def answered(self) -> None:
        """What was asked for has been sent: from here on another prompt counts."""
        self._tail = b""


class Gate:
    """The answering end: collects a name and a password, again after each that was wrong."""

    def __init__(self) -> None:
        self._buffer = b""
        self._user: bytes | None = None

    def feed(self, data: bytes) -> tuple[bytes, tuple[bytes, bytes] | None]:
        """Take bytes; return what to say now, and the name and password once both are whole.

        Raises:
            ValueError: a line is too long to be either.
        """
        self._buffer += data
        said = b""
        while (line := self._next_line()) is not None:
            if self._user is not None:
                user, self._user = self._user, None
                return said, (user, line)
            self._user = line
            said += ASK_PASSWORD
        if len(self._buffer) > LINE_BYTES_MAX:
            raise ValueError("a login line that does not end")
        return said, None

    def rest(self) -> bytes:
        """Return what came behind the password: it is SIP2 once the login is accepted."""
        return self._buffer

    def _next_line(self) -> bytes | None:
        self._buffer = self._buffer.lstrip(_NEXT_LINE_BEGINS_AFTER)
        found = _END.search(self._buffer)
        if found is None:
            return None
        line, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
        return line
