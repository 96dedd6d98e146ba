"""SRU's answers to XML, in version 1.2 (LoC, srw) or 2.0 (OASIS searchRetrieve part 3).

Deliberately absent: what a record's XML means; a record goes in as the element it is.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lxml import etree

from connectors.sru.errors import DIAGNOSTIC_URI, MESSAGES
from connectors.sru.messages import Diagnostic, Explanation, Packing, ScanAnswer, SearchAnswer, SruRecord, Version

DIAGNOSTIC_SCHEMA = "info:srw/schema/1/diagnostics-v1.1"
"""The schema of a diagnostic in the place of a record."""
ZEEREX = "http://explain.z3950.org/dtd/2.0/"
"""Namespace and schema of a server's description of itself."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, production 2


class _Names(NamedTuple):
    """The namespaces and the one element that differ between the versions."""

    answer: str
    scan: str
    diagnostic: str
    packing: str


NAMES: Mapping[Version, _Names] = {
    Version.V1_2: _Names("http://www.loc.gov/zing/srw/", "http://www.loc.gov/zing/srw/",
                         "http://www.loc.gov/zing/srw/diagnostic/", "recordPacking"),
    Version.V2_0: _Names("http://docs.oasis-open.org/ns/search-ws/sruResponse",
                         "http://docs.oasis-open.org/ns/search-ws/scan",
                         "http://docs.oasis-open.org/ns/search-ws/diagnostic", "recordXMLEscaping"),
}


def write_search(answer: SearchAnswer, version: Version, packing: Packing = Packing.XML) -> bytes:
    """Return a searchRetrieveResponse."""
    names = NAMES[version]
    root = _answer("searchRetrieveResponse", names.answer, version)
    _add(root, "numberOfRecords", answer.hits or 0)
    if answer.records:
        records = _add(root, "records")
        for record in answer.records:
            _add_record(records, record, names, packing)
    if answer.next_start is not None:
        _add(root, "nextRecordPosition", answer.next_start)
    _add_diagnostics(root, answer.diagnostics, names)
    return _document(root)


def write_scan(answer: ScanAnswer, version: Version) -> bytes:
    """Return a scanResponse."""
    names = NAMES[version]
    root = _answer("scanResponse", names.scan, version)
    if answer.terms:
        terms = _add(root, "terms")
        for each in answer.terms:
            term = _add(terms, "term")
            _add(term, "value", each.value)
            if each.hits is not None:
                _add(term, "numberOfRecords", each.hits)
            if each.display:
                _add(term, "displayTerm", each.display)
    _add_diagnostics(root, answer.diagnostics, names)
    return _document(root)


def write_explain(explanation: Explanation, version: Version, host: str, port: int,
                  packing: Packing = Packing.XML) -> bytes:
    """Return an explainResponse: a ZeeRex record of the server at ``host`` and ``port``."""
    names = NAMES[version]
    root = _answer("explainResponse", names.answer, version)
    record = SruRecord(ZEEREX, etree.tostring(_zeerex(explanation, version, host, port)))
    _add_record(root, record, names, packing)
    _add_diagnostics(root, explanation.diagnostics, names)
    return _document(root)


def write_surrogate(diagnostic: Diagnostic) -> bytes:
    """Return a diagnostic as the element that stands in its record's place."""
    namespace = NAMES[Version.V1_2].diagnostic
    root = etree.Element(etree.QName(namespace, "diagnostic"), nsmap={None: namespace})
    _fill_diagnostic(root, diagnostic)
    return etree.tostring(root)


def _zeerex(explanation: Explanation, version: Version, host: str, port: int) -> etree._Element:
    root = etree.Element(etree.QName(ZEEREX, "explain"), nsmap={None: ZEEREX})
    server = _add(root, "serverInfo", protocol="SRU", version=version.value)
    for name, value in (("host", host), ("port", port), ("database", explanation.database)):
        _add(server, name, value)
    _add(_add(root, "databaseInfo"), "title", explanation.title)
    indexes = _add(root, "indexInfo")
    for index in explanation.indexes:
        index_set, _, name = index.rpartition(".")
        _add(_add(_add(indexes, "index"), "map"), "name", name, set=index_set)
    schemas = _add(root, "schemaInfo")
    for name, uri in explanation.schemas.items():
        _add(_add(schemas, "schema", name=name, identifier=uri), "title", name)
    config = _add(root, "configInfo")
    _add(config, "default", explanation.records_default, type="numberOfRecords")
    _add(config, "setting", explanation.records_max, type="maximumRecords")
    return root


def _add_record(parent: etree._Element, record: SruRecord, names: _Names, packing: Packing) -> None:
    element = _add(parent, "record")
    _add(element, "recordSchema", record.schema)
    _add(element, names.packing, packing.value)
    data = _add(element, "recordData")
    if packing is Packing.STRING:
        data.text = record.data.decode()
    else:
        data.append(etree.fromstring(record.data))
    if record.identifier:
        _add(element, "recordIdentifier", record.identifier)
    if record.position is not None:
        _add(element, "recordPosition", record.position)


def _add_diagnostics(root: etree._Element, diagnostics: Iterable[Diagnostic], names: _Names) -> None:
    found = list(diagnostics)
    if not found:
        return
    parent = _add(root, "diagnostics")
    for each in found:
        element = etree.SubElement(parent, etree.QName(names.diagnostic, "diagnostic"), nsmap={None: names.diagnostic})
        _fill_diagnostic(element, each)


def _fill_diagnostic(element: etree._Element, diagnostic: Diagnostic) -> None:
    code = diagnostic.code or 1
    _add(element, "uri", f"{DIAGNOSTIC_URI}{code}")
    if diagnostic.details:
        _add(element, "details", diagnostic.details)
    _add(element, "message", diagnostic.message or MESSAGES.get(code, ""))


def _answer(name: str, namespace: str, version: Version) -> etree._Element:
    root = etree.Element(etree.QName(namespace, name), nsmap={None: namespace})
    _add(root, "version", version.value)
    return root


def _add(parent: etree._Element, name: str, text: object = None, /, **attributes: str) -> etree._Element:
    """Add a child in the parent's own namespace; what XML cannot write in ``text`` becomes a question mark."""
    element = etree.SubElement(parent, etree.QName(etree.QName(parent).namespace or "", name), attributes)
    if text is not None:
        element.text = _NOT_XML.sub("?", str(text))
    return element


def _document(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)
