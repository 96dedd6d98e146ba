"""A whole record to `schemas.Bib` and back, by the tables of its format.

What a table cannot give back exactly is kept verbatim in ``local_fields``; written in its own format a kept field
takes the place of what its values would be written as, so that CNMARC to Bib to CNMARC loses nothing. Written in the
other format a kept field travels in 886, the field both formats have for foreign data, and is unpacked on the way home.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from connectors.marc.fixed import Coded, leader_for, read_008, read_040, write_008, write_040
from connectors.marc.foreign import kept_fields
from connectors.marc.items import ItemMapping
from connectors.marc.marc21 import MARC21
from connectors.marc.record import Field, MarcRecord
from connectors.marc.rules import ELEMENTS, Crosswalk, Reading, Values
from connectors.marc.scripts import merge_scripts, split_scripts
from connectors.marc.unimarc import UNIMARC
from schemas.bib import Bib, LocalField, MarcFormat

TABLES: Mapping[MarcFormat, Crosswalk] = {MarcFormat.CNMARC: UNIMARC, MarcFormat.MARC21: MARC21}
_NON_SORTING = re.compile("[\x88\x98](.*?)[\x89\x9c]")
_NON_SORTING_MARKS = re.compile("[\x88\x89\x98\x9c]")
_YEAR = re.compile(r"(?<!\d)(1[0-9]\d\d|20\d\d)")
_REPUBLIC_YEAR = re.compile(r"民国\s*(\d{1,2})")
_TELLING = {"008": MarcFormat.MARC21, "245": MarcFormat.MARC21, "200": MarcFormat.CNMARC}
_UNNUMBERED = "sha256:"
_CONTROLS = {"001": "record_id", "005": "modified"}


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
    gathered = _gather(fields, source, record.nonsorting)
    values = gathered.values
    if items is not None:
        values["holdings"] = items.read(record.every(items.tag))
    values.setdefault("record_id", _UNNUMBERED + hashlib.sha256(record.raw).hexdigest()[:32])
    values["year"] = _year(values)
    values |= {"source": source, "leader": record.leader, "local_fields": gathered.kept}
    bib = Bib.model_validate(values, from_attributes=True)
    return _with_unassembled(bib, fields) if source is MarcFormat.MARC21 else bib


def record_from_bib(bib: Bib, target: MarcFormat, items: ItemMapping | None = None) -> MarcRecord:
    """Return the record of ``target`` format for a Bib; ``items`` says how its holdings are written, if at all."""
    kept = list(kept_fields(bib, target))
    fields = [*_assembled(bib, target, kept), *_generated(bib, target, kept), *kept]
    if items is not None:
        written = set(items.read(field for field in kept if field.tag == items.tag))
        fields += (field for holding in bib.holdings if holding not in written for field in items.write(holding))
    fields.sort(key=lambda field: field.tag)
    if target is MarcFormat.MARC21:
        fields = split_scripts(_with_title_entry(fields))
    return MarcRecord(leader_for(bib, target), tuple(fields))


class _Gathered:
    """What the fields of one record have said so far, and which of them have to be kept verbatim."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.kept: list[Field] = []
        self._owners: list[tuple[Field, Values]] = []

    def take_control(self, field: Field, source: MarcFormat) -> None:
        """Take a control field's text, where the Bib has a place for it; 008 is assembled anew."""
        name = _CONTROLS.get(field.tag)
        if name is not None and name not in self.values:
            self.values[name] = field.subfields[0]
        elif field.tag != "008" or source is not MarcFormat.MARC21:
            self.kept.append(field)

    def take(self, field: Field, reading: Reading, exact: bool) -> None:
        """Take what a field says, and keep it too where its values alone would not give it back."""
        rule, elements, _ = reading
        if not rule.attribute:
            exact = self._take_own(field, rule.attributes, elements[0], exact)
        elif rule.attribute in ELEMENTS:
            self.values.setdefault(rule.attribute, []).extend(elements)
        else:
            texts = (element["text"] for element in elements if "text" in element)
            self.values.setdefault(rule.attribute, []).extend(texts)
        if not exact:
            self.kept.append(field)

    def _take_own(self, field: Field, attributes: frozenset[str], element: Values, exact: bool) -> bool:
        """Take values of the Bib itself. Where a field said them before, both fields have to be kept."""
        values = self.values
        if not values.keys().isdisjoint(attributes) or not values.keys().isdisjoint(element):
            claimed = attributes.union(element)
            self.kept += (owner for owner, said in self._owners if not claimed.isdisjoint(said))
            self._owners = [(owner, said) for owner, said in self._owners if claimed.isdisjoint(said)]
            return False
        values.update(element)
        if exact and element:
            self._owners.append((field, element))
        return exact and bool(element)


