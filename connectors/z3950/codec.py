"""APDUs to octets and back.

Absent on purpose: Access and Resource Control and Duplicate Detection; their tags are refused.
"""

from collections.abc import Mapping

from connectors.z3950 import ber
from connectors.z3950.apdu import (
    Apdu,
    Close,
    InitRequest,
    InitResponse,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
    Segment,
)
from connectors.z3950.apdu_services import ExtendedServicesRequest, ExtendedServicesResponse
from connectors.z3950.apdu_sets import (
    DeleteResultSetRequest,
    DeleteResultSetResponse,
    ScanRequest,
    ScanResponse,
    SortRequest,
    SortResponse,
)
from connectors.z3950.asn1 import Type, implicit, sequence, tag_name
from connectors.z3950.errors import UnsupportedApdu

TAGS: Mapping[int, type[Apdu]] = {
    20: InitRequest,
    21: InitResponse,
    22: SearchRequest,
    23: SearchResponse,
    24: PresentRequest,
    25: PresentResponse,
    26: DeleteResultSetRequest,
    27: DeleteResultSetResponse,
    35: ScanRequest,
    36: ScanResponse,
    43: SortRequest,
    44: SortResponse,
    45: Segment,
    46: ExtendedServicesRequest,
    47: ExtendedServicesResponse,
    48: Close,
}
"""The alternatives of the standard's PDU that we speak."""

_BY_CLASS: Mapping[type[Apdu], Type] = {apdu: implicit(tag, sequence(apdu)) for tag, apdu in TAGS.items()}
_REFERENCE_ID = ber.context(2)
_BY_TAG: Mapping[int, Type] = {kind.tag: kind for kind in _BY_CLASS.values()}


def encode(apdu: Apdu, reference_id: bytes | None = None) -> bytes:
    """Return the octets of ``apdu``, under ``reference_id`` if it has none of its own."""
    tag, content = _BY_CLASS[type(apdu)].write(apdu)
    if reference_id is not None and apdu.reference_id is None and isinstance(content, list):
        content.insert(0, (_REFERENCE_ID, reference_id))
    return ber.encode((tag, content))


def decode(data: bytes, depth_max: int = ber.DEPTH_MAX) -> Apdu:
    """Return the APDU that ``data``, one whole PDU, holds.

    Raises:
        MalformedBer, TooDeep, TooLarge: the octets are no acceptable BER.
        UnsupportedApdu: an APDU that we do not speak.
        MalformedApdu: it lacks a parameter, or one is not of its type.
    """
    return from_element(ber.decode(data, depth_max))


def from_element(element: ber.Element) -> Apdu:
    """Return the APDU whose tree is ``element``; raises ``UnsupportedApdu`` and ``MalformedApdu`` as ``decode``."""
    tag, content = element
    if tag not in _BY_TAG:
        raise UnsupportedApdu(f"no APDU that we speak has the tag {tag_name(tag)}")
    apdu: Apdu = _BY_TAG[tag].unpack(content)
    return apdu
