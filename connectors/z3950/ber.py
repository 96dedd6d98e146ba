"""BER, the basic encoding rules of ASN.1 (ISO/IEC 8825-1): octets to a tree of elements and back.

Written by hand because that is several times faster than the general libraries, some of which fail on what YAZ
really sends: every constructed value in indefinite length. Definite and indefinite lengths are read, definite
ones written. The readers keep a stack or a counter of their own in place of recursion and bound depth, size and
number of elements, so that hostile octets cost no more than honest ones.

Absent on purpose: types. What an element means is said by ``asn1`` and the tables of ``apdu``.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from connectors.z3950.errors import MalformedBer, TooDeep, TooLarge

Content: TypeAlias = "bytes | list[Element]"
"""What stands inside an element: octets if it is primitive, elements if it is constructed."""

Element: TypeAlias = tuple[int, "Content"]
"""A tag, as ``context`` makes it, and its content. A plain tuple, because a PDU has hundreds."""

CONTEXT = 0x80 << 24
"""The class bits of a context-specific tag; universal tags have none."""

END_OF_CONTENTS = 0
INDEFINITE = -1
DEPTH_MAX = 100
ELEMENTS_MAX = 200_000
"""A present of 500 OPAC records has about 100,000 elements; the tree of this many takes some 40 MB."""

_NUMBER_OCTETS_MAX = 3
_LENGTH_OCTETS_MAX = 8


def context(number: int) -> int:
    """Return the context-specific tag ``number``, which Z39.50 uses nearly everywhere."""
    return CONTEXT | number


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a peer may make us hold: octets of one PDU, and levels of nesting."""

    pdu_bytes_max: int = 32 * 1024 * 1024
    depth_max: int = DEPTH_MAX


