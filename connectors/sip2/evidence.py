"""What the bytes of an ILS's answers prove of its dialect: terminator, delimiter, charset, checksum. Pure.

Two kinds of evidence tell a charset. Texts (library, reader and title names) must decode strictly in it. And an item id
that is sent comes back in AB: the samples of ``ECHO_SAMPLES`` are bytes that some charsets have and others lack, so
which of them come back unharmed names the charset even where every text is plain ASCII.
Deliberately absent: guesses by how frequent words or letters are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.profile import Checksum, Profile, Terminator

_NOISE_BEFORE = b"\r\n\0 \xef\xbb\xbf"
_END = re.compile(rb"[\r\n]+")
# With AY it is one even where what follows AZ is no checksum.
_TRAILER = re.compile(rb"(?:AY[0-9]AZ[0-9A-Za-z]{0,8}|AZ[0-9A-Fa-f]{1,4}) *\Z")
# A run of question marks where a name should stand is what a server writes for characters that its charset lacks.
_LOST_TEXT = re.compile(rb"(?:AM|AE|AJ|AF)[^|]*\?\?")

#: Item ids as bytes: each is whole in its own charset and broken in those before it, in the order they are tried.
#: ``single`` is whole in any single-byte charset, and wherever bytes are handed through unread.
ECHO_SAMPLES: Mapping[str, bytes] = {
    "single": b"\xe9-\xe9-",
    "utf-8": "鼋-".encode(),
    "gb18030": "㐀-".encode("gb18030"),
    "gbk": "丂-".encode("gbk"),
    "big5": "館-".encode("big5"),
}
_HIGH_PAIR = re.compile(rb"[\x80-\xff]{2}")
_TEXT_CHARSETS = ("utf-8", "gbk", "gb18030", "big5")
# cp850 keeps its accented letters below this byte, latin-1 has only controls and signs there.
_LATIN1_LETTERS = 0xA6
_SUMS = (Checksum.BYTES, Checksum.CODE_POINTS, Checksum.CODE_POINTS_WITHOUT_TRAILER)


def first_frame(raw: bytes) -> bytes:
    """Return the first frame in ``raw`` without noise and terminator, empty where none is whole."""
    frame, *rest = _END.split(raw.lstrip(_NOISE_BEFORE), maxsplit=1)
    return frame.rstrip(b"\0") if rest else b""


def terminator_of(raw: bytes) -> Terminator | None:
    """Return what ends the first frame in ``raw``; doubled CR and LFCR count as CR, None where nothing does.

    >>> terminator_of(b"941\\r\\n"), terminator_of(b"941\\n\\r"), terminator_of(b"\\n941")
    (<Terminator.CRLF: b'\\r\\n'>, <Terminator.CR: b'\\r'>, None)
    """
    end = _END.search(raw.lstrip(_NOISE_BEFORE))
    if end is None:
        return None
    if end[0].startswith(b"\r\n"):
        return Terminator.CRLF
    return Terminator.CR if b"\r" in end[0] else Terminator.LF


def delimiter_of(frame: bytes) -> str:
    """Return the sign that ends the last field of ``frame``, ``|`` unless another is seen.

    >>> delimiter_of(b"98YYYYYN60000320260101    1200002.00AOYP^BXYY^AY1AZ0000")
    '^'
    """
    last = _TRAILER.sub(b"", frame)[-1:].decode("latin-1")
    is_sign = "!" <= last <= "~" and not last.isalnum()
    return last if is_sign and b"|" not in frame else "|"


class Proof(Enum):
    """What a charset was told by."""

    TEXT = "charset_by_text"
    ECHO = "charset_by_echo"
    CONTRADICTED = "charset_contradicted"
    NONE = "charset_unproven"


class CharsetEvidence(NamedTuple):
    """The charset, what proves it, and how many answers held text beyond ASCII."""

    charset: str
    proof: Proof
    texts: int


def charset_of(frames: Iterable[bytes], echoed: frozenset[str] = frozenset()) -> CharsetEvidence:
    """Return the charset of answers with real texts, and of the ``ECHO_SAMPLES`` that came back unharmed."""
    frames = tuple(frames)
    texts = [frame for frame in frames if not frame.isascii()]
    by_echo = next((name for name in ECHO_SAMPLES if name in echoed), None)
    if not texts:
        return _without_texts(by_echo, is_lost=any(map(_LOST_TEXT.search, frames)))
    by_text = charset_of_texts(texts)
    if by_echo in (None, "single", by_text):
        return CharsetEvidence(by_text, Proof.TEXT, len(texts))
    if _fits(by_echo or by_text, texts):
        return CharsetEvidence(by_echo or by_text, Proof.ECHO, len(texts))
    return CharsetEvidence(by_text, Proof.CONTRADICTED, len(texts))


def _without_texts(by_echo: str | None, *, is_lost: bool) -> CharsetEvidence:
    """The guide's own charset is code page 850, so that stands for the single-byte ones."""
    if by_echo is None:
        return CharsetEvidence("ascii" if is_lost else "utf-8", Proof.NONE, 0)
    if by_echo == "single":
        return CharsetEvidence("cp850", Proof.NONE, 0)
    return CharsetEvidence(by_echo, Proof.ECHO, 0)


