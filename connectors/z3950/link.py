"""One connection to a target and the session on it: a request goes out, its response comes back.

An ``asyncio.Protocol``, since its way from the socket to whoever waits is half as long as that of the streams. Whatever
goes wrong ends the link, because what the target would say next cannot be known.

Absent on purpose: what the requests mean (``client``), and more than one of them at a time, for which an origin must
have negotiated concurrent operations.
"""

import asyncio
from typing import TypeVar, cast

from connectors.z3950.apdu import Apdu, Close, CloseReason, InitResponse
from connectors.z3950.ber import Limits
from connectors.z3950.errors import (
    InitRefused,
    TargetClosed,
    TargetError,
    TargetSilent,
    TargetUnreachable,
    Z3950Error,
)
from connectors.z3950.reply import readable
from connectors.z3950.session import OriginSession

_EXCUSES = frozenset({
    CloseReason.SHUTDOWN, CloseReason.SYSTEM_PROBLEM, CloseReason.RESOURCES, CloseReason.PROTOCOL_ERROR,
    CloseReason.LACK_OF_ACTIVITY,
})  # fmt: skip
"""Reasons to end an association that are not about who we are."""

_Response = TypeVar("_Response", bound=Apdu)


class Link(asyncio.Protocol):
    """An association's wire. ``name`` is the target's, for errors; ``charset`` is its, for texts that are not UTF-8."""

    def __init__(self, name: str, charset: str, limits: Limits) -> None:
        self._name = name
        self._charset = charset
        self._session = OriginSession(limits)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Apdu] | None = None
        self._is_admitted = False
        self._loop = asyncio.get_running_loop()
        self._asked = ("", 0.0, 0.0)  # request, when it was sent, its deadline
        self._alarm: asyncio.TimerHandle | None = None

    @classmethod
    async def connect(cls, name: str, address: tuple[str, int], charset: str, limits: Limits, seconds: float) -> "Link":
        """Return a link to ``address``; raise ``TargetUnreachable`` where there is none within ``seconds``."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                _, link = await loop.create_connection(lambda: cls(name, charset, limits), *address)
        except TimeoutError:
            raise TargetUnreachable(f"{name}: no connection within {seconds:g} s") from None
        except (OSError, UnicodeError) as error:
            raise TargetUnreachable(f"{name}: {error}") from error
        return link

    @property
    def is_open(self) -> bool:
        """Whether a request can go out."""
        return self._transport is not None

    async def ask(self, request: Apdu, expected: type[_Response], deadline: float) -> _Response:
        """Send ``request`` and return its response; ``deadline`` is a time of the event loop.

        Raises:
            TargetSilent, TargetClosed, ProtocolViolation: the link is over.
        """
        if self._transport is None:
            raise TargetClosed(f"{self._name} is not connected")
        self._transport.write(self._session.request(request))
        self._answer = self._loop.create_future()
        self._watch(type(request).__name__, deadline)
        try:
            response = await self._answer
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._answer = None
        assert isinstance(response, expected), "the session pairs responses with requests"
        return response

    def close(self) -> None:
        """End the association politely, without waiting for the target's farewell."""
        if self._transport is not None:
            self._transport.write(self._session.close(CloseReason.FINISHED))
            self._transport.close()
            self._forget()

    def abort(self) -> None:
        """Drop the connection without a word."""
        if self._transport is not None:
            self._transport.abort()
            self._forget()

    def _forget(self) -> None:
        self._transport = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where requests go."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand a response that is whole to whoever waits for it."""
        try:
            self._session.feed(data)
            while self._transport is not None and (response := self._session.next()) is not None:
                self._is_admitted |= isinstance(response, InitResponse)
                if isinstance(response, Close):
                    self._end(self._farewell(response))
                elif self._answer is not None and not self._answer.done():
                    self._answer.set_result(response)
        except Z3950Error as error:
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that the target has gone."""
        self._end(TargetClosed(f"{self._name}: {exc}" if exc else f"{self._name} hung up"))

    def _watch(self, request: str, deadline: float) -> None:
        """See to it that ``deadline`` is kept. One alarm serves many requests, as setting it costs more than asking."""
        self._asked = (request, self._loop.time(), deadline)
        if self._alarm is not None and self._alarm.when() > deadline:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._alarm = None
        request, since, deadline = self._asked
        if self._answer is None or self._answer.done():
            return
        if self._loop.time() < deadline:
            self._alarm = self._loop.call_at(deadline, self._look)
        else:
            name = request.removesuffix("Request")
            self._end(TargetSilent(f"{self._name}: no answer to {name} within {deadline - since:.3g} s"))

    def _end(self, error: Z3950Error) -> None:
        self.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _farewell(self, close: Close) -> TargetError:
        """Return what a Close means: a refusal, if it says that we lack a right, or answers Init without an excuse."""
        reason = close.close_reason
        is_refusal = reason == CloseReason.SECURITY_VIOLATION or not (self._is_admitted or reason in _EXCUSES)
        text = readable(close.diagnostic_information or "", self._charset)
        said = f"{self._name} closed the association, reason {reason} {text}".rstrip()
        return InitRefused(said) if is_refusal else TargetClosed(said)
