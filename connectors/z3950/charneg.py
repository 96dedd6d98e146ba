"""Character set negotiation at Init (definition charneg-3): the origin proposes charsets, the target selects one.

It rides in Init's other information. YAZ names a charset beyond ISO 10646 by octets in a private EXTERNAL; so do we.
Absent on purpose: ISO 2022, whose designations nobody negotiates any more, and languages.
"""

import codecs
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from connectors.z3950 import oid
from connectors.z3950.apdu import OtherInformation
from connectors.z3950.asn1 import BOOLEAN, OID, Choice, Type, explicit, implicit, null, sequence, sequence_of
from connectors.z3950.errors import MalformedApdu
from connectors.z3950.record import EXTERNAL, External, external_of, value_of

_TRANSFER_SYNTAX = "1.0.10646.1.0"
_ISO_10646: Mapping[str, str] = {
    f"{_TRANSFER_SYNTAX}.8": "utf-8",
    f"{_TRANSFER_SYNTAX}.5": "utf-16-be",
    f"{_TRANSFER_SYNTAX}.4": "utf-32-be",
}
"""The forms of ISO 10646 by OID, as Python names their codecs."""
_CHARSET_BYTES_MAX = 64
PROPOSALS_MAX = 20


@dataclass(frozen=True, slots=True)
class Iso10646:
    """Unicode in one of its forms."""

    collections: Annotated[str | None, implicit(1, OID)] = None
    encoding_level: Annotated[str, implicit(2, OID)] = f"{_TRANSFER_SYNTAX}.8"


@dataclass(frozen=True, slots=True)
class NoCharset:
    """The target keeps to a charset of its own."""


_SELECTED: Mapping[type, Type] = {
    Iso10646: implicit(2, sequence(Iso10646)),
    External: explicit(3, implicit(2, EXTERNAL)),
    NoCharset: implicit(4, null(NoCharset())),
}
_PROPOSED = {kind: _SELECTED[kind] for kind in (Iso10646, External)}


@dataclass(frozen=True, slots=True)
class Proposal:
    """The charsets that the origin can do, the one it likes best first."""

    charsets: Annotated[tuple[Iso10646 | External, ...] | None, implicit(1, sequence_of(Choice(_PROPOSED)))] = None
    records_too: Annotated[bool | None, implicit(3, BOOLEAN)] = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The charset that the target selects for names, messages and terms; ``records_too``: and for records."""

    charset: Annotated[Iso10646 | External | NoCharset | None, explicit(1, Choice(_SELECTED))] = None
    records_too: Annotated[bool | None, implicit(3, BOOLEAN)] = None


_NEGOTIATION = Choice({Proposal: implicit(1, sequence(Proposal)), Selection: implicit(2, sequence(Selection))})


def propose(charsets: Sequence[str]) -> OtherInformation:
    """Return the other information of an InitRequest that proposes ``charsets``, by Python's names of them."""
    return _information(Proposal(tuple(map(_named, charsets)), records_too=True))


def select(charset: str | None) -> OtherInformation:
    """Return the other information of an InitResponse that selects ``charset``, or none of those proposed."""
    return _information(Selection(NoCharset() if charset is None else _named(charset), records_too=charset is not None))


def proposed(information: Sequence[OtherInformation] | None) -> list[str]:
    """Return the charsets that an InitRequest proposes, as Python names them; those it does not know are left out."""
    negotiation = _negotiation(information)
    if not isinstance(negotiation, Proposal):
        return []
    return [name for each in (negotiation.charsets or ())[:PROPOSALS_MAX] if (name := _name(each))]


def selected(information: Sequence[OtherInformation] | None) -> str | None:
    """Return the charset that an InitResponse selects; ``None`` if none, or none that we know."""
    negotiation = _negotiation(information)
    return _name(negotiation.charset) if isinstance(negotiation, Selection) else None


def _information(negotiation: Proposal | Selection) -> OtherInformation:
    return OtherInformation(external=external_of(oid.CHARSET_NEGOTIATION, _NEGOTIATION.write(negotiation)))


def _negotiation(information: Sequence[OtherInformation] | None) -> Proposal | Selection | None:
    """Return the charset negotiation among ``information``; one in a form that we do not read is as good as none."""
    for each in information or ():
        if each.external is not None and each.external.direct_reference == oid.CHARSET_NEGOTIATION:
            with suppress(MalformedApdu):
                found: Proposal | Selection = _NEGOTIATION.read(value_of(each.external))
                return found
    return None


def _named(charset: str) -> Iso10646 | External:
    name = codecs.lookup(charset).name
    for level, known in _ISO_10646.items():
        if known == name:
            return Iso10646(encoding_level=level)
    return External(oid.CHARSET_BY_NAME, octet_aligned=name.encode("ascii"))


def _name(charset: Iso10646 | External | NoCharset | None) -> str | None:
    if isinstance(charset, Iso10646):
        return _ISO_10646.get(charset.encoding_level)
    if isinstance(charset, External) and charset.octet_aligned and len(charset.octet_aligned) <= _CHARSET_BYTES_MAX:
        with suppress(LookupError, ValueError):
            return codecs.lookup(charset.octet_aligned.decode("ascii")).name
    return None
