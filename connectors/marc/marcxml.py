"""MARCXML and CNMARC-XML to records: any element ``record`` with a ``leader``, whatever namespace or wrapper it is in.

The parser fetches nothing, expands no entity and refuses a document type. Elements are let go as they are read, so a
file of any length needs the memory of one record.
"""

from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from connectors.marc.reader import has_nonsorting
from connectors.marc.record import DECLARED_UTF8, BadRecord, Field, MarcRecord, Reason


def read_marcxml(stream: BinaryIO) -> Iterator[MarcRecord | BadRecord]:
    """Read the records of an XML document; ``position`` counts records, since XML tells no byte offsets."""
    count = 0
    parser = etree.iterparse(
        stream, events=("end",), tag="{*}record", resolve_entities=False, no_network=True, load_dtd=False
    )
    try:
        for _, element in parser:
            if element.getroottree().docinfo.doctype:
                yield BadRecord(count, Reason.DOCTYPE, b"")
                return
            record = _record(element, count)
            if record is not None:
                yield record
                count += 1
            _release(element)
    except etree.XMLSyntaxError as error:
        yield BadRecord(count, Reason.XML, b"", str(error))


def _record(element: etree._Element, position: int) -> MarcRecord | BadRecord | None:
    """Return the record of an element, or None where it is a wrapper (SRU's) that only shares the name."""
    leader: str | None = None
    fields = []
    for child in element.iterchildren("{*}leader", "{*}controlfield", "{*}datafield"):
        name = etree.QName(child).localname
        if name == "leader":
            leader = child.text or ""
        elif name == "controlfield":
            fields.append(Field(child.get("tag", ""), "", (child.text or "",)))
        else:
            fields.append(_data_field(child))
    if leader is None and not fields:
        return None
    if leader is None:
        return BadRecord(position, Reason.NO_LEADER, etree.tostring(element))
    marks = any(has_nonsorting(subfield) for field in fields for subfield in field.subfields)
    return MarcRecord(leader, tuple(fields), etree.tostring(element), DECLARED_UTF8, position, (), marks)


def _data_field(element: etree._Element) -> Field:
    indicators = (element.get("ind1") or " ") + (element.get("ind2") or " ")
    subfields = (child.get("code", "")[:1] + (child.text or "") for child in element.iterchildren("{*}subfield"))
    return Field(element.get("tag", ""), indicators, tuple(subfields))


def _release(element: etree._Element) -> None:
    parent = element.getparent()
    element.clear()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
