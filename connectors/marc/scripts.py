"""MARC 21's field 880, the same field in another script, as upper-case subfields beside the original and back.

A title in Chinese whose pinyin stands in a linked 880 becomes ``$a北京 $ABei jing``, the way CALIS writes CNMARC, so
that one row of the table reads both. Where the catalogue put the romanised form first and the Chinese into 880, they
change places: the Bib's title is the one on the book.
"""

import re
from collections.abc import Iterable, Sequence
from operator import itemgetter

from connectors.marc.record import Field

_TAG = itemgetter(0)
_LINK = re.compile(r"6(...)-(\d\d)")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def merge_scripts(fields: Sequence[Field]) -> Sequence[Field]:
    """Return the fields with each linked 880 merged into its partner; an 880 without one stays as it is."""
    if "880" not in map(_TAG, fields):
        return fields
    others = {link: field for field in fields if field[0] == "880" and (link := _link(field))}
    if not others:
        return fields
    linked = {tag for tag, _ in others}
    merged, used = [], set()
    for field in fields:
        link = _link(field) if field[0] in linked else None
        key = (field[0], link[1]) if link and link[0] == "880" else ("", "")
        if key in others and key not in used:
            used.add(key)
            field = _merge(field, others[key])
        merged.append(field)
    return [field for field in merged if field[0] != "880" or _link(field) not in used]


def split_scripts(fields: Iterable[Field]) -> list[Field]:
    """Return the fields with upper-case subfields moved into linked 880 fields, which come last."""
    plain: list[Field] = []
    linked: list[Field] = []
    for field in fields:
        romanised = [subfield for subfield in field[2] if subfield[:1].isupper()]
        if not romanised or field.is_control or field.tag == "886":
            plain.append(field)
            continue
        number = f"{len(linked) + 1:02d}"
        original = (subfield for subfield in field.subfields if not subfield[:1].isupper())
        plain.append(Field(field.tag, field.indicators, (f"6880-{number}", *original)))
        lowered = (subfield[0].lower() + subfield[1:] for subfield in romanised)
        linked.append(Field("880", field.indicators, (f"6{field.tag}-{number}", *lowered)))
    return plain + linked


def _link(field: Field) -> tuple[str, str] | None:
    for subfield in field.subfields:
        if subfield[:1] == "6" and (found := _LINK.match(subfield)) and found[2] != "00":
            return found[1], found[2]
    return None


def _merge(field: Field, other: Field) -> Field:
    texts = [tuple(subfield for subfield in each.subfields if subfield[:1] != "6") for each in (field, other)]
    if _CJK.search("".join(texts[1])) and not _CJK.search("".join(texts[0])):
        texts.reverse()
    original, romanised = texts
    raised = (subfield[:1].upper() + subfield[1:] for subfield in romanised if subfield[:1].isalpha())
    return Field(field.tag, field.indicators, (*original, *raised))
