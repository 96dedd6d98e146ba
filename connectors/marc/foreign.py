"""Fields kept verbatim, in their own format and in the other's: 886, which both formats have for foreign data.

886 names the source format in $2, the tag in $a, and then repeats the field: indicators in $b and its subfields behind
(MARC 21 and UNIMARC alike, 886). A field that went there comes back out of it unchanged.
"""

from collections.abc import Iterator

from connectors.marc.record import Field
from schemas.bib import Bib, MarcFormat

_FOREIGN_CODES = {MarcFormat.CNMARC: "unimarc", MarcFormat.MARC21: "usmarc"}


def kept_fields(bib: Bib, target: MarcFormat) -> Iterator[Field]:
    """Yield the kept fields as ``target`` has them: its own as they are, foreign ones packed in 886."""
    for local in bib.local_fields:
        field = Field(local.tag, local.indicators, local.subfields)
        if bib.source is target:
            yield field
        elif field.tag == "886" and field.subfields[:1] == ("2" + _FOREIGN_CODES[target],) and len(field.subfields) > 2:
            yield _unpacked(field)
        else:
            yield _packed(field, _FOREIGN_CODES[bib.source])


def _packed(field: Field, code: str) -> Field:
    if field.is_control:
        return Field("886", "1 ", ("2" + code, "a" + field.tag, "b" + field.subfields[0]))
    return Field("886", "2 ", ("2" + code, "a" + field.tag, "b" + field.indicators, *field.subfields))


def _unpacked(field: Field) -> Field:
    _, tag, content, *subfields = field.subfields
    if field.indicators[:1] == "1":
        return Field(tag[1:], "", (content[1:],))
    return Field(tag[1:], content[1:], tuple(subfields))