def charset_of_texts(texts: Sequence[bytes]) -> str:
    """Return the first charset in which all ``texts`` decode strictly: UTF-8, GBK, GB18030, Big5, then single bytes.

    >>> [charset_of_texts(["長三角圖書館".encode(name)]) for name in ("utf-8", "gbk", "big5")]
    ['utf-8', 'gbk', 'big5']
    """
    found = next((charset for charset in _TEXT_CHARSETS if _fits(charset, texts)), None)
    if found != "utf-8" and not any(map(_HIGH_PAIR.search, texts)):
        # Accented letters among plain ones, as in Köln: legal GBK, but no Chinese text has them so throughout.
        found = None
    if found in ("gbk", "gb18030") and _is_big5(texts):
        return "big5"
    if found:
        return found
    high = {byte for text in texts for byte in text if byte >= 0x80}
    return "latin-1" if min(high) >= _LATIN1_LETTERS else "cp850"


def _is_big5(texts: Sequence[bytes]) -> bool:
    """Nearly all Big5 is legal GBK or GB18030 as well, though as rare characters; GBK is hardly ever legal Big5."""
    return _fits("big5", texts) and not _fits("gb2312", texts)


def _fits(charset: str, texts: Iterable[bytes]) -> bool:
    try:
        for text in texts:
            text.decode(charset)
    except UnicodeDecodeError:
        return False
    return True


class ChecksumEvidence(NamedTuple):
    """The variant; whether it is the only one that fits; whether any fits at all."""

    variant: Checksum
    is_proven: bool
    is_explained: bool


def checksum_of(frames: Iterable[bytes], charset: str, delimiter: str, fallback: Checksum) -> ChecksumEvidence:
    """Compute every variant over answers to requests that carried AZ; ``fallback`` is what the ILS accepted from us.

    The variants differ in text beyond ASCII only, so plain answers prove little.
    """
    signed = [frame for frame in frames if len(frame) > len("96AZFEF6") and _TRAILER.search(frame)]
    if not signed:
        return ChecksumEvidence(Checksum.NONE, is_proven=True, is_explained=True)
    fitting = [variant for variant in _SUMS if _all_verify(signed, Profile(charset, delimiter=delimiter,
                                                                          checksum=variant))]
    if not fitting:
        return ChecksumEvidence(fallback, is_proven=False, is_explained=False)
    # In ASCII a byte is a code point: there is nothing left to tell apart.
    return ChecksumEvidence(fitting[0], is_proven=len(fitting) == 1 or charset == "ascii", is_explained=True)


def _all_verify(frames: Iterable[bytes], profile: Profile) -> bool:
    codec = Codec(profile)
    try:
        return all(codec.decode(frame).checksum == "ok" for frame in frames)
    except FormatError:
        return False
