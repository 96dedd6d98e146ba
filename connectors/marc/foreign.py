"""Fields kept verbatim, in their own format and in the other's: 886, which both formats have for foreign data.

886 names the source format in $2, the tag in $a, and then repeats the field: indicators in $b and its subfields behind
(MARC 21 and UNIMARC alike, 886). A field that went there comes back out of it unchanged.
"""

from collections.abc import Iterable

from connectors.marc.record import Field
from schemas.bib import MarcFormat

FOREIGN = "886"
_CODES = {MarcFormat.CNMARC: "2unimarc", MarcFormat.MARC21: "2usmarc"}
_CONTROL, _DATA = "1 ", "2 "


def as_format(fields: Iterable[Field], source: MarcFormat, target: MarcFormat) -> list[Field]:
    """Return fields of ``source`` as ``target`` has them: its own as they are, foreign ones packed in 886."""
    if source is target:
        return list(fields)
    return [unpacked(field, target) or packed(field, source) for field in fields]


def packed(field: Field, source: MarcFormat) -> Field:
    """Return a field of ``source`` as foreign data."""
    head = (_CODES[source], "a" + field.tag)
    if field.is_control:
        return Field(FOREIGN, _CONTROL, (*head, "b" + field.text, *field.subfields[1:]))
    return Field(FOREIGN, _DATA, (*head, "b" + field.indicators, *field.subfields))


def unpacked(field: Field, target: MarcFormat) -> Field | None:
    """Return the field of ``target`` that stands in an 886; None where there is none, or not in the form we write."""
    if field.tag != FOREIGN or len(field.subfields) < 3:
        return None
    code, tag, content, *subfields = field.subfields
    if code != _CODES[target] or tag[:1] != "a" or content[:1] != "b":
        return None
    if field.indicators == _CONTROL:
        return Field(tag[1:], "", (content[1:], *subfields))
    if field.indicators == _DATA and content[1:]:
        return Field(tag[1:], content[1:], tuple(subfields))
    return None
