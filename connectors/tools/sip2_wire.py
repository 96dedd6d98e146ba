"""One connection to a peer that is only looked at: bytes out, bytes back, within bounds of time and size.

Deliberately absent: what the bytes mean, and any repetition.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread

from connectors.sip2.evidence import first_frame
from connectors.sip2.framing import FRAME_BYTES_MAX
from connectors.sip2.line import Address, Credentials
from connectors.sip2.probe import Ended, Telnet
from connectors.sip2.telnet import Prompt, PromptReader
from connectors.sip2.tls import TlsFailed, TlsTrouble, trouble_of

_CONNECT_SECONDS = 5.0
#: A telnet prompt comes by itself, a SIP2 server waits for us.
BANNER_SECONDS = 0.3
_READ_BYTES = 1 << 16
# A greeting comes in few segments; what goes on and on is none.
_GREETING_READS_MAX = 8
_REFUSAL = re.compile(rb"incorrect|fail|denied|invalid|" + "错误|失败".encode() + b"|" + "错误|失败".encode("gbk"),
                      re.IGNORECASE)


class HostUnknown(ConnectionError):
    """The name of a host leads nowhere."""

    def __init__(self, host: str) -> None:
        super().__init__(f"没有名为 {host} 的主机 there is no host {host!r}: check its name")


def is_prompt(heard: bytes) -> bool:
    """Whether text ends in ``login:``, ``password:`` or the like."""
    reader = PromptReader()
    reader.feed(heard)
    return reader.prompt is not Prompt.NOTHING


@dataclass
class Wire:
    """One connection as bytes, each answer within ``seconds`` and ``bytes_max``. ``is_good`` until one is missing.

    ``failure`` is what the connection broke with, if it did.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seconds: float
    bytes_max: int = FRAME_BYTES_MAX
    is_good: bool = field(default=True, init=False)
    failure: OSError | None = field(default=None, init=False)
    _sequence: int = field(default=9, init=False)

    @classmethod
    async def open(cls, address: Address, seconds: float, bytes_max: int = FRAME_BYTES_MAX) -> "Wire":
        """Connect, with TLS where the address says so.

        Raises:
            TlsFailed: somebody is there, but no TLS connection came about.
            OSError: nobody is there, or not in time; ``HostUnknown`` where there is no such host.
        """
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return cls(*await _connect(address), seconds, bytes_max)
        except TimeoutError:
            raise ConnectionError("no connection in time") from None

    def next_sequence(self) -> int:
        """Return the next AY: 0 to 9 and round again."""
        self._sequence = (self._sequence + 1) % 10
        return self._sequence

    async def overhear(self, seconds: float) -> bytes:
        """Return what comes within ``seconds`` without a question."""
        try:
            return await asyncio.wait_for(self.reader.read(_READ_BYTES), seconds)
        except (TimeoutError, OSError):
            return b""

    async def ask(self, data: bytes, is_whole: Callable[[bytes], object] = first_frame) -> tuple[Ended, bytes]:
        """Send ``data`` and return what came back, once ``is_whole`` sees an answer in it or nothing more comes."""
        heard = bytearray()
        ended = Ended.SILENT
        try:
            async with asyncio.timeout(self.seconds):
                self.writer.write(data)
                ended = await self._collect(heard, is_whole)
        except TimeoutError:
            ended = Ended.ENDLESS if heard else Ended.SILENT
        except OSError as error:
            ended, self.failure = Ended.CLOSED, error
        if ended is not Ended.ANSWERED:
            self.close()
        return ended, bytes(heard)

    async def _collect(self, heard: bytearray, is_whole: Callable[[bytes], object]) -> Ended:
        while len(heard) <= self.bytes_max:
            block = await self.reader.read(_READ_BYTES)
            if not block:
                return Ended.CLOSED
            heard += block
            if is_whole(bytes(heard)):
                return Ended.ANSWERED
        return Ended.ENDLESS

    async def is_prompted(self, seconds: float) -> bool:
        """Whether the peer asks for a login by itself, perhaps after a banner."""
        heard = b""
        try:
            async with asyncio.timeout(seconds):
                while not is_prompt(heard) and (block := await self.reader.read(_READ_BYTES)):
                    heard = (heard + block)[-_READ_BYTES:]
        except (TimeoutError, OSError):
            return False
        return is_prompt(heard)

    async def log_in(self, login: Credentials) -> Telnet:
        """Answer ``login:``, which was heard, and ``password:``; another prompt, or the end, is a refusal.

        A server that says nothing to a password has taken it: those that refuse ask again, or hang up.
        """
        ended, _ = await self.ask(f"{login.user}\r\n".encode(), is_prompt)
        if ended is not Ended.ANSWERED:
            return Telnet.REFUSED
        self.writer.write(f"{login.password}\r\n".encode())
        said = await self.overhear(self.seconds)
        for _ in range(_GREETING_READS_MAX):
            said += (more := await self.overhear(BANNER_SECONDS))
            if not more:
                break
        is_refused = self.reader.at_eof() or is_prompt(said) or _REFUSAL.search(said)
        return Telnet.REFUSED if is_refused else Telnet.ACCEPTED

    def close(self) -> None:
        """Let the connection go, whatever the peer still says."""
        self.is_good = False
        self.writer.transport.abort()


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first of a host's addresses that takes us."""
    name = (address.server_name or address.host) if address.tls else None
    failure: OSError | None = None
    for host in await _look_up(address.host):
        try:
            return await asyncio.open_connection(host, address.port, ssl=address.tls, server_hostname=name)
        except ssl.SSLError as error:
            trouble = trouble_of(error)
            assert trouble is not None
            raise TlsFailed(trouble) from None
        except OSError as error:
            if address.tls and isinstance(error, ConnectionResetError):
                raise TlsFailed(TlsTrouble.FAILED) from None
            failure = error
    raise failure or HostUnknown(address.host)


async def _look_up(host: str) -> list[str]:
    """Return a host's addresses. A thread of its own asks, since nobody can end a look-up, and no exit waits for it."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str]) -> None:
        if not found.done():
            found.set_result(addresses)

    def look_up() -> None:
        addresses: list[str] = []
        with suppress(OSError, UnicodeError):
            addresses = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(settle, addresses)

    Thread(target=look_up, daemon=True).start()
    return await found
