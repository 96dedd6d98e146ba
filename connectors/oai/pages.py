"""What an OAI-PMH repository answers: bytes to values. Pure.

Strict on purpose: a page that is cut or broken is refused whole, because a list that is silently shorter would look
like deletions. Only characters that XML forbids, which repositories do copy out of ISO 2709, are replaced, and the page
says so. Nothing is fetched, no entity is expanded, a document type is refused. Clauses are of OAI-PMH 2.0.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from lxml import etree

from connectors.oai.errors import NoMarcFormat, OaiMalformed, OaiRefused

NO_RECORDS, BAD_TOKEN = "noRecordsMatch", "badResumptionToken"
_TEXT_MAX = 300
_DAY = "YYYY-MM-DD"
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]"
                        rb"|&#(?:[0-8]|1[124-9]|2\d|3[01]|x0*(?:[0-8]|[bBcCeEfF]|1[\da-fA-F]));")
_REPLACEMENT = "\ufffd".encode()
_MARC_PREFIXES = ("marcxml", "marc21", "marc", "unimarc", "cnmarc", "marcxchange", "oai_marc21")
_MARC_NAMESPACES = ("http://www.loc.gov/MARC21/slim", "info:lc/xmlns/marcxchange-v1", "info:lc/xmlns/marcxchange-v2")


@dataclass(frozen=True, slots=True)
class OaiRecord:
    """One record of a list; ``metadata`` is the XML below its ``metadata`` element, empty where it is deleted."""

    identifier: str
    is_deleted: bool
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of an incomplete list; ``token`` asks for the next, and is empty on the last one (3.5).

    ``total`` is how many records the repository says the list has. ``is_repaired`` says that forbidden characters
    were replaced.
    """

    records: tuple[OaiRecord, ...] = ()
    token: str = ""
    total: int | None = None
    is_repaired: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """What a repository says of itself (4.2); ``now`` is its own clock."""

    now: datetime
    keeps_days_only: bool
    tells_all_deletions: bool

    def datestamp(self, moment: datetime) -> str:
        """Return a moment as this repository writes it (3.3)."""
        return f"{moment.astimezone(UTC):{'%Y-%m-%d' if self.keeps_days_only else '%Y-%m-%dT%H:%M:%SZ'}}"


def read_page(raw: bytes) -> Page:
    """Return a page of ListRecords; a list without records is an empty page.

    Raises:
        OaiRefused: with the repository's code.
        OaiMalformed: this is no such answer.
    """
    root, is_repaired = _parse(raw)
    try:
        listed = _answer(root, "ListRecords")
    except OaiRefused as refused:
        if refused.code == NO_RECORDS:
            return Page()
        raise
    records = tuple(_record(element) for element in listed.iterchildren("{*}record"))
    token = listed.find("{*}resumptionToken")
    if token is None:
        return Page(records, "", None, is_repaired)
    size = token.get("completeListSize", "")
    return Page(records, (token.text or "").strip(), int(size) if _is_count(size) else None, is_repaired)


def read_identity(raw: bytes) -> Identity:
    """Return what Identify says.

    Raises:
        OaiRefused, OaiMalformed: as their names say.
    """
    root, _ = _parse(raw)
    told = _answer(root, "Identify")
    try:
        now = datetime.fromisoformat(root.findtext("{*}responseDate", "").strip())
    except ValueError:
        raise OaiMalformed("Identify gives no responseDate") from None
    return Identity(now if now.tzinfo else now.replace(tzinfo=UTC),
                    told.findtext("{*}granularity", "").strip() == _DAY,
                    told.findtext("{*}deletedRecord", "").strip() == "persistent")


def marc_prefix(raw: bytes) -> str:
    """Return the metadata prefix under which ListMetadataFormats offers MARC, by its name or its namespace.

    Raises:
        NoMarcFormat: naming what is offered.
        OaiRefused, OaiMalformed: as their names say.
    """
    formats = {each.findtext("{*}metadataPrefix", "").strip(): each.findtext("{*}metadataNamespace", "").strip()
               for each in _answer(_parse(raw)[0], "ListMetadataFormats").iterchildren("{*}metadataFormat")}
    by_namespace = (prefix for prefix, namespace in formats.items() if namespace in _MARC_NAMESPACES)
    by_name = (prefix for prefix in _MARC_PREFIXES if prefix in formats)
    for prefix in (*by_name, *by_namespace):
        return prefix
    raise NoMarcFormat(f"the repository offers no MARC, only {', '.join(sorted(formats))[:_TEXT_MAX] or 'nothing'}: "
                       "name the right one as prefix in [oai]")


def _parse(raw: bytes) -> tuple[etree._Element, bool]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    fixed, replaced = _FORBIDDEN.subn(_REPLACEMENT, raw)
    try:
        root = etree.fromstring(fixed, parser)
    except etree.XMLSyntaxError as error:
        raise OaiMalformed(f"an answer is no XML: {error}") from None
    if root.getroottree().docinfo.doctype:
        raise OaiMalformed("an answer declares a document type, which is refused")
    return root, bool(replaced)


def _answer(root: etree._Element, verb: str) -> etree._Element:
    """Return the element with what was asked for."""
    if etree.QName(root).localname != "OAI-PMH":
        raise OaiMalformed(f"the address answers with <{etree.QName(root).localname[:40]}>: is it an OAI-PMH one?")
    answer = root.find(f"{{*}}{verb}")
    if answer is None:
        _refused(root, verb)
    return answer


def _refused(root: etree._Element, verb: str) -> NoReturn:
    error = root.find("{*}error")
    if error is None:
        raise OaiMalformed(f"an answer without {verb}")
    raise OaiRefused(error.get("code", "without a code"), " ".join((error.text or "").split())[:_TEXT_MAX])


def _record(element: etree._Element) -> OaiRecord:
    header = element.find("{*}header")
    identifier = "" if header is None else header.findtext("{*}identifier", "").strip()
    if header is None or not identifier:
        raise OaiMalformed("a record without an identifier")
    metadata = element.find("{*}metadata")
    inner = b"" if metadata is None else b"".join(etree.tostring(child, with_tail=False) for child in metadata)
    return OaiRecord(identifier, header.get("status") == "deleted", inner)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15
