"""SRU's answers from XML, of versions 1.1 to 2.0, whatever namespace a server puts them in.

The parser fetches nothing, expands no entity, refuses a document type, and reads no more than ``ANSWER_BYTES_MAX``.
Deliberately absent: what a record's XML means.
"""

import re
from collections.abc import Iterator

from lxml import etree

from connectors.sru.errors import DIAGNOSTIC_URI, MESSAGES, NotSru
from connectors.sru.messages import Diagnostic, Explanation, ScanAnswer, ScanTerm, SearchAnswer, SruRecord

ANSWER_BYTES_MAX = 32 * 1024 * 1024
HITS_MAX = 2**63 - 1
"""A larger count is no count."""
_UNREADABLE = 64
_CODE = re.compile(rf"(?:{re.escape(DIAGNOSTIC_URI)})?(\d{{1,9}})")


def read_search(data: bytes) -> SearchAnswer:
    """Return a searchRetrieveResponse.

    Raises:
        NotSru: it is none.
    """
    root = _root(data, "searchRetrieveResponse")
    records, surrogates = [], []
    for element in root.iterfind("{*}records/{*}record"):
        place, content = _count(element, "recordPosition"), _content(element)
        if content is None:
            surrogates.append(Diagnostic(_UNREADABLE, MESSAGES[_UNREADABLE], f"position {place}: no XML in its data"))
        elif etree.QName(content).localname == "diagnostic":  # a surrogate: it stands in its record's place
            surrogates.append(_diagnostic(content))
        else:
            schema, identifier = _text(element, "recordSchema"), _text(element, "recordIdentifier")
            records.append(SruRecord(schema, _alone(content), place, identifier))
    return SearchAnswer(
        hits=_count(root, "numberOfRecords"),
        records=tuple(records),
        diagnostics=(*_diagnostics(root), *surrogates),
        next_start=_count(root, "nextRecordPosition"),
    )


def read_scan(data: bytes) -> ScanAnswer:
    """Return a scanResponse.

    Raises:
        NotSru: it is none.
    """
    root = _root(data, "scanResponse")
    terms = (ScanTerm(_text(each, "value"), _count(each, "numberOfRecords"), _text(each, "displayTerm"))
             for each in root.iterfind("{*}terms/{*}term"))
    return ScanAnswer(tuple(terms), _diagnostics(root))


def read_explain(data: bytes) -> Explanation:
    """Return an explainResponse with its ZeeRex record.

    Raises:
        NotSru: it is none.
    """
    root = _root(data, "explainResponse")
    record = root.find("{*}record")
    explain = _content(record) if record is not None else None
    if explain is None:
        return Explanation(diagnostics=_diagnostics(root))
    schemas = {each.get("name", ""): each.get("identifier", "")
               for each in explain.iterfind("{*}schemaInfo/{*}schema") if each.get("name")}
    return Explanation(
        database=_path_text(explain, "{*}serverInfo/{*}database"),
        title=_path_text(explain, "{*}databaseInfo/{*}title"),
        indexes=tuple(_indexes(explain)),
        schemas=schemas,
        records_default=_setting(explain, "default", "numberOfRecords"),
        records_max=_setting(explain, "setting", "maximumRecords"),
        diagnostics=_diagnostics(root),
    )


def parse_xml(data: bytes) -> etree._Element:
    """Return the root of an XML document of a stranger.

    Raises:
        NotSru: it is too long, no XML, or has a document type.
    """
    if len(data) > ANSWER_BYTES_MAX:
        raise NotSru(f"more than {ANSWER_BYTES_MAX} bytes; ask for fewer records")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotSru(f"no XML: {str(error)[:200]}") from None
    if root.getroottree().docinfo.doctype:
        raise NotSru("XML with a document type, which may name files and entities; it is not read")
    return root


def _root(data: bytes, name: str) -> etree._Element:
    root = parse_xml(data)
    if etree.QName(root).localname != name:
        raise NotSru(f"{etree.QName(root).localname[:60]} in place of {name}")
    return root


def _content(record: etree._Element) -> etree._Element | None:
    """Return the element in a record's data, unescaped where it came as text; None where there is none."""
    data = record.find("{*}recordData")
    if data is None:
        return None
    if len(data):
        return data[0]
    text = (data.text or "").strip()
    try:
        return parse_xml(text.encode()) if text else None
    except NotSru:
        return None


def _alone(element: etree._Element) -> bytes:
    """Return the element as a document by itself, with only the namespaces it uses."""
    tail, element.tail = element.tail, None
    etree.cleanup_namespaces(element)
    data = etree.tostring(element, encoding="utf-8")
    element.tail = tail
    return data


def _diagnostics(root: etree._Element) -> tuple[Diagnostic, ...]:
    return tuple(_diagnostic(each) for each in root.iterfind("{*}diagnostics/{*}diagnostic"))


def _diagnostic(element: etree._Element) -> Diagnostic:
    found = _CODE.fullmatch(_text(element, "uri") or _text(element, "code"))
    code = int(found[1]) if found else None
    return Diagnostic(code, _text(element, "message") or MESSAGES.get(code or 0, ""), _text(element, "details"))


def _indexes(explain: etree._Element) -> Iterator[str]:
    for name in explain.iterfind("{*}indexInfo/{*}index/{*}map/{*}name"):
        own, own_set = (name.text or "").strip(), name.get("set", "")
        if own:
            yield f"{own_set}.{own}" if own_set else own


def _setting(explain: etree._Element, kind: str, name: str) -> int | None:
    for each in explain.iterfind(f"{{*}}configInfo/{{*}}{kind}"):
        if each.get("type") == name:
            return _number(each.text)
    return None


def _text(element: etree._Element, name: str) -> str:
    return _path_text(element, f"{{*}}{name}")


def _path_text(element: etree._Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _count(element: etree._Element, name: str) -> int | None:
    return _number(element.findtext(f"{{*}}{name}"))


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > len(str(HITS_MAX)):
        return None
    return min(int(text), HITS_MAX)

