"""The CNMARC (UNIMARC) table: which field and subfield is which attribute of `schemas.Bib`.

CNMARC's own habits stand here: pinyin under $A or $9 (and $E, $F for subtitle and responsibility), prices in 010 $d,
contributors in 701/702 without a main entry, Chinese role words in $4, the embedded fields of 4XX ($1). UNIMARC's y is
a place and its z a period, the reverse of MARC 21; so are its cancelled and wrong ISSN.
"""

import re
from enum import StrEnum

from connectors.marc.crosswalk import Crosswalk
from connectors.marc.rules import Rule, Values
from connectors.marc.shapes import (
    INVERTED,
    ISSN_STATUS,
    headings_into,
    headings_outof,
    isbn_outof,
    isbns_into,
    issn_into,
    issn_outof,
    person_into,
    person_outof,
    subject_into,
    subject_outof,
)
from schemas.bib import (
    AgentKind,
    Entry,
    NoteKind,
    Relation,
    Scheme,
    SubjectKind,
    TitleKind,
)

NOTES = {
    "300": NoteKind.GENERAL,
    "302": NoteKind.LANGUAGE,
    "304": NoteKind.TITLE,
    "305": NoteKind.EDITION,
    "306": NoteKind.IMPRINT,
    "307": NoteKind.PHYSICAL,
    "308": NoteKind.SERIES,
    "310": NoteKind.BINDING,
    "311": NoteKind.LINKING,
    "312": NoteKind.RELATED_TITLE,
    "314": NoteKind.RESPONSIBILITY,
    "320": NoteKind.BIBLIOGRAPHY,
    "325": NoteKind.REPRODUCTION,
    "326": NoteKind.FREQUENCY,
    "328": NoteKind.THESIS,
    "333": NoteKind.AUDIENCE,
    "337": NoteKind.SYSTEM,
}
TITLES = {
    "510": TitleKind.PARALLEL,
    "512": TitleKind.COVER,
    "513": TitleKind.ADDED_TITLE_PAGE,
    "514": TitleKind.CAPTION,
    "515": TitleKind.RUNNING,
    "516": TitleKind.SPINE,
    "517": TitleKind.OTHER,
    "530": TitleKind.KEY,
    "540": TitleKind.ADDITIONAL,
    "541": TitleKind.TRANSLATED,
}
RELATIONS = {
    "410": Relation.SERIES,
    "461": Relation.SET,
    "463": Relation.PART,
    "451": Relation.OTHER_EDITION,
    "453": Relation.TRANSLATION,
    "454": Relation.ORIGINAL,
}
NEAR_RELATIONS = {"452": Relation.OTHER_EDITION, "462": Relation.SET, "464": Relation.PART}
"""Relations that the Bib does not tell from those above: read as they are, and kept."""
SCHEMES = {"675": Scheme.UDC, "676": Scheme.DEWEY, "680": Scheme.LCC, "690": Scheme.CLC, "692": Scheme.CAS}
ENTRIES = {"0": Entry.MAIN, "1": Entry.EQUAL, "2": Entry.SECONDARY}
_CSBN = re.compile(r"\s*(\d{3,6})\s*[·.•・‧\-－．]\s*(\d{1,6})\s*")
# The embedded fields of 4XX: (tag, code) to the code of UNIMARC's other technique, $t and $v.
_EMBEDDED = {("200", "a"): "t", ("200", "v"): "v", ("200", "A"): "A", ("225", "a"): "t", ("225", "v"): "v"}


def _csbn_into(values: Values) -> list[Values]:
    found = _CSBN.fullmatch(values.get("unified_book_number", ""))
    return [{"unified_book_number": f"{found[1]}·{found[2]}"} if found else values]


