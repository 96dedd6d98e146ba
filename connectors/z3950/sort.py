"""Sort keys as values, and the [5] element of a SortRequest that carries them (ANSI/NISO Z39.50-1995, 3.2.7).

Read and written by place: a key's element and its relation share the tag [1]. Absent on purpose: keys of their own for
each database, element specifications, and a value to take for a missing one; they are refused by diagnostic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from connectors.z3950 import oid
from connectors.z3950.asn1 import INTEGER, OID, STRING
from connectors.z3950.ber import Content, Element, context
from connectors.z3950.errors import MalformedApdu, UnsupportedQuery
from connectors.z3950.query import Attribute, read_attributes, write_attributes

_SEQUENCE, _GENERIC, _FIELD, _ATTRIBUTES = 16, context(1), context(0), context(2)
_RELATION, _CASE = context(1), context(2)
_CANNOT_SORT_SO = 207
KEYS_MAX = 16


class Order(IntEnum):
    """The standard's numbers of the sort relations; 3 and 4, by frequency, are not served."""

    ASCENDING = 0
    DESCENDING = 1


@dataclass(frozen=True, slots=True)
class SortKey:
    """What to sort by: attributes as a query has them, or the name that the target gives a field."""

    by: tuple[Attribute, ...] | str
    order: Order = Order.ASCENDING
    is_case_sensitive: bool = False


def encode_sort(keys: Sequence[SortKey]) -> Element:
    """Return the [5] element of a SortRequest."""
    return context(5), [(_SEQUENCE, _write(key)) for key in keys]


def decode_sort(element: Element) -> tuple[SortKey, ...]:
    """Return the keys of a SortRequest's [5] element.

    Raises:
        UnsupportedQuery: they can be read but not served: diagnostic 207.
        MalformedApdu: they are no sort keys.
    """
    _, content = element
    if isinstance(content, bytes) or not 0 < len(content) <= KEYS_MAX:
        raise MalformedApdu(f"a sort has 1 to {KEYS_MAX} keys")
    return tuple(_read(key) for _, key in content)


def _write(key: SortKey) -> list[Element]:
    by: Element = ((_FIELD, STRING.pack(key.by)) if isinstance(key.by, str) else
                   (_ATTRIBUTES, [OID.write(oid.BIB1_ATTRIBUTES), write_attributes(key.by)]))  # fmt: skip
    return [(_GENERIC, [by]), (_RELATION, INTEGER.pack(key.order)), (_CASE, INTEGER.pack(not key.is_case_sensitive))]


def _read(content: Content) -> SortKey:
    match content:
        case [(tag, [by]), (_, bytes(relation)), (_, bytes(case)), *_] if tag == _GENERIC:
            order = INTEGER.unpack(relation)
            if order not in (0, 1):
                raise UnsupportedQuery(_CANNOT_SORT_SO, f"sort relation {order}")
            return SortKey(_read_by(by), Order(order), INTEGER.unpack(case) == 0)
    raise MalformedApdu("a sort key is an element, a relation and a case sensitivity")


def _read_by(by: Element) -> tuple[Attribute, ...] | str:
    match by:
        case (tag, bytes(name)) if tag == _FIELD:
            text: str = STRING.unpack(name)
            return text
        case (tag, [(_, attribute_set), attributes]) if tag == _ATTRIBUTES:
            return read_attributes(attributes, OID.unpack(attribute_set))
    raise UnsupportedQuery(_CANNOT_SORT_SO, "a sort element that is neither a field nor attributes")
