"""Bytes of a TCP stream to frames. TCP keeps no message borders: frames come split, joined, or one byte at a time.

CR cannot be part of a multi-byte character in any charset we know, so frames are cut on bytes.
"""

from collections.abc import Iterator

from connectors.sip2.errors import FrameTooLong
from connectors.sip2.profile import Terminator

#: A 64 with long lists has tens of kB. Beyond this a line is broken or hostile.
FRAME_BYTES_MAX = 1 << 20

# Between frames real peers send LF, NUL, blanks and a byte order mark. None of them can begin a message id.
_NOISE_BEFORE = b"\r\n\0 \xef\xbb\xbf"
_NOISE_AFTER = b"\r\n\0"


def trimmed(piece: bytes) -> bytes:
    """Return what stood between two terminators without the noise around it; empty where there was nothing else."""
    return piece.rstrip(_NOISE_AFTER).lstrip(_NOISE_BEFORE)


class FrameSplitter:
    """Collects what arrives and yields whole frames without terminators. Empty ones are skipped."""

    def __init__(self, terminator: Terminator = Terminator.CR, limit_bytes: int = FRAME_BYTES_MAX) -> None:
        self._end = b"\n" if terminator is Terminator.LF else b"\r"
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._skipping = False

    @property
    def is_mid_frame(self) -> bool:
        """A frame has begun and not ended. One or two characters may still be what peers send between frames."""
        return len(self._buffer) > 2 or self._skipping

    def feed(self, data: bytes) -> None:
        """Take what the socket gave. Call ``frames`` before the next feed: that keeps memory within the limit."""
        self._buffer += data

    def frames(self) -> Iterator[bytes]:
        """Yield the frames that are complete, until ``take`` has none."""
        while (frame := self.take()) is not None:
            yield frame

    def take(self) -> bytes | None:
        """Return the next frame that is complete, if there is one.

        Raises:
            FrameTooLong: once per oversized frame, which is dropped up to its terminator. Call again to go on.
        """
        while (end := self._buffer.find(self._end, self._searched)) >= 0:
            frame = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            if self._skipping:
                self._skipping = False
                continue
            if end > self._limit_bytes:
                raise FrameTooLong(self._limit_bytes)
            if frame := trimmed(frame):
                return frame
        self._searched = len(self._buffer)
        if self._searched > self._limit_bytes:
            already, self._skipping = self._skipping, True
            self._buffer.clear()
            self._searched = 0
            if not already:
                raise FrameTooLong(self._limit_bytes)
        return None