def flatten(subfields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the subfields of a linking field with its embedded fields' title and volume as $t and $v."""
    tag, flat = "", []
    for subfield in subfields:
        if subfield[:1] == "1":
            tag = subfield[1:4]
        else:
            flat.append(_EMBEDDED.get((tag, subfield[:1]), subfield[:1] if not tag else "\x00") + subfield[1:])
    return tuple(flat)


def pack(subfields: tuple[str, ...]) -> tuple[str, ...]:
    """Return title, volume and pinyin of a linking field as the field 200 embedded in it."""
    return ("12001 ", *("a" + subfield[1:] if subfield[0] == "t" else subfield for subfield in subfields))


def _agents() -> list[Rule]:
    """70X persons, 71X bodies and meetings, 72X families; the last digit is the weight of the entry."""
    family = "a:name A:pinyin 9:pinyin c:qualifier f:dates 4:role 3:authority"
    person = family.replace("c:", "b:forename c:", 1)
    body = family.replace("c:", "b:units+ c:", 1)
    rules = []
    for digit, entry in ENTRIES.items():
        given = {"entry": entry}
        rules += [
            Rule(f"70{digit}", "contributors", person, {" 1": {"inverted": True}, " 0": {}},
                 {**given, "kind": AgentKind.PERSON}, into=person_into, outof=person_outof, converted=INVERTED),
            Rule(f"71{digit}", "contributors", body, _bodies(AgentKind.MEETING, AgentKind.CORPORATE), given),
            Rule(f"72{digit}", "contributors", family, given={**given, "kind": AgentKind.FAMILY}),
        ]
    return rules


def _bodies(meeting: StrEnum, corporate: StrEnum) -> dict[str, Values]:
    """Indicators of a body: the first says meeting or not, the second the form of its name."""
    return {"12": {"kind": meeting}, **{form: {"kind": corporate} for form in ("02", "01", "00", "  ")}}


def _subjects() -> list[Rule]:
    divided = " x:topics+ y:places+ z:periods+ j:forms+ 2:scheme 3:authority"
    heading = "a:heading A:pinyin 9:pinyin" + divided
    person = "a:heading A:pinyin 9:pinyin b:forename c:qualifier f:dates" + divided
    return [
        Rule("600", "subjects", person, {" 1": {"inverted": True}, " 0": {}}, {"kind": SubjectKind.PERSON},
             into=subject_into, outof=subject_outof, converted=INVERTED),
        Rule("601", "subjects", heading, _bodies(SubjectKind.MEETING, SubjectKind.CORPORATE)),
        Rule("602", "subjects", heading, given={"kind": SubjectKind.FAMILY}),
        Rule("605", "subjects", heading, given={"kind": SubjectKind.TITLE}),
        Rule("606", "subjects", heading, {"0 ": {}, "  ": {}}, {"kind": SubjectKind.TOPIC}),
        Rule("607", "subjects", heading, given={"kind": SubjectKind.PLACE}),
        Rule("610", "subjects", "a:headings+", {"0 ": {}}, {"kind": SubjectKind.UNCONTROLLED},
             into=headings_into, outof=headings_outof),
    ]


_TITLE = "a:title A:pinyin 9:pinyin e:subtitle h:volume i:volume_title z:language"
_STATEMENT = (
    "a:title A:title_pinyin 9:title_pinyin a:further_titles+ b:material e:subtitle E:subtitle_pinyin "
    "d:parallel_titles+ h:volume i:volume_title f:responsibility F:responsibility_pinyin g:other_responsibilities+ "
    "c:further_titles+ v:volume"
)
_IMPRINT = "a:place c:publisher d:date_text"
_SERIES = (
    "a:title A:pinyin 9:pinyin d:parallel e:subtitle f:responsibility h:number i:part v:volume x:issn"
)
UNIMARC = Crosswalk([
    Rule("010", "isbns", "a:as_written z:wrong b:qualifier d:price_text", into=isbns_into, outof=isbn_outof),
    Rule("011", "issns", "a:number b:qualifier d:price_text y:cancelled z:incorrect", into=issn_into, outof=issn_outof,
         converted=ISSN_STATUS),
    Rule("035", "system_numbers", "a:text"),
    Rule("091", "", "a:unified_book_number", into=_csbn_into),
    Rule("100", "", "a:coded"),
    Rule("101", "", "a:languages+ c:original_languages+", {"1 ": {"is_translation": True}, "0 ": {}}),
    Rule("102", "", "a:country b:region"),
    Rule("200", "", _STATEMENT, {"1 ": {}}),
    Rule("205", "", "a:edition f:edition_responsibility"),
    Rule("210", "", _IMPRINT),
    Rule("214", "", _IMPRINT, {" 0": {}}, read_only=True),
    Rule("219", "", _IMPRINT, {" 0": {}}, read_only=True),
    Rule("215", "", "a:extent c:illustrations d:dimensions e:accompanying"),
    Rule("225", "series", _SERIES, {"2 ": {}}),
    *(Rule(tag, "notes", "a:texts+", given={"kind": kind}) for tag, kind in NOTES.items()),
    Rule("327", "notes", "a:texts+", {"1 ": {}}, {"kind": NoteKind.CONTENTS}),
    Rule("330", "", "a:summary"),
    *(Rule(tag, "related_titles", "t:title A:pinyin v:volume", {" 0": {}}, {"relation": relation},
           unpack=flatten, pack=pack) for tag, relation in RELATIONS.items()),
    *(Rule(tag, "related_titles", "t:title A:pinyin v:volume", {" 0": {}}, {"relation": relation},
           unpack=flatten, pack=pack, read_only=True) for tag, relation in NEAR_RELATIONS.items()),
    Rule("500", "other_titles", _TITLE, {"11": {"is_main": True}, "10": {}}, {"kind": TitleKind.UNIFORM}),
    *(Rule(tag, "other_titles", _TITLE, {"1 ": {}}, {"kind": kind}) for tag, kind in TITLES.items()),
    *_subjects(),
    *(Rule(tag, "classes", "a:number b:item_number v:edition", given={"scheme": scheme})
      for tag, scheme in SCHEMES.items()),
    Rule("686", "classes", "a:number b:item_number 2:edition", given={"scheme": Scheme.OTHER}),
    *_agents(),
    Rule("801", "sources", "a:country b:agency c:date g:rules", {f" {role}": {"role": role} for role in "0123"}),
    Rule("856", "links", "u:url y:label z:note", {"4 ": {}, "40": {}}),
])