class Framer:
    """Cuts a stream into PDUs, which are constructed elements, whatever way the network fragments or joins them.

    Only the lengths of unfinished indefinite elements are followed; a definite one is stepped over whole.
    No octet is looked at twice.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._position = 0  # end of what has been followed; may lie beyond what has come
        self._open = 0  # indefinite elements not yet ended
        self._steps = 0  # headers followed in this PDU

    def feed(self, data: bytes) -> None:
        """Add what the network delivered."""
        self._buffer += data

    def next(self) -> bytes | None:
        """Return the next whole PDU, or ``None`` until more octets are fed.

        Raises:
            MalformedBer, TooDeep, TooLarge: the stream cannot be followed any further.
        """
        if not self._steps or self._open:
            self._follow()
        if not self._steps or self._open or len(self._buffer) < self._position:
            return None
        pdu = bytes(memoryview(self._buffer)[: self._position])
        del self._buffer[: self._position]
        self._position = self._steps = 0
        return pdu

    def _follow(self) -> None:
        """Go past headers, and past contents of known length, up to the end of the PDU or of what has come."""
        buffer, position, open_, steps = self._buffer, self._position, self._open, self._steps
        try:
            while not steps or open_:
                tag, constructed, length, start = _read_header(buffer, position)
                if not steps and not constructed:
                    raise MalformedBer("what begins is no PDU; the peer may speak another protocol")
                steps += 1
                if length == INDEFINITE:
                    open_ += 1
                    position = start
                else:
                    open_ -= tag == END_OF_CONTENTS
                    position = start + length
                if open_ > self._limits.depth_max:
                    raise TooDeep(f"a PDU nests deeper than {self._limits.depth_max} levels")
                if position > self._limits.pdu_bytes_max or steps > ELEMENTS_MAX:
                    raise TooLarge(f"a PDU exceeds {self._limits.pdu_bytes_max} octets or {ELEMENTS_MAX} elements")
        except IndexError:
            pass  # more octets are needed
        self._position, self._open, self._steps = position, open_, steps


def decode(data: bytes, depth_max: int = DEPTH_MAX) -> Element:
    """Return the one element that ``data`` holds, as a tree.

    Raises:
        MalformedBer, TooDeep, TooLarge: as the names say.
    """
    try:
        return _decode(data, depth_max)
    except IndexError:
        raise MalformedBer(f"the {len(data)} octets end inside an element") from None


def _decode(data: bytes, depth_max: int) -> Element:
    top: list[Element] = []
    siblings, end, indefinite = top, len(data), False
    enclosing: list[tuple[list[Element], int, bool]] = []
    position = 0
    for _ in range(2 * ELEMENTS_MAX):  # an element begins and ends
        if position == end and not indefinite:
            if not enclosing:
                return _only(top)
            siblings, end, indefinite = enclosing.pop()
            continue
        tag, constructed, length, position = _read_header(data, position)
        if position + length > end:
            raise MalformedBer(f"an element runs past its container at octet {position}")
        if constructed:
            enclosing.append((siblings, end, indefinite))
            children: list[Element] = []
            siblings.append((tag, children))
            siblings, indefinite = children, length == INDEFINITE
            if not indefinite:
                end = position + length
            if len(enclosing) > depth_max:
                raise TooDeep(f"elements nest deeper than {depth_max} levels")
        elif tag != END_OF_CONTENTS:
            siblings.append((tag, data[position : position + length]))
            position += length
        elif indefinite:
            siblings, end, indefinite = enclosing.pop()
        else:
            raise MalformedBer(f"an end-of-contents closes nothing at octet {position}")
    raise TooLarge(f"a PDU of more than {ELEMENTS_MAX} elements")


def _only(elements: list[Element]) -> Element:
    if len(elements) != 1:
        raise MalformedBer(f"one element expected, {len(elements)} found")
    return elements[0]


def encode(element: Element) -> bytes:
    """Return the octets of ``element``, all lengths definite."""
    tag, content = element
    if isinstance(content, bytes):
        return _identifier(tag, constructed=False) + _length(len(content)) + content
    body = b"".join(map(encode, content))
    return _identifier(tag, constructed=True) + _length(len(body)) + body


def _read_header(data: bytes | bytearray, position: int) -> tuple[int, bool, int, int]:
    """Return tag, whether it is constructed, length of content, start of content.

    Raises:
        IndexError: more octets are needed.
        MalformedBer: no continuation can make a header of it.
    """
    first = data[position]
    number = first & 0x1F
    length = data[position + 1]
    position += 2
    if number == 0x1F:
        number, position = _read_number(data, position - 1)
        length = data[position]
        position += 1
    if length == 0x80:
        if not first & 0x20:
            raise MalformedBer("a primitive element of indefinite length")
        length = INDEFINITE
    elif length > 0x80:
        length, position = _read_length(data, position, length & 0x7F)
    tag = (first & 0xC0) << 24 | number
    if tag == END_OF_CONTENTS and (first or length):
        raise MalformedBer("an end-of-contents with contents")
    return tag, bool(first & 0x20), length, position


def _read_number(data: bytes | bytearray, position: int) -> tuple[int, int]:
    number = 0
    for octet in range(_NUMBER_OCTETS_MAX):
        value = data[position + octet]
        number = number << 7 | value & 0x7F
        if value < 0x80:
            return number, position + octet + 1
    raise MalformedBer(f"a tag number of more than {_NUMBER_OCTETS_MAX} octets")


def _read_length(data: bytes | bytearray, position: int, octets: int) -> tuple[int, int]:
    if octets > _LENGTH_OCTETS_MAX:
        raise MalformedBer(f"a length of {octets} octets")
    end = position + octets
    data[end - 1]  # more octets may be needed
    return int.from_bytes(data[position:end], "big"), end


@lru_cache(maxsize=1024)
def _identifier(tag: int, *, constructed: bool) -> bytes:
    first = tag >> 24 & 0xC0 | 0x20 * constructed
    number = tag & 0xFFFFFF
    if number < 0x1F:
        return bytes([first | number])
    return bytes([first | 0x1F]) + base128(number)


def base128(number: int) -> bytes:
    """Return ``number`` in groups of seven bits, all but the last marked (tag numbers, arcs of an OID)."""
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(number & 0x7F | 0x80)
    return bytes(reversed(octets))


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets
