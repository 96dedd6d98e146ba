"""One work of the union catalogue as XML: MARCXML, CNMARC in the same form in the National Library's namespace, DC.

Characters that XML has no way to write are left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from connectors.faces.records import marc_of
from connectors.marc.record import MarcRecord
from schemas.bib import Bib, MarcFormat
from schemas.catalogue import FoundWork

MARCXML, CNMARCXML, DC = "marcxml", "cnmarcxml", "dc"
SCHEMAS: Mapping[str, str] = {
    MARCXML: "info:srw/schema/1/marcxml-v1.1",
    CNMARCXML: "http://www.nlc.cn/",
    DC: "info:srw/schema/1/dc-v1.1",
}
"""The schemas by their short names, with their URIs."""

_MARC21, _NLC = "http://www.loc.gov/MARC21/slim", "http://www.nlc.cn/"
_SRW_DC, _DC = "info:srw/schema/1/dc-schema", "http://purl.org/dc/elements/1.1/"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, production 2


def xml_of(work: FoundWork, schema: str) -> bytes:
    """Return a work as an element of the schema with this short name."""
    return etree.tostring(_WRITERS[schema](work), encoding="UTF-8")


def _marc(record: MarcRecord, namespace: str) -> etree._Element:
    root = etree.Element(etree.QName(namespace, "record"), nsmap={None: namespace})
    _add(root, namespace, "leader", record.leader)
    for field in record.fields:
        if field.is_control:
            _add(root, namespace, "controlfield", field.text, tag=field.tag)
            continue
        indicators = field.indicators.ljust(2)
        data = _add(root, namespace, "datafield", tag=field.tag, ind1=indicators[0], ind2=indicators[1])
        for subfield in field.subfields:
            _add(data, namespace, "subfield", subfield[1:], code=subfield[:1])
    return root


def _dublin_core(work: FoundWork) -> etree._Element:
    root = etree.Element(etree.QName(_SRW_DC, "dc"), nsmap={None: _SRW_DC, "dc": _DC})
    for name, text in _elements(work.bib, work.cluster):
        if text:
            _add(root, _DC, name, text)
    return root


def _elements(bib: Bib, cluster: str) -> Iterator[tuple[str, str]]:
    yield "title", " ".join(filter(None, (bib.title, bib.volume, bib.volume_title)))
    yield from (("title", title) for title in bib.parallel_titles)
    yield from (("creator", each.name) for each in bib.contributors)
    yield from (("subject", each.text) for each in bib.subjects)
    yield from (("subject", number) for number in bib.clc)
    yield "description", bib.summary
    yield "publisher", bib.publisher
    yield "date", bib.date_text or str(bib.year or "")
    yield "type", "text"
    yield "format", bib.extent
    yield "identifier", cluster
    yield from (("identifier", f"URN:ISBN:{isbn}") for isbn in bib.isbn13s)
    yield from (("language", language) for language in bib.languages)
    yield from (("relation", each.title) for each in bib.series)


def _add(parent: etree._Element, namespace: str, name: str, text: str = "", /, **attributes: str) -> etree._Element:
    written = {key: _NOT_XML.sub("", value) for key, value in attributes.items()}
    element = etree.SubElement(parent, etree.QName(namespace, name), written)
    element.text = _NOT_XML.sub("", text) or None
    return element


_WRITERS: Mapping[str, Callable[[FoundWork], etree._Element]] = {
    MARCXML: lambda work: _marc(marc_of(work, MarcFormat.MARC21), _MARC21),
    CNMARCXML: lambda work: _marc(marc_of(work, MarcFormat.CNMARC), _NLC),
    DC: _dublin_core,
}
