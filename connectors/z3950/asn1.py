"""The little of ASN.1 that Z39.50 needs: types as values, and frozen dataclasses as SEQUENCEs.

A dataclass is its own table. Each field's annotation carries the tag and the type, in the order of the standard,
and a field that may be ``None`` is OPTIONAL::

    class Range:
        starting_position: Annotated[int, implicit(1, INTEGER)]
        number_of_records: Annotated[int, implicit(2, INTEGER)]

``sequence(Range)`` turns that into a type that reads and writes it. Tags that a table does not name are stepped
over: they are extensions of a later edition, or parts that we have no use for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from types import NoneType
from typing import Any, get_args

from connectors.z3950.ber import Content, Element, base128, context
from connectors.z3950.errors import MalformedApdu

INTEGER_OCTETS_MAX = 128
"""Far beyond any honest value, and short enough to stand in a message (Python prints no more than 4,300 digits)."""
OID_OCTETS_MAX = 128


@dataclass(frozen=True, slots=True)
class Type:
    """A type that has one tag: how a value becomes content, and back."""

    tag: int
    pack: Callable[[Any], Content]
    unpack: Callable[[Content], Any]

    def write(self, value: Any) -> Element:
        """Return ``value`` as an element."""
        return self.tag, self.pack(value)

    def readers(self) -> Mapping[int, Callable[[Content], Any]]:
        """Return, by tag, what reads the elements that may stand for this type."""
        return {self.tag: self.unpack}


@dataclass(frozen=True, slots=True)
class Choice:
    """A CHOICE: the Python type of the value says which alternative is meant."""

    alternatives: Mapping[type, Type]

    def write(self, value: Any) -> Element:
        """Return ``value`` as an element of its alternative."""
        return self.alternatives[type(value)].write(value)

    def readers(self) -> Mapping[int, Callable[[Content], Any]]:
        """Return, by tag, what reads each alternative."""
        return {alternative.tag: alternative.unpack for alternative in self.alternatives.values()}

    def read(self, element: Element) -> Any:
        """Return the value of an element that stands alone; raise ``MalformedApdu`` if it is no alternative."""
        tag, content = element
        return _Readers(self.readers())[tag](content)


def implicit(number: int, inner: Type) -> Type:
    """Return ``inner`` under the context tag ``number`` in place of its own."""
    return replace(inner, tag=context(number))


def explicit(number: int, inner: Type | Choice) -> Type:
    """Return ``inner`` wrapped, tag and all, in the context tag ``number``; a CHOICE can be tagged in no other way."""
    readers = _Readers(inner.readers())

    def unpack(content: Content) -> Any:
        if isinstance(content, bytes) or len(content) != 1:
            raise MalformedApdu(f"tag [{number}] must hold exactly one element")
        tag, inner_content = content[0]
        return readers[tag](inner_content)

    return Type(context(number), lambda value: [inner.write(value)], unpack)


def sequence_of(inner: Type | Choice) -> Type:
    """Return SEQUENCE OF ``inner``; its values are tuples."""
    readers = _Readers(inner.readers())

    def unpack(content: Content) -> tuple[Any, ...]:
        return tuple([readers[tag](inner_content) for tag, inner_content in _elements(content)])

    return Type(16, lambda values: [inner.write(value) for value in values], unpack)


def sequence(table: type) -> Type:
    """Return the SEQUENCE type of the dataclass ``table``."""
    fields = {field.name: get_args(field.type) for field in dataclass_fields(table)}
    required = [name for name, (hint, _) in fields.items() if NoneType not in get_args(hint)]
    writers = [(name, kind.write) for name, (_, kind) in fields.items()]
    readers = {tag: (name, read) for name, (_, kind) in fields.items() for tag, read in kind.readers().items()}

    def pack(value: Any) -> Content:
        present = ((getattr(value, name), write) for name, write in writers)
        return [write(field) for field, write in present if field is not None]

    def unpack(content: Content) -> Any:
        values: dict[str, Any] = {}
        elements, name = _elements(content), ""
        try:
            for tag, inner in elements:
                if (known := readers.get(tag)) is not None:
                    name, read = known
                    if name in values:
                        raise MalformedApdu("stands twice")
                    values[name] = read(inner)
        except MalformedApdu as error:
            raise error.within(f"{table.__name__}.{name}") from None
        for name in required:
            if name not in values:
                raise MalformedApdu(f"{table.__name__} lacks {name}")
        return table(**values)

    return Type(16, pack, unpack)


class _Readers(dict[int, Callable[[Content], Any]]):
    """What reads an element, by its tag; one that is missing is the peer's fault."""

    def __missing__(self, tag: int) -> Callable[[Content], Any]:
        raise MalformedApdu(f"unexpected tag {tag_name(tag)}")


