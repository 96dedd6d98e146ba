"""One connection to a peer that is only looked at: bytes out, bytes back, within bounds of time and size.

Deliberately absent: what the bytes mean, and any repetition.
"""

import asyncio
import re
from collections.abc import Callable

from connectors.sip2.evidence import first_frame
from connectors.sip2.framing import FRAME_BYTES_MAX
from connectors.sip2.line import Credentials
from connectors.sip2.probe import Ended, Telnet
from connectors.sip2.telnet import Prompt, PromptReader

ANSWER_SECONDS = 2.5
_CONNECT_SECONDS = 5.0
#: A telnet prompt comes by itself, a SIP2 server waits for us.
BANNER_SECONDS = 0.3
#: The LF of a CRLF may come in a segment of its own.
SETTLE_SECONDS = 0.05
_READ_BYTES = 1 << 16
_REFUSAL = re.compile(rb"login *:|incorrect|fail|denied|invalid", re.IGNORECASE)


def is_prompt(heard: bytes) -> bool:
    """Whether text ends in ``login:``, ``password:`` or the like."""
    reader = PromptReader()
    reader.feed(heard)
    return reader.prompt is not Prompt.NOTHING


class Wire:
    """One connection as bytes. ``is_good`` until an answer is missing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sequence = 9
        self.is_good = True

    @classmethod
    async def open(cls, host: str, port: int) -> "Wire":
        """Connect.

        Raises:
            OSError: nobody is there, or not in time.
        """
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return cls(*await asyncio.open_connection(host, port))
        except TimeoutError:
            raise ConnectionError("no connection in time") from None

    def next_sequence(self) -> int:
        """Return the next AY: 0 to 9 and round again."""
        self._sequence = (self._sequence + 1) % 10
        return self._sequence

    async def overhear(self, seconds: float) -> bytes:
        """Return what comes within ``seconds`` without a question."""
        try:
            return await asyncio.wait_for(self._reader.read(_READ_BYTES), seconds)
        except (TimeoutError, OSError):
            return b""

    async def ask(self, data: bytes, is_whole: Callable[[bytes], object] = first_frame) -> tuple[Ended, bytes]:
        """Send ``data`` and return what came back, once ``is_whole`` sees an answer in it or nothing more comes."""
        heard = bytearray()
        ended = Ended.SILENT
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._writer.write(data)
                ended = await self._collect(heard, is_whole)
        except TimeoutError:
            ended = Ended.ENDLESS if heard else Ended.SILENT
        except OSError:
            ended = Ended.CLOSED
        if ended is not Ended.ANSWERED:
            self.close()
        return ended, bytes(heard)

    async def _collect(self, heard: bytearray, is_whole: Callable[[bytes], object]) -> Ended:
        while len(heard) <= FRAME_BYTES_MAX:
            block = await self._reader.read(_READ_BYTES)
            if not block:
                return Ended.CLOSED
            heard += block
            if is_whole(bytes(heard)):
                return Ended.ANSWERED
        return Ended.ENDLESS

    async def is_prompted(self, seconds: float = BANNER_SECONDS) -> bool:
        """Whether the peer asks for a login by itself, perhaps after a banner."""
        heard = b""
        try:
            async with asyncio.timeout(seconds):
                while not is_prompt(heard) and (block := await self._reader.read(_READ_BYTES)):
                    heard = (heard + block)[-_READ_BYTES:]
        except (TimeoutError, OSError):
            return False
        return is_prompt(heard)

    async def log_in(self, login: Credentials) -> Telnet:
        """Answer ``login:``, which was heard, and ``password:``; another prompt, or the end, is a refusal."""
        await self.ask(f"{login.user}\r\n".encode(), is_prompt)
        ended, said = await self.ask(f"{login.password}\r\n".encode(), bytes.strip)
        said += await self.overhear(BANNER_SECONDS)
        return Telnet.REFUSED if ended is Ended.CLOSED or _REFUSAL.search(said) else Telnet.ACCEPTED

    def close(self) -> None:
        """Let the connection go, whatever the peer still says."""
        self.is_good = False
        self._writer.transport.abort()
