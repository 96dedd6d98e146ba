"""`schemas.Bib` to a whole record, and with `bib_reader` back, by the tables of both formats.

Written in its own format a kept field takes the place of what its values would be written as, so that CNMARC to Bib to
CNMARC loses nothing. In the other format a kept field travels in 886, the field both formats have for foreign data,
and so does a copy of every field whose facts that format's own words would not give back: dates and countries of 801,
the language of a parallel title, the number of a series, which of two tags one tag stands for. What came in 886 is
unpacked on the way home and takes the place of what the other format had made of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from connectors.marc.bib_reader import TABLES, bib_from_record, format_of
from connectors.marc.fixed import leader_for, write_008, write_040
from connectors.marc.foreign import as_format, packed
from connectors.marc.gathering import gather
from connectors.marc.items import ItemMapping
from connectors.marc.record import Field, MarcRecord
from connectors.marc.rules import ELEMENTS, Rule, Values
from connectors.marc.scripts import split_scripts
from schemas.bib import Bib, MarcFormat

__all__ = ["TABLES", "bib_from_record", "format_of", "record_from_bib"]

# One field 040 holds all agencies: what it says of one depends on the others.
_TOGETHER = "sources"
_DEFAULTS: Mapping[type[Any], dict[str, Any]] = {
    element: {item.name: item.default for item in fields(element) if item.default is not MISSING}
    for element in ELEMENTS.values()
}
_UNSAID = ("local_fields", "holdings")


def record_from_bib(bib: Bib, target: MarcFormat, items: ItemMapping | None = None) -> MarcRecord:
    """Return the record of ``target`` format for a Bib; ``items`` says how its holdings are written, if at all."""
    local = [Field(each.tag, each.indicators, each.subfields) for each in bib.local_fields]
    kept = as_format(local, bib.source, target)
    rest = _unsaid(bib, target, kept)
    fields = [*_assembled(bib, target, kept), *_generated(rest, target)]
    if bib.source is not target:
        fields += _copies(_unsaid(rest, bib.source, local), target, fields)
    fields += kept
    if items is not None:
        written = set(items.read(field for field in kept if field.tag == items.tag))
        fields += (field for holding in bib.holdings if holding not in written for field in items.write(holding))
    fields.sort(key=lambda field: field.tag)
    if target is MarcFormat.MARC21:
        fields = split_scripts(_with_title_entry(fields))
    return MarcRecord(leader_for(bib, target), tuple(fields))


def _assembled(bib: Bib, target: MarcFormat, kept: Iterable[Field]) -> Iterator[Field]:
    """Yield the control fields, and MARC 21's fields of the whole record, but for those kept verbatim."""
    there = {field.tag for field in kept}
    yield Field("001", "", (bib.record_id,))
    if bib.modified:
        yield Field("005", "", (bib.modified,))
    if target is MarcFormat.MARC21:
        if "008" not in there:
            local = (Field(each.tag, each.indicators, each.subfields) for each in bib.local_fields)
            yield write_008(bib.__dict__, as_format(local, bib.source, MarcFormat.CNMARC))
        if "040" not in there and (agencies := write_040(bib.__dict__)):
            yield agencies


def _generated(bib: Bib, target: MarcFormat) -> Iterator[Field]:
    """Yield what the table writes."""
    table = TABLES[target]
    values = bib.__dict__
    for rule in table.own:
        if field := rule.write(values):
            yield field
    for attribute in table.attributes:
        for element in values[attribute]:
            if field := table.write(attribute, _values(element)):
                yield field


def _unsaid(bib: Bib, target: MarcFormat, kept: Iterable[Field]) -> Bib:
    """Return the Bib without what kept fields of ``target`` say already."""
    table = TABLES[target]
    telling = [field for field in kept if field.tag in table.tags and not field.is_control]
    if not telling:
        return bib
    said = gather(telling, table, nonsorting=True).values
    rules = [rule for rule in table.own if rule.carried & said.keys()]
    same = said if bib.source is target else _as_source_says(bib, said, rules)
    update: dict[str, Any] = {}
    for rule in rules:
        if all(getattr(bib, name) == _frozen(same.get(name)) for name in rule.carried & said.keys()):
            update |= _blank(rule)
    for attribute in (*TABLES[bib.source].attributes, _TOGETHER):
        if attribute not in update and same.get(attribute):
            left = Counter(getattr(bib, attribute)) - Counter(same[attribute])
            update[attribute] = tuple(_taken(getattr(bib, attribute), left))
    return bib.model_copy(update=update)


def _as_source_says(bib: Bib, said: Values, rules: Iterable[Rule]) -> Mapping[str, Any]:
    """Return what the Bib's own format made of what ``said`` holds, which came in 886 from the other format."""
    precise: dict[str, Any] = dict.fromkeys((*TABLES[bib.source].attributes, _TOGETHER, *_UNSAID), ())
    for rule in rules:
        precise |= _blank(rule)
    precise |= {name: _frozen(value) for name, value in said.items()}
    record = record_from_bib(bib.model_copy(update=precise), bib.source)
    return bib_from_record(record, source=bib.source).__dict__


def _blank(rule: Rule) -> Mapping[str, Any]:
    return {name: Bib.model_fields[name].default for name in rule.carried}


def _copies(bib: Bib, target: MarcFormat, written: Iterable[Field]) -> Iterator[Field]:
    """Yield packed in 886 the source format's fields for what the fields ``written`` do not say as the Bib does."""
    table = TABLES[bib.source]
    written = split_scripts(written) if target is MarcFormat.MARC21 else written
    back = bib_from_record(MarcRecord("", tuple(written)), source=target)
    for rule in table.own:
        if any(_lost(getattr(bib, name), getattr(back, name)) for name in rule.carried) and (
            field := rule.write(bib.__dict__)
        ):
            yield packed(field, bib.source)
    for attribute in table.attributes:
        elements = getattr(bib, attribute)
        lost = Counter(elements) - Counter(getattr(back, attribute))
        for element in elements if attribute == _TOGETHER and lost else _taken(elements, lost):
            if field := table.write(attribute, _values(element)):
                yield packed(field, bib.source)


def _lost(value: Any, back: Any) -> bool:
    if isinstance(value, tuple):
        return bool(Counter(value) - Counter(back))
    return bool(value) and value != back


def _taken(elements: Iterable[Any], counts: Counter[Any]) -> Iterator[Any]:
    """Yield as many of each element as it counts."""
    left = counts.copy()
    for element in elements:
        if left[element] > 0:
            left[element] -= 1
            yield element


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _values(element: object) -> Values:
    return {"text": element} if isinstance(element, str) else _DEFAULTS[type(element)] | element.__dict__


def _with_title_entry(fields: Iterable[Field]) -> Iterator[Field]:
    """Say in 245's first indicator whether the record has a main entry (1XX)."""
    fields = list(fields)
    entry = "1" if any(field.tag[:1] == "1" for field in fields) else "0"
    for field in fields:
        is_title = field.tag == "245" and not field.is_control
        yield field._replace(indicators=entry + field.indicators[1:]) if is_title else field