def tag_name(tag: int) -> str:
    """Return ``tag`` as the standard writes it: ``[24]``, ``UNIVERSAL 16``."""
    number = tag & 0xFFFFFF
    return f"[{number}]" if tag == context(number) else f"UNIVERSAL {number}" if tag == number else f"{tag:#x}"


def _elements(content: Content) -> list[Element]:
    if isinstance(content, bytes):
        raise MalformedApdu("octets stand where a sequence should")
    return content


def _octets(content: Content) -> bytes:
    """Return the octets of a string; a constructed one comes in segments (ISO/IEC 8825-1 8.7.3)."""
    if isinstance(content, bytes):
        return content
    return b"".join(_octets(segment) for _, segment in content)


def _integer(content: Content) -> int:
    if not isinstance(content, bytes) or not 0 < len(content) <= INTEGER_OCTETS_MAX:
        raise MalformedApdu(f"an INTEGER has 1 to {INTEGER_OCTETS_MAX} octets")
    return int.from_bytes(content, "big", signed=True)


def _from_integer(value: int) -> bytes:
    return value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True)


def _boolean(content: Content) -> bool:
    if not isinstance(content, bytes) or len(content) != 1:
        raise MalformedApdu("a BOOLEAN has one octet")
    return content != b"\0"


def _bits(content: Content) -> frozenset[int]:
    octets = _octets(content)
    if not octets or octets[0] > 7:
        raise MalformedApdu("a BIT STRING begins with its number of unused bits, 0 to 7")
    if len(octets) > OID_OCTETS_MAX:
        raise MalformedApdu(f"a BIT STRING of {len(octets)} octets")
    used = 8 * (len(octets) - 1) - octets[0]
    return frozenset(bit for bit in range(used) if octets[1 + bit // 8] & 0x80 >> bit % 8)


def _from_bits(bits: frozenset[int]) -> bytes:
    octets = bytearray(max(bits, default=-1) // 8 + 1)
    for bit in bits:
        octets[bit // 8] |= 0x80 >> bit % 8
    return b"\0" + octets


@lru_cache(maxsize=1024)
def _oid_text(octets: bytes) -> str:
    if not octets or len(octets) > OID_OCTETS_MAX or octets[-1] >= 0x80:
        raise MalformedApdu("an OBJECT IDENTIFIER that is empty, too long or ends inside an arc")
    arcs = [0]
    for octet in octets:
        arcs[-1] = arcs[-1] << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(0)
    root = min(arcs[0] // 40, 2)
    return ".".join(map(str, [root, arcs[0] - 40 * root, *arcs[1:-1]]))


def _oid(content: Content) -> str:
    return _oid_text(content if isinstance(content, bytes) else _octets(content))


@lru_cache(maxsize=1024)
def _from_oid(dotted: str) -> bytes:
    root, second, *rest = map(int, dotted.split("."))
    return b"".join(map(base128, [40 * root + second, *rest]))


def _text(content: Content) -> str:
    return _octets(content).decode("utf-8", "surrogateescape")


def _from_text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


BOOLEAN = Type(1, lambda value: b"\xff" if value else b"\0", _boolean)
INTEGER = Type(2, _from_integer, _integer)
BITS = Type(3, _from_bits, _bits)
"""BIT STRING, as the frozenset of the bits that are set."""
OCTETS = Type(4, bytes, _octets)
OID = Type(6, _from_oid, _oid)
"""OBJECT IDENTIFIER, as dotted text."""
VISIBLE_STRING = Type(26, _from_text, _text)
STRING = Type(27, _from_text, _text)
"""InternationalString (GeneralString). Octets that are no UTF-8 survive as surrogate escapes: ``reread`` them."""


def null(value: Any) -> Type:
    """Return NULL; ``value`` is what its presence means."""
    return Type(5, lambda _: b"", lambda _: value)


def verbatim(number: int) -> Type:
    """Return a type that hands on the element tagged ``number`` as it is, for another module to read."""
    tag = context(number)
    return Type(tag, lambda element: element[1], lambda content: (tag, content))


def reread(text: str, charset: str) -> str:
    """Return ``text``, as ``STRING`` read it, in ``charset`` if it was not UTF-8; never fails, safe to print."""
    octets = text.encode("utf-8", "surrogateescape")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode(charset, "replace")
