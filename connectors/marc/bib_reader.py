"""A whole record to `schemas.Bib`, by the table of its format.

What a table cannot give back exactly is kept verbatim in ``local_fields``, and so is every field that lacks what its
element cannot be without: no field stops a record. Deliberately absent: writing, which is `mapping`'s.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from pydantic import TypeAdapter

from connectors.marc.crosswalk import Crosswalk
from connectors.marc.fixed import coded_date, read_008, read_040, restores_008, restores_040, with_language
from connectors.marc.foreign import FOREIGN, as_format
from connectors.marc.gathering import gather
from connectors.marc.items import ItemMapping
from connectors.marc.marc21 import MARC21
from connectors.marc.record import Field, MarcRecord
from connectors.marc.scripts import merge_scripts
from connectors.marc.unimarc import UNIMARC
from schemas.bib import RECORD_ID_MAX, Bib, LocalField, MarcFormat, element_of

TABLES: Mapping[MarcFormat, Crosswalk] = {MarcFormat.CNMARC: UNIMARC, MarcFormat.MARC21: MARC21}
_NON_SORTING = re.compile("[\x88\x98](.*?)[\x89\x9c]")
_YEAR = re.compile(r"(?<!\d)(1[0-9]\d\d|20\d\d)")
_REPUBLIC_YEAR = re.compile(r"民国\s*(\d{1,2})")
_DATES_MAX = 4096
_TELLING = {"008": MarcFormat.MARC21, "245": MarcFormat.MARC21, "200": MarcFormat.CNMARC}
_UNNUMBERED = "sha256:"
_CONTROLS = {"001": "record_id", "005": "modified"}
_ASSEMBLED = ("008", "040")
_BIB: Callable[[object], Bib] = TypeAdapter(Bib).validator.validate_python


def format_of(record: MarcRecord) -> MarcFormat:
    """Return the format that a record's own shape shows: servers do answer in another than they were asked for."""
    for tag, _, _ in record.fields:
        if tag in _TELLING:
            return _TELLING[tag]
    return MarcFormat.CNMARC


def bib_from_record(
    record: MarcRecord, items: ItemMapping | None = None, source: MarcFormat | None = None
) -> Bib:
    """Return what a record says. ``items`` names the library's item fields; ``source`` overrides the record's shape."""
    source = source or format_of(record)
    fields = merge_scripts(record.fields) if source is MarcFormat.MARC21 else record.fields
    gathered = gather(fields, TABLES[source], nonsorting=record.nonsorting)
    values = gathered.values
    kept = _take_controls(values, gathered.kept)
    if items is not None:
        values["holdings"] = items.read([field for field in record.fields if field[0] == items.tag])
    if not 0 < len(values.get("record_id", "")) <= RECORD_ID_MAX:
        values["record_id"] = _UNNUMBERED + hashlib.sha256(record.raw).hexdigest()[:32]
    if source is MarcFormat.MARC21:
        kept = _take_assembled(values, kept)
    if record.nonsorting:
        values["nonfiling"] = _nonfiling(fields, source)
    values["year"] = _year(values)
    values |= {"source": source, "leader": record.leader, "local_fields": list(map(_local, kept))}
    return _BIB(values)


def _take_controls(values: dict[str, Any], kept: Iterable[Field]) -> list[Field]:
    """Take the texts of control fields that the Bib has a place for, and return the others of ``kept``."""
    rest = []
    for field in kept:
        name = None if field[1] else _CONTROLS.get(field[0])
        if name is None or name in values:
            rest.append(field)
        elif field.text.strip():
            values[name] = field.text
    return rest


def _local(field: Field) -> LocalField:
    tag, indicators, subfields = field
    return element_of(LocalField, {"tag": tag, "indicators": indicators, "subfields": subfields})


def _take_assembled(values: dict[str, Any], kept: Sequence[Field]) -> list[Field]:
    """Take what MARC 21's 008 and 040 code, and return ``kept`` without those that the values would give back."""
    assembled: dict[str, list[Field]] = {tag: [] for tag in _ASSEMBLED}
    rest: list[Field] = []
    for field in kept:
        assembled.get(field[0], rest).append(field)
    for field in assembled["008"]:
        if field.is_control:
            values.update({name: value for name, value in read_008(field.text).items() if name not in values})
    for field in assembled["040"]:
        values.setdefault("sources", []).extend(read_040(field))
        if "coded" in values:
            values["coded"] = with_language(values["coded"], field)
    codes = as_format([field for field in rest if field[0] == FOREIGN], MarcFormat.MARC21, MarcFormat.CNMARC)
    for found, restores in ((assembled["008"], partial(restores_008, values, codes)),
                            (assembled["040"], partial(restores_040, values))):
        if len(found) != 1 or not restores(found[0]):
            rest += found
    return rest


def _year(values: Mapping[str, Any]) -> int | None:
    """Return the year of publication: from the imprint as printed, else from the coded date."""
    printed = _printed_year(values.get("date_text", ""))
    if printed is not None:
        return printed
    found = _YEAR.match(coded_date(values.get("coded", "")))
    return int(found[1]) if found else None


@lru_cache(_DATES_MAX)
def _printed_year(text: str) -> int | None:
    text = unicodedata.normalize("NFKC", text)
    if found := _YEAR.search(text):
        return int(found[1])
    found = _REPUBLIC_YEAR.search(text)
    return 1911 + int(found[1]) if found else None


def _nonfiling(fields: Iterable[Field], source: MarcFormat) -> int:
    """Return how many characters of the title its non-sorting marks enclose."""
    tag = "200" if source is MarcFormat.CNMARC else "245"
    title = next((field.value("a") for field in fields if field.tag == tag), "")
    found = _NON_SORTING.match(title)
    return min(len(found[1]), 9) if found else 0
