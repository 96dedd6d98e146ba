"""What the fields of one record say, gathered by its format's table: the road of every harvested record.

Nearly every field is plain: each subfield one text of one attribute. Those are read in one loop, without a function or
an object in between; every other field goes the long way round by `Crosswalk.read_with_care`. Deliberately absent: what
needs the whole record (`bib_reader`).
"""

import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from connectors.marc.crosswalk import Crosswalk
from connectors.marc.record import Field
from connectors.marc.rules import Rule, Values
from schemas.bib import element_of

_CODE, _TEXT = itemgetter(0), itemgetter(slice(1, None))
_NON_SORTING_MARKS = re.compile("[\x88\x89\x98\x9c]")


class Gathered:
    """What the fields of one record have said so far, and which of them have to be kept verbatim."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.kept: list[Field] = []
        self._owners: list[tuple[Field, Rule]] = []

    def take_own(self, field: Field, rule: Rule, values: Values, *, exact: bool) -> None:
        """Take values of the Bib itself. Where a field said them before, both fields have to be kept."""
        if self.values.keys().isdisjoint(rule.carried):
            self.values.update(values)
            if exact and values:
                self._owners.append((field, rule))
                return
        else:
            self.kept += (owner for owner, own in self._owners if not rule.carried.isdisjoint(own.carried))
            self._owners = [(owner, own) for owner, own in self._owners if rule.carried.isdisjoint(own.carried)]
        self.kept.append(field)

    def take_with_care(self, field: Field, plain: Field, table: Crosswalk) -> None:
        """Take a field that is not plain; ``plain`` is the field without non-sorting marks."""
        reading = table.read_with_care(plain)
        if reading is None:
            self.kept.append(field)
            return
        rule, elements, exact = reading
        exact = exact and plain is field
        if not rule.attribute:
            self.take_own(field, rule, elements[0], exact=exact)
            return
        self.values.setdefault(rule.attribute, []).extend(elements)
        if not exact:
            self.kept.append(field)


def gather(fields: Iterable[Field], table: Crosswalk, *, nonsorting: bool) -> Gathered:
    """Return what ``fields`` say; ``nonsorting`` where some hold the marks of ISO 6630. Control fields are kept."""
    gathered = Gathered()
    values, keep = gathered.values, gathered.kept.append
    tags, plan_of = table.tags, table.plan_of
    for field in fields:
        tag, indicators, subfields = field
        if tag not in tags or not indicators:
            keep(field)
            continue
        if nonsorting or "" in subfields:
            gathered.take_with_care(field, _without_marks(field), table)
            continue
        rule, element, given, exact, names, several, punctuated, _ = plan_of(
            tag, indicators, "".join(map(_CODE, subfields))
        )
        said = dict(zip(names, map(_TEXT, subfields)))  # noqa: B905  # a plan without names is for no plain field
        if not said or "" in said.values():
            gathered.take_with_care(field, field, table)
            continue
        for name, characters in punctuated:
            said[name] = said[name].rstrip(characters)
        for name in several:
            said[name] = (said[name],)
        said.update(given)
        if not rule.attribute:
            gathered.take_own(field, rule, said, exact=exact)
            continue
        one = said["text"] if element is None else element_of(element, said)
        if rule.attribute in values:
            values[rule.attribute].append(one)
        else:
            values[rule.attribute] = [one]
        if not exact:
            keep(field)
    return gathered


def _without_marks(field: Field) -> Field:
    """Return the field without non-sorting marks; the same object where it has none."""
    if not any(map(_NON_SORTING_MARKS.search, field.subfields)):
        return field
    return field._replace(subfields=tuple(_NON_SORTING_MARKS.sub("", subfield) for subfield in field.subfields))
