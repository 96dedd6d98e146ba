"""BER, the basic encoding rules of ASN.1 (ISO/IEC 8825-1): octets to a tree of elements and back.

Written by hand because that is several times faster than the general libraries, some of which fail on what YAZ
really sends: every constructed value in indefinite length. Definite and indefinite lengths are read, definite
ones written. The reader keeps a stack of its own in place of recursion and bounds depth, size and number of elements,
so that hostile octets cost no more than honest ones.

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

DEPTH_MAX = 100
ELEMENTS_MAX = 200_000
"""A present of 500 OPAC records has about 100,000 elements; the tree of this many takes some 40 MB."""

_NUMBER_OCTETS_MAX = 3
_LENGTH_OCTETS_MAX = 8
_CONSTRUCTED = 0x20
_NUMBER = 0x1F
_LONG = 0x80
_UNKNOWN = 1 << 62
"""Where an element of indefinite length ends, as long as its end has not been read."""
_FAR = 1 << 61
_STEPS_MAX = 2 * ELEMENTS_MAX
"""An element begins and, in indefinite length, ends."""
_TAGS = tuple(-1 if octet == _CONSTRUCTED or octet & _NUMBER == _NUMBER else (octet & 0xC0) << 24 | octet & _NUMBER
              for octet in range(256))
"""The tag that an element's first octet stands for; -1 where more must be looked at. 0 is end-of-contents."""


def context(number: int) -> int:
    """Return the context-specific tag ``number``, which Z39.50 uses nearly everywhere."""
    return CONTEXT | number


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a peer may make us hold: octets of one PDU, and levels of nesting."""

    pdu_bytes_max: int = 32 * 1024 * 1024
    depth_max: int = DEPTH_MAX


class Reader:
    """Reads a stream of elements, whatever way the network cuts or joins them.

    One walk finds where an element ends and makes its tree. It goes on where it stopped, so no octet is looked at
    twice, and octets are put together only when there are enough of them for the walk to go on.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._data = b""
        self._position = 0  # how far the walk has come in ``_data``
        self._later: list[bytes] = []  # what has come since
        self._lacking = 1  # octets wanted before the walk can go on
        self._siblings: list[Element] = []  # where the next element belongs
        self._end = _UNKNOWN  # where the innermost open element ends in ``_data``
        self._enclosing: list[tuple[list[Element], int]] = []  # the same of those around it
        self._limit = limits.pdu_bytes_max
        self._steps = 0

    def feed(self, data: bytes) -> None:
        """Add what the network delivered."""
        self._later.append(data)
        self._lacking -= len(data)

    def next(self) -> Element | None:
        """Return the next whole PDU, a constructed element, or ``None`` until more octets are fed.

        Raises:
            MalformedBer, TooDeep, TooLarge: the stream cannot be followed any further.
        """
        if self._lacking > 0:
            return None
        self._join()
        if not self._enclosing and not self._data[self._position] & _CONSTRUCTED:
            raise MalformedBer("what begins is no PDU; the peer may speak another protocol")
        return self._walk()

    def only(self) -> Element:
        """Return the one element that was fed, which may be primitive.

        Raises:
            MalformedBer, TooDeep, TooLarge: as the names say.
        """
        self._join()
        element = self._walk()
        if element is None:
            raise MalformedBer(f"{len(self._data)} octets end inside an element")
        if self._position < len(self._data):
            raise MalformedBer(f"{len(self._data) - self._position} octets follow the only element")
        return element

    def _join(self) -> None:
        """Put together what has still to be seen; places are counted from where that begins."""
        if not self._later:
            return
        seen, self._position = self._position, 0
        self._data = b"".join((self._data[seen:], *self._later))
        self._later.clear()
        self._limit -= seen
        self._end -= seen
        self._enclosing = [(siblings, end - seen) for siblings, end in self._enclosing]

    def _walk(self) -> Element | None:  # noqa: C901  one loop without calls: a client spends most of its time here
        """Go on to the end of the element, or of what has come; raises what ``next`` does."""
        data, position, siblings, end = self._data, self._position, self._siblings, self._end
        enclosing, limit, start, lacking = self._enclosing, self._limit, position, 1
        try:
            for step in range(self._steps, _STEPS_MAX):
                start, self._steps = position, step
                first, length = data[position], data[position + 1]
                tag = _TAGS[first]
                position += 2
                if tag < 0:
                    tag, length, position = _read_long_tag(data, start)
                if length == _LONG and first & _CONSTRUCTED:
                    stop = _UNKNOWN
                else:
                    if length >= _LONG:
                        length, position = _read_length(data, position, length)
                    stop = position + length
                    if stop > end or stop > limit:
                        raise self._run_over(stop)
                if first & _CONSTRUCTED:
                    children: list[Element] = []
                    siblings.append((tag, children))
                    enclosing.append((siblings, end))
                    siblings, end = children, stop
                    if len(enclosing) > self._limits.depth_max:
                        raise TooDeep(f"elements nest deeper than {self._limits.depth_max} levels")
                elif tag:
                    content = data[position:stop]
                    if len(content) < length:
                        lacking = length - len(content)
                        break
                    siblings.append((tag, content))
                    position = stop
                elif end >= _FAR and enclosing and not length:
                    siblings, end = enclosing.pop()
                else:
                    raise MalformedBer("an end-of-contents with contents, or one that closes nothing")
                while position == end:
                    siblings, end = enclosing.pop()
                if not enclosing:
                    return self._finish(siblings[0], position)
            else:
                raise TooLarge(f"a PDU of more than {ELEMENTS_MAX} elements")
        except IndexError:
            pass  # more octets are needed
        self._position, self._siblings, self._end, self._lacking = start, siblings, end, lacking
        return None

    def _run_over(self, stop: int) -> MalformedBer | TooLarge:
        if stop > self._limit:
            return TooLarge(f"a PDU exceeds {self._limits.pdu_bytes_max} octets")
        return MalformedBer("an element runs past its container")

    def _finish(self, element: Element, position: int) -> Element:
        """Hand out a whole element, and make ready for what follows it."""
        self._position, self._siblings, self._end, self._steps = position, [], _UNKNOWN, 0
        self._limit = position + self._limits.pdu_bytes_max
        self._lacking = int(position == len(self._data))
        return element


