"""A whole record to `schemas.Bib`, by the table of its format.

What a table cannot give back exactly is kept verbatim in ``local_fields``, and so is every field that lacks what its
element cannot be without: no field stops a record. Deliberately absent: writing, which is `mapping`'s.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.marc.crosswalk import Crosswalk
from connectors.marc.fixed import coded_date, read_008, read_040, with_language, write_008, write_040
from connectors.marc.foreign import FOREIGN, as_format
from connectors.marc.items import ItemMapping
from connectors.marc.marc21 import MARC21
from connectors.marc.record import Field, MarcRecord
from connectors.marc.rules import Rule, Values
from connectors.marc.scripts import merge_scripts
from connectors.marc.unimarc import UNIMARC
from schemas.bib import RECORD_ID_MAX, Bib, LocalField, MarcFormat

TABLES: Mapping[MarcFormat, Crosswalk] = {MarcFormat.CNMARC: UNIMARC, MarcFormat.MARC21: MARC21}
_NON_SORTING = re.compile("[\x88\x98](.*?)[\x89\x9c]")
_NON_SORTING_MARKS = re.compile("[\x88\x89\x98\x9c]")
_YEAR = re.compile(r"(?<!\d)(1[0-9]\d\d|20\d\d)")
_REPUBLIC_YEAR = re.compile(r"民国\s*(\d{1,2})")
_TELLING = {"008": MarcFormat.MARC21, "245": MarcFormat.MARC21, "200": MarcFormat.CNMARC}
_UNNUMBERED = "sha256:"
_CONTROLS = {"001": "record_id", "005": "modified"}
_ASSEMBLED = ("008", "040")


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
    fields = _without_title_entry(merge_scripts(record.fields)) if source is MarcFormat.MARC21 else record.fields
    gathered = gather(fields, source, nonsorting=record.nonsorting)
    values = gathered.values
    if items is not None:
        values["holdings"] = items.read([field for field in record.fields if field[0] == items.tag])
    if not 0 < len(values.get("record_id", "")) <= RECORD_ID_MAX:
        values["record_id"] = _UNNUMBERED + hashlib.sha256(record.raw).hexdigest()[:32]
    if source is MarcFormat.MARC21:
        _take_fixed(values, fields)
    values["year"] = _year(values)
    kept = _with_unassembled(gathered, fields) if source is MarcFormat.MARC21 else gathered.kept
    values |= {"source": source, "leader": record.leader, "local_fields": list(map(_local, kept))}
    return Bib.model_validate(values)


class Gathered:
    """What the fields of one record have said so far, and which of them have to be kept verbatim."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.kept: list[Field] = []
        self._owners: list[tuple[Field, Rule]] = []

    def take_control(self, field: Field, source: MarcFormat) -> None:
        """Take a control field's text, where the Bib has a place for it; 008 is assembled anew."""
        name = _CONTROLS.get(field.tag)
        if name is not None and name not in self.values:
            if field.text.strip():
                self.values[name] = field.text
        elif field.tag != "008" or source is not MarcFormat.MARC21:
            self.kept.append(field)

    def take_own(self, field: Field, rule: Rule, element: Values, exact: bool) -> bool:
        """Take values of the Bib itself, and return whether they say all of the field.

        Where a field said them before, both fields have to be kept.
        """
        if not self.values.keys().isdisjoint(rule.carried):
            self.kept += (owner for owner, own in self._owners if not rule.carried.isdisjoint(own.carried))
            self._owners = [(owner, own) for owner, own in self._owners if rule.carried.isdisjoint(own.carried)]
            return False
        self.values.update(element)
        if exact and element:
            self._owners.append((field, rule))
        return exact and bool(element)


def gather(fields: Iterable[Field], source: MarcFormat, *, nonsorting: bool) -> Gathered:
    """Return what fields of ``source`` say; ``nonsorting`` where some hold the marks of ISO 6630."""
    table = TABLES[source]
    gathered = Gathered()
    for field in fields:
        if not field[1]:
            gathered.take_control(field, source)
            continue
        sorting = _without_marks(field) if nonsorting else field
        reading = table.read(sorting)
        if reading is None:
            gathered.kept.append(field)
            continue
        rule, elements, exact = reading
        exact = exact and sorting is field
        if rule.attribute:
            gathered.values.setdefault(rule.attribute, []).extend(elements)
        else:
            exact = gathered.take_own(field, rule, elements[0], exact)
        if not exact:
            gathered.kept.append(field)
    if nonsorting:
        gathered.values["nonfiling"] = _nonfiling(fields, source)
    return gathered


def _local(field: Field) -> LocalField:
    tag, indicators, subfields = field
    return LocalField(tag=tag, indicators=indicators, subfields=subfields)


def _take_fixed(values: dict[str, Any], fields: Iterable[Field]) -> None:
    """Take what MARC 21 codes by position, where no field says it in words."""
    for field in fields:
        if field[0] == "008" and field.is_control:
            for name, value in read_008(field.text).items():
                values.setdefault(name, value)
        elif field[0] == "040":
            values.setdefault("sources", []).extend(read_040(field))
            if "coded" in values:  # 008 stands before 040
                values["coded"] = with_language(values["coded"], field)


def _with_unassembled(gathered: Gathered, fields: Iterable[Field]) -> list[Field]:
    """Keep those of a MARC 21 record's 008 and 040 that the values would not give back."""
    kept = [field for field in gathered.kept if field[0] not in _ASSEMBLED]
    codes = as_format((field for field in kept if field[0] == FOREIGN), MarcFormat.MARC21, MarcFormat.CNMARC)
    written = {"008": write_008(gathered.values, codes), "040": write_040(gathered.values)}
    for tag in _ASSEMBLED:
        found = [field for field in fields if field[0] == tag]
        if found and found != [written[tag]]:
            kept += found
    return kept


def _year(values: Mapping[str, Any]) -> int | None:
    """Return the year of publication: from the imprint as printed, else from the coded date."""
    text = unicodedata.normalize("NFKC", values.get("date_text", ""))
    if found := _YEAR.search(text):
        return int(found[1])
    if found := _REPUBLIC_YEAR.search(text):
        return 1911 + int(found[1])
    found = _YEAR.match(coded_date(values.get("coded", "")))
    return int(found[1]) if found else None


def _nonfiling(fields: Iterable[Field], source: MarcFormat) -> int:
    """Return how many characters of the title its non-sorting marks enclose."""
    tag = "200" if source is MarcFormat.CNMARC else "245"
    title = next((field.value("a") for field in fields if field.tag == tag), "")
    found = _NON_SORTING.match(title)
    return min(len(found[1]), 9) if found else 0


def _without_marks(field: Field) -> Field:
    """Return the field without non-sorting marks; the same object where it has none."""
    if not any(_NON_SORTING_MARKS.search(subfield) for subfield in field.subfields):
        return field
    return field._replace(subfields=tuple(_NON_SORTING_MARKS.sub("", subfield) for subfield in field.subfields))


def _without_title_entry(fields: Iterable[Field]) -> list[Field]:
    """245's first indicator repeats whether there is a main entry: the table knows it as 0."""
    return [f._replace(indicators="0" + f[1][1:]) if f[0] == "245" and f[1] else f for f in fields]
