"""What MARC 21 codes by position or for the record as a whole: 008, 040 and the leader, from and to `schemas.Bib`.

The Bib keeps UNIMARC's codes, since CNMARC is what most members catalogue in. UNIMARC's 105 and 106 are local fields
there; they fill the positions of 008 for printed books (18-34). A MARC 21 record that uses positions which nothing
else gives keeps its 008 verbatim. Source of the equivalences: LC, UNIMARC to MARC 21 Conversion Specifications
(2001); UNIMARC's fields 100, 105 and 106; MARC 21's field 008 for books.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from connectors.marc.record import Field
from schemas.bib import Bib, CataloguingSource, MarcFormat, element_of

Values = Mapping[str, Any]

_DATE_TYPES = dict(zip("abcdefghij", "cdusrqmtpe", strict=True))
_AUDIENCES = {"b": "a", "c": "b", "a": "j", "d": "c", "e": "d", "k": "e", "m": "g", "u": " "}
_GOVERNMENT = dict(zip("abcdefghyuz", "fsllcizo uo", strict=True))
_TYPES = {"b": "t", "h": "a", "m": "o", "n": "r", "l": "m"}
_LEADERS = {MarcFormat.CNMARC: "00000nam0 2200000   450 ", MarcFormat.MARC21: "00000nam a2200000   4500"}
_LEADER_CODES = {MarcFormat.CNMARC: ("cdnop", "abcdefgijklmr", "acims"),
                 MarcFormat.MARC21: ("acdnp", "acdefgijkmoprt", "abcdims")}
_LEVELS = {"17": {"1": "5", "2": "7", "3": "8", " ": " "}, "18": {" ": "i", "n": " ", "i": "i"}}
# ISO 3166 to the MARC country list; a country outside this table is written xx (unknown), and 044 $c still names it.
_COUNTRIES = {
    "CN": "cc ", "TW": "ch ", "HK": "hk ", "MO": "mh ", "JP": "ja ", "KR": "ko ", "KP": "kn ", "SG": "si ", "MY": "my ",
    "TH": "th ", "VN": "vm ", "IN": "ii ", "ID": "io ", "PH": "ph ", "MN": "mp ", "RU": "ru ", "GB": "xxk", "US": "xxu",
    "CA": "xxc", "AU": "at ", "NZ": "nz ", "FR": "fr ", "DE": "gw ", "IT": "it ", "ES": "sp ", "PT": "po ", "NL": "ne ",
    "BE": "be ", "CH": "sz ", "AT": "au ", "SE": "sw ", "NO": "no ", "DK": "dk ", "FI": "fi ", "PL": "pl ", "CZ": "xr ",
    "HU": "hu ", "GR": "gr ", "TR": "tu ", "EG": "ua ", "IL": "is ", "BR": "bl ", "AR": "ag ", "MX": "mx ", "IE": "ie ",
}  # fmt: skip
_BY_MARC_CODE = {code: country for country, code in _COUNTRIES.items()}
_IN_040 = frozenset("abcd")
_ROLES = {"a": "0", "c": "1", "d": "2"}
_ILLUSTRATIONS = {**dict(zip("abcdefghijklm", "abcdefghijklm", strict=True)), "o": "p"}
_CONTENTS = dict(zip("abcdefgijklmnprst", "bciaderspjumltnz6", strict=True))
_YES = {"1": "1", "0": "0"}
_LITERATURE = dict(zip("abcdefghy", "1dehijps0", strict=True))
_BIOGRAPHY = dict(zip("abcd", "abcd", strict=True))
_FORMS = {"d": "d", "f": "f", "s": "s"}
# Field, first and last position of its $a, the place in 008, and the codes; what has no code there is left out.
_BOOKS = (
    ("105", 0, 4, 18, _ILLUSTRATIONS),
    ("106", 0, 1, 23, _FORMS),
    ("105", 4, 8, 24, _CONTENTS),
    ("105", 8, 9, 29, _YES),
    ("105", 9, 10, 30, _YES),
    ("105", 10, 11, 31, _YES),
    ("105", 11, 12, 33, _LITERATURE),
    ("105", 12, 13, 34, _BIOGRAPHY),
)
_BOOKS_ONLY = slice(18, 22), slice(23, 28), slice(29, 35)
_FIXED_LENGTH = 40
# The positions of UNIMARC 100 $a; behind them transliteration, character sets and the script of the title.
_ENTERED, _DATE_TYPE, _DATES = slice(0, 8), 8, slice(9, 17)
_AUDIENCE, _GOVERNED, _MODIFIED, _LANGUAGE, _CODED_LENGTH = 17, 20, 21, slice(22, 25), 36


def _inverse(table: dict[str, str]) -> Mapping[str, str]:
    """Return a table's way back; of several codes with one meaning the first."""
    return {value: key for key, value in reversed(table.items())}


_DATE_TYPES_BACK, _AUDIENCES_BACK, _GOVERNMENT_BACK = map(_inverse, (_DATE_TYPES, _AUDIENCES, _GOVERNMENT))
_TYPES_BACK, _ENCODINGS_BACK = map(_inverse, (_TYPES, _LEVELS["17"]))


def coded_date(coded: str) -> str:
    """Return the first date of a field 100 $a."""
    return coded[9:13]


