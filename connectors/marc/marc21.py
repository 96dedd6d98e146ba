"""The MARC 21 table: which field and subfield is which attribute of `schemas.Bib`.

ISBD punctuation is written in front of a subfield and taken off in reading; pinyin stands in the paired field 880
(`scripts`), which the rows see as upper-case subfields; what MARC 21 codes by position is in `fixed`. Dates, country
and language of 008, the agencies of 040 and the entry indicator of 245 need the whole record and are `mapping`'s.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from connectors.marc.crosswalk import Crosswalk
from connectors.marc.rules import Rule, Values
from connectors.marc.shapes import (
    headings_into,
    headings_outof,
    isbn_outof,
    isbns_into,
    issn_into,
    issn_outof,
)
from schemas.bib import AgentKind, Entry, NoteKind, Relation, Scheme, SubjectKind, TitleKind

NOTES = {
    "546": NoteKind.LANGUAGE,
    "504": NoteKind.BIBLIOGRAPHY,
    "533": NoteKind.REPRODUCTION,
    "310": NoteKind.FREQUENCY,
    "502": NoteKind.THESIS,
    "521": NoteKind.AUDIENCE,
    "538": NoteKind.SYSTEM,
    "580": NoteKind.LINKING,
    "563": NoteKind.BINDING,
}
# Kinds that MARC 21 does not tell apart; the first is what its general note (500) means when read.
GENERAL_NOTES = (
    NoteKind.GENERAL,
    NoteKind.TITLE,
    NoteKind.EDITION,
    NoteKind.IMPRINT,
    NoteKind.PHYSICAL,
    NoteKind.SERIES,
    NoteKind.RELATED_TITLE,
    NoteKind.RESPONSIBILITY,
)
TITLES = {
    "13": TitleKind.OTHER,
    "11": TitleKind.PARALLEL,
    "14": TitleKind.COVER,
    "15": TitleKind.ADDED_TITLE_PAGE,
    "16": TitleKind.CAPTION,
    "17": TitleKind.RUNNING,
    "18": TitleKind.SPINE,
    "1 ": TitleKind.ADDITIONAL,
}
RELATIONS = {
    "765": Relation.ORIGINAL,
    "767": Relation.TRANSLATION,
    "773": Relation.SET,
    "774": Relation.PART,
    "775": Relation.OTHER_EDITION,
}
THESAURI = {"0": "lcsh", "1": "lcshac", "2": "mesh", "3": "nal", "5": "cash", "6": "rvm"}
CSBN_SOURCE = "csbn"
_QUALIFIED = re.compile(r"([\dXx\-\s]{8,20}?)\s*[(（]([^()（）]*)[)）](.*)")
_EDITION = re.compile(r"([a-z]+)(?:/(.+))?")


def _isbns_into(values: Values) -> Sequence[Values]:
    """Older records write the binding into $a: ``7503717440 (精装) :CNY68.00``."""
    found = _QUALIFIED.fullmatch(values.get("as_written", ""))
    if found is None:
        return isbns_into(values)
    price = found[3].strip(" :") or values.get("price_text", "")
    return isbns_into({**values, "as_written": found[1], "qualifier": found[2], "price_text": price})


def _isbn_outof(isbn: Values) -> Values:
    """MARC 21 writes an ISBN without hyphens."""
    return isbn_outof({**isbn, "as_written": isbn["as_written"].replace("-", "")})


def _csbn_into(values: Values) -> list[Values]:
    number = values.get("unified_book_number")
    return [{"unified_book_number": number}] if number and values.get("source_code") == CSBN_SOURCE else [{}]


def _csbn_outof(bib: Values) -> Values:
    number = bib.get("unified_book_number")
    return {"unified_book_number": number, "source_code": CSBN_SOURCE} if number else {}


def _statement_into(values: Values) -> list[Values]:
    """Tell the first statement of responsibility from the others, which ISBD divides by `` ; ``."""
    first, *others = values.get("statement", "").rstrip(".").split(" ; ")
    rest = {name: value for name, value in values.items() if name != "statement"}
    return [{**rest, **({"responsibility": first} if first else {}), "other_responsibilities": tuple(others)}]


def _statement_outof(bib: Values) -> Values:
    parts = (bib.get("responsibility", ""), *bib.get("other_responsibilities", ()))
    return {**bib, "statement": " ; ".join(part for part in parts if part)}


def _class_into(values: Values) -> list[Values]:
    """084 $2 names the scheme, and its edition behind a slash."""
    found = _EDITION.fullmatch(values.get("code", ""))
    known = found is not None and found[1] in {Scheme.CLC, Scheme.CAS}
    rest = {name: value for name, value in values.items() if name != "code"}
    if found is None or not known:
        return [{**rest, "scheme": Scheme.OTHER, "edition": values.get("code", "")}]
    return [{**rest, "scheme": Scheme(found[1]), "edition": found[2] or ""}]


def _class_outof(entry: Values) -> Values:
    scheme, edition = entry.get("scheme", Scheme.CLC), entry.get("edition", "")
    code = edition if scheme is Scheme.OTHER else scheme.value + (edition and f"/{edition}")
    return {**entry, "code": code}


def _agents() -> Iterable[Rule]:
    """X00 persons, X10 bodies, X11 meetings; 1XX is the main entry, 7XX any other."""
    person = "a:name A:pinyin c:qualifier d:dates e:role 0:authority"
    body = person.replace("c:", "b:units+ c:", 1)
    meeting = "a:name A:pinyin d:dates c:qualifier j:role 0:authority"
    marks = {"c": ",", "d": ",", "e": ","}
    for hundred, entry in (("1", Entry.MAIN), ("7", Entry.SECONDARY), ("7", Entry.EQUAL)):
        given = {"entry": entry}
        names: dict[str, Values] = {
            "1 ": {"inverted": True, "kind": AgentKind.PERSON},
            "0 ": {"kind": AgentKind.PERSON},
            "3 ": {"kind": AgentKind.FAMILY},
        }
        yield Rule(f"{hundred}00", "contributors", person, names, given, marks)
        yield Rule(f"{hundred}10", "contributors", body, {"2 ": {}, "1 ": {}},
                   {**given, "kind": AgentKind.CORPORATE}, {**marks, "b": "."})
        yield Rule(f"{hundred}11", "contributors", meeting, {"2 ": {}}, {**given, "kind": AgentKind.MEETING})


def _subjects() -> Iterable[Rule]:
    divided = " x:topics+ z:places+ y:periods+ v:forms+ 2:scheme 0:authority"
    heading = "a:heading A:pinyin" + divided
    person = "a:heading A:pinyin c:qualifier d:dates" + divided
    names: dict[str, Values] = {
        "1": {"inverted": True, "kind": SubjectKind.PERSON},
        "0": {"kind": SubjectKind.PERSON},
        "3": {"kind": SubjectKind.FAMILY},
    }
    yield Rule("600", "subjects", person, _thesauri(names), marks={"c": ",", "d": ","})
    for tag, first, kind in (("610", "2", SubjectKind.CORPORATE), ("611", "2", SubjectKind.MEETING),
                             ("630", "0", SubjectKind.TITLE), ("650", " ", SubjectKind.TOPIC),
                             ("651", " ", SubjectKind.PLACE)):
        yield Rule(tag, "subjects", heading, _thesauri({first: {"kind": kind}}))
    yield Rule("653", "subjects", "a:headings+", given={"kind": SubjectKind.UNCONTROLLED},
               into=headings_into, outof=headings_outof)


def _thesauri(first: Mapping[str, Values]) -> dict[str, Values]:
    """Cross first indicators with the second, which names the thesaurus: 4 none, 7 the one in $2."""
    schemes: dict[str, Values] = {digit: {"scheme": code} for digit, code in THESAURI.items()}
    schemes |= {"4": {"scheme": ""}, "7": {}}
    return {one + two: {**said, **scheme} for one, said in first.items() for two, scheme in schemes.items()}


_IMPRINT = ("a:place b:publisher c:date_text", {"b": " :", "c": ","})
_VARIANT = "a:title A:pinyin b:subtitle n:volume p:volume_title"
_VARIANT_MARKS = {"b": " :", "n": ".", "p": ","}
_TITLE = (
    "a:title A:title_pinyin n:volume p:volume_title h:material b:subtitle B:subtitle_pinyin "
    "c:statement C:responsibility_pinyin"
)
MARC21 = Crosswalk([
    Rule("020", "isbns", "a:as_written z:wrong q:qualifier c:price_text", into=_isbns_into, outof=_isbn_outof),
    Rule("022", "issns", "a:number q:qualifier c:price_text z:cancelled y:incorrect", into=issn_into, outof=issn_outof),
    Rule("024", "", "a:unified_book_number 2:source_code", {"7 ": {}}, into=_csbn_into, outof=_csbn_outof),
    Rule("035", "system_numbers", "a:text"),
    Rule("041", "", "a:languages+ h:original_languages+", {"1 ": {"is_translation": True}, "0 ": {}}),
    Rule("044", "", "c:country b:region"),
    Rule("050", "classes", "a:number b:item_number", {" 4": {}, "00": {}}, {"scheme": Scheme.LCC}),
    Rule("080", "classes", "a:number b:item_number 2:edition", given={"scheme": Scheme.UDC}),
    Rule("082", "classes", "a:number b:item_number 2:edition", {"04": {}}, {"scheme": Scheme.DEWEY}),
    Rule("084", "classes", "a:number b:item_number 2:code", into=_class_into, outof=_class_outof),
    *_agents(),
    Rule("130", "other_titles", "a:title A:pinyin", {"0 ": {}}, {"kind": TitleKind.UNIFORM, "is_main": True}),
    Rule("240", "other_titles", "a:title A:pinyin", {"10": {}}, {"kind": TitleKind.UNIFORM}, read_only=True),
    Rule("242", "other_titles", _VARIANT + " y:language", {"10": {}}, {"kind": TitleKind.TRANSLATED}, _VARIANT_MARKS),
    Rule("245", "", _TITLE, {f"0{count}": {"nonfiling": count} for count in range(10)},
         marks={"n": ".", "p": ",", "b": " :", "c": " /"}, into=_statement_into, outof=_statement_outof,
         makes=frozenset({"responsibility", "other_responsibilities"}), repeats_entry=True),
    Rule("246", "parallel_titles", "a:text", {"31": {}}),
    Rule("246", "other_titles", _VARIANT, {ind: {"kind": kind} for ind, kind in TITLES.items()}, marks=_VARIANT_MARKS),
    Rule("222", "other_titles", "a:title A:pinyin", {" 0": {}}, {"kind": TitleKind.KEY}),
    Rule("250", "", "a:edition b:edition_responsibility", marks={"b": " /"}),
    Rule("264", "", _IMPRINT[0], {" 1": {}}, marks=_IMPRINT[1]),
    Rule("260", "", _IMPRINT[0], marks=_IMPRINT[1], read_only=True),
    Rule("300", "", "a:extent b:illustrations c:dimensions e:accompanying", marks={"b": " :", "c": " ;", "e": " +"}),
    Rule("490", "series", "a:title A:pinyin x:issn v:volume", {"0 ": {}, "1 ": {}}, marks={"x": ",", "v": " ;"}),
    *(Rule("500", "notes", "a:texts+", given={"kind": kind}) for kind in GENERAL_NOTES),
    *(Rule(tag, "notes", "a:texts+", given={"kind": kind}) for tag, kind in NOTES.items()),
    Rule("505", "notes", "a:texts+", {"0 ": {}}, {"kind": NoteKind.CONTENTS}),
    Rule("520", "", "a:summary"),
    *_subjects(),
    Rule("730", "other_titles", "a:title A:pinyin", {"0 ": {}}, {"kind": TitleKind.UNIFORM}),
    Rule("740", "further_titles", "a:text", {"0 ": {}}),
    *(Rule(tag, "related_titles", "t:title g:volume", {"0 ": {}}, {"relation": relation})
      for tag, relation in RELATIONS.items()),
    Rule("830", "related_titles", "a:title A:pinyin v:volume", {" 0": {}}, {"relation": Relation.SERIES},
         {"v": " ;"}),
    Rule("856", "links", "u:url y:label z:note", {"40": {}, "4 ": {}}),
])