def decode(data: bytes, depth_max: int = DEPTH_MAX) -> Element:
    """Return the one element that ``data`` holds, as a tree.

    Raises:
        MalformedBer, TooDeep, TooLarge: as the names say.
    """
    reader = Reader(Limits(_FAR, depth_max))
    reader.feed(data)
    return reader.only()


def encode(element: Element) -> bytes:
    """Return the octets of ``element``, all lengths definite."""
    tag, content = element
    if isinstance(content, bytes):
        return _header(tag, 0, len(content)) + content
    body = b"".join([encode(inner) for inner in content])
    return _header(tag, _CONSTRUCTED, len(body)) + body


def _read_long_tag(data: bytes, start: int) -> tuple[int, int, int]:
    """Return tag, first octet of the length, and where the next begins, of a header that is not two octets.

    Raises:
        IndexError: more octets are needed.
        MalformedBer: no continuation can make a header of it.
    """
    first, number, position = data[start], 0, start
    if first & _NUMBER == _NUMBER:
        for position in range(start + 1, start + 1 + _NUMBER_OCTETS_MAX):
            number = number << 7 | data[position] & 0x7F
            if data[position] < 0x80:
                break
        else:
            raise MalformedBer(f"a tag number of more than {_NUMBER_OCTETS_MAX} octets")
    position += 1
    if tag := (first & 0xC0) << 24 | number:
        return tag, data[position], position + 1
    raise MalformedBer("an end-of-contents that is constructed or has contents")


def _read_length(data: bytes, position: int, first: int) -> tuple[int, int]:
    if first == _LONG:
        raise MalformedBer("a primitive element of indefinite length")
    octets = first & 0x7F
    if octets > _LENGTH_OCTETS_MAX:
        raise MalformedBer(f"a length of {octets} octets")
    end = position + octets
    data[end - 1]  # more octets may be needed
    return int.from_bytes(data[position:end], "big"), end


@lru_cache(maxsize=4096)
def _header(tag: int, constructed: int, length: int) -> bytes:
    first, number = tag >> 24 & 0xC0 | constructed, tag & 0xFFFFFF
    identifier = bytes([first | number]) if number < _NUMBER else bytes([first | _NUMBER]) + base128(number)
    if length < _LONG:
        return identifier + bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return identifier + bytes([_LONG | len(octets)]) + octets


def base128(number: int) -> bytes:
    """Return ``number`` in groups of seven bits, all but the last marked (tag numbers, arcs of an OID)."""
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(number & 0x7F | 0x80)
    return bytes(reversed(octets))