def read_008(text: str) -> dict[str, Any]:
    """Return the Bib's values that a field 008 gives; none where it is not 40 characters long."""
    if len(text) != _FIXED_LENGTH:
        return {}
    entered = text[:6].strip()
    century = "19" if entered[:2] >= "68" else "20"  # the first MARC records date from 1968
    coded = (
        f"{century + entered if entered else '':8}{_DATE_TYPES_BACK.get(text[6], ' ')}{text[7:15]}"
        f"{_AUDIENCES_BACK.get(text[22], 'u'):3}{_GOVERNMENT_BACK.get(text[28], 'y')}{'1' if text[38] == 'o' else '0'}"
    )
    values: dict[str, Any] = {"coded": coded.ljust(_CODED_LENGTH)}
    if text[35:38].isalpha():
        values["languages"] = (text[35:38],)
    if country := _BY_MARC_CODE.get(text[15:18]):
        values["country"] = country
    return values


def write_008(values: Values, codes: Iterable[Field] = ()) -> Field:
    """Return the field 008 for a Bib's values and its UNIMARC fields, with blanks where they know nothing."""
    coded = values.get("coded", "").ljust(_CODED_LENGTH)
    year, languages = values.get("year"), values.get("languages")
    date1, date2 = coded[_DATES][:4], coded[_DATES][4:]
    text = [" "] * _FIXED_LENGTH
    for at, value in (
        (0, coded[_ENTERED][2:]),
        (6, _DATE_TYPES.get(coded[_DATE_TYPE], "s" if year else "n")),
        (7, date1 if date1.strip() else str(year or "").ljust(4)[:4]),
        (11, date2),
        (15, _COUNTRIES.get(values.get("country", ""), "xx ")),
        (22, _AUDIENCES.get(coded[_AUDIENCE], " ")),
        (28, _GOVERNMENT.get(coded[_GOVERNED], " ")),
        (35, languages[0].ljust(3)[:3] if languages else ""),
        (38, "o" if coded[_MODIFIED] == "1" else " "),
        *_book_positions(codes),
    ):
        text[at : at + len(value)] = value
    return Field("008", "", ("".join(text),))


def restores_008(values: Values, codes: Collection[Field], field: Field) -> bool:
    """Whether what a Bib's values say is all that a field 008 says."""
    text = field.text
    if not codes and any(text[positions].strip() for positions in _BOOKS_ONLY):
        return False
    return write_008(values, codes) == field


def restores_040(values: Values, field: Field) -> bool:
    """Whether what a Bib's values say is all that a field 040 says."""
    return all(subfield[:1] in _IN_040 for subfield in field.subfields) and write_040(values) == field


def _book_positions(codes: Iterable[Field]) -> Iterator[tuple[int, str]]:
    """Yield places of 008 and what fields 105 and 106 put there."""
    by_tag = {field[0]: field.value("a") for field in codes if field[0] in ("105", "106")}
    if not by_tag:
        return
    for tag, start, end, place, table in _BOOKS:
        text = by_tag.get(tag, "")[start:end]
        yield place, "".join(table.get(code, "") for code in text).ljust(end - start)


def read_040(field: Field) -> list[CataloguingSource]:
    """Return the agencies of a field 040 with the role that UNIMARC 801 gives them."""
    return [element_of(CataloguingSource, {"role": _ROLES[subfield[0]], "agency": subfield[1:]})
            for subfield in field.subfields if subfield[:1] in _ROLES and len(subfield) > 1]


def with_language(coded: str, agencies: Field) -> str:
    """Return a field 100 $a with the language of cataloguing that a field 040 names."""
    language = agencies.value("b")
    return f"{coded[: _LANGUAGE.start]}{language}{coded[_LANGUAGE.stop :]}" if len(language) == 3 else coded


def write_040(values: Values) -> Field | None:
    """Return the field 040 for the agencies among a Bib's values, or None where there are none."""
    sources = values.get("sources")
    if not sources:
        return None
    language = values.get("coded", "")[_LANGUAGE].strip()
    originals: list[str] = []
    transcribers: list[str] = []
    modifiers: list[str] = []
    for source in sources:
        {"0": originals, "1": transcribers}.get(source.role, modifiers).append(source.agency)
    subfields = ["a" + agency for agency in originals[:1]]
    subfields += ["b" + language] if language else []
    subfields += ["c" + agency for agency in transcribers[:1]]
    subfields += ["d" + agency for agency in (*originals[1:], *transcribers[1:], *modifiers)]
    return Field("040", "  ", tuple(subfields))


def leader_for(bib: Bib, target: MarcFormat) -> str:
    """Return the leader in which ``bib`` is written as ``target``; the lengths are the writer's."""
    default = _LEADERS[bib.source]
    leader = bib.leader + default[len(bib.leader) :] if len(bib.leader) <= 24 and bib.leader.isascii() else default
    if bib.source is target:  # what we write as MARC 21 is Unicode, whatever was read
        return f"{leader[:9]}a{leader[10:]}" if target is MarcFormat.MARC21 else leader
    if target is MarcFormat.MARC21:
        codes = _valid(("c" if leader[5] == "o" else leader[5], _TYPES.get(leader[6], leader[6]), leader[7]), target)
        encoding, form = _LEVELS["17"].get(leader[17], " "), _LEVELS["18"].get(leader[18], " ")
        return f"00000{codes} a2200000{encoding}{form} 4500"
    codes = _valid((leader[5], _TYPES_BACK.get(leader[6], leader[6]), leader[7]), target)
    return f"00000{codes}0 2200000{_ENCODINGS_BACK.get(leader[17], ' ')}  450 "


def _valid(codes: Iterable[str], target: MarcFormat) -> str:
    """Return status, type and level; in place of fillers (#, -, ^) those of a new printed book."""
    return "".join([code if code in known else usual
                    for code, known, usual in zip(codes, _LEADER_CODES[target], "nam", strict=True)])