def _gather(fields: Iterable[Field], source: MarcFormat, nonsorting: bool) -> _Gathered:
    table = TABLES[source]
    gathered = _Gathered()
    for field in fields:
        if not field.indicators:
            gathered.take_control(field, source)
            continue
        sorting = _without_marks(field) if nonsorting else field
        reading = table.read(sorting)
        if reading is None:
            gathered.kept.append(field)
        else:
            gathered.take(field, reading, reading.exact and sorting is field)
    _take_fixed(gathered.values, fields, source)
    if nonsorting:
        gathered.values["nonfiling"] = _nonfiling(fields, source)
    return gathered


def _take_fixed(values: dict[str, Any], fields: Iterable[Field], source: MarcFormat) -> None:
    """Take what MARC 21 codes by position, where no field says it in words."""
    if source is not MarcFormat.MARC21:
        return
    for field in fields:
        if field.tag == "008" and field.is_control:
            for name, value in read_008(field.subfields[0]).items():
                values.setdefault(name, value)
        elif field.tag == "040":
            values.setdefault("sources", []).extend(read_040(field))


def _with_unassembled(bib: Bib, fields: Iterable[Field]) -> Bib:
    """Keep those of a MARC 21 record's 008 and 040 that the Bib would not give back."""
    kept = list(bib.local_fields)
    for tag, written in (("008", write_008(bib)), ("040", write_040(bib))):
        found = [field for field in fields if field.tag == tag]
        kept = [local for local in kept if local.tag != tag]
        if found and found != [written]:
            kept += [LocalField(tag=tag, indicators=each.indicators, subfields=each.subfields) for each in found]
    return bib.model_copy(update={"local_fields": tuple(kept)})


def _year(values: Mapping[str, Any]) -> int | None:
    """Return the year of publication: from the imprint as printed, else from the coded date."""
    text = unicodedata.normalize("NFKC", values.get("date_text", ""))
    if found := _YEAR.search(text):
        return int(found[1])
    if found := _REPUBLIC_YEAR.search(text):
        return 1911 + int(found[1])
    found = _YEAR.match(Coded.parse(values.get("coded", "")).date1)
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


def _assembled(bib: Bib, target: MarcFormat, kept: Iterable[Field]) -> Iterator[Field]:
    """Yield the control fields, and MARC 21's fields of the whole record, but for those kept verbatim."""
    there = {field.tag for field in kept}
    yield Field("001", "", (bib.record_id,))
    if bib.modified:
        yield Field("005", "", (bib.modified,))
    if target is MarcFormat.MARC21:
        if "008" not in there:
            yield write_008(bib)
        if "040" not in there and (agencies := write_040(bib)):
            yield agencies


def _generated(bib: Bib, target: MarcFormat, kept: Iterable[Field]) -> Iterator[Field]:
    """Yield what the table writes, but for the values that kept fields already say."""
    table = TABLES[target]
    spoken_for: set[str] = set()
    said: Counter[tuple[str, object]] = Counter()
    for reading in filter(None, (table.read(_without_marks(field)) for field in kept if not field.is_control)):
        attribute = reading.rule.attribute
        if attribute:
            said.update((attribute, _model(attribute, element)) for element in reading.elements)
        elif reading.elements[0] and all(getattr(bib, name) == value for name, value in reading.elements[0].items()):
            spoken_for |= reading.elements[0].keys() | reading.rule.attributes
    yield from table.write_bib(bib, spoken_for)
    for attribute in table.attributes:
        for element in getattr(bib, attribute):
            if said[attribute, element]:
                said[attribute, element] -= 1
            elif (field := table.write(attribute, _values(element))) is not None:
                yield field


def _model(attribute: str, element: Mapping[str, Any]) -> object:
    if attribute not in ELEMENTS:
        return element.get("text")
    return ELEMENTS[attribute](**element)


def _values(element: object) -> Mapping[str, Any]:
    return element.__dict__ if isinstance(element, BaseModel) else {"text": element}


def _without_title_entry(fields: Iterable[Field]) -> list[Field]:
    """245's first indicator repeats whether there is a main entry: the table knows it as 0."""
    return [f._replace(indicators="0" + f.indicators[1:]) if f.tag == "245" and f.indicators else f for f in fields]


def _with_title_entry(fields: Iterable[Field]) -> Iterator[Field]:
    """Say in 245's first indicator whether the record has a main entry (1XX)."""
    fields = list(fields)
    entry = "1" if any(field.tag[:1] == "1" for field in fields) else "0"
    for field in fields:
        yield field._replace(indicators=entry + field.indicators[1:]) if field.tag == "245" else field
