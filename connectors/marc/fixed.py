"""What MARC 21 codes by position or for the record as a whole: 008, 040 and the leader, from and to `schemas.Bib`.

The Bib keeps UNIMARC's codes, since CNMARC is what most members catalogue in. Positions of
008 that only one material has (18-34) are not assembled: a record that uses them keeps its 008 verbatim.
Source of the equivalences: LC, UNIMARC to MARC 21 Conversion Specifications (2001), and UNIMARC's field 100.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from connectors.marc.record import Field
from schemas.bib import Bib, CataloguingSource, MarcFormat

_DATE_TYPES = dict(zip("abcdefghij", "cdusrqmtpe", strict=True))
_AUDIENCES = {"b": "a", "c": "b", "a": "j", "d": "c", "e": "d", "k": "e", "m": "g", "u": " "}
_GOVERNMENT = dict(zip("abcdefghyuz", "fsllcizo uo", strict=True))
_TYPES = {"b": "t", "h": "a", "m": "o", "n": "r", "l": "m"}
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
_ROLES = {"a": "0", "c": "1", "d": "2"}
_FIXED_LENGTH = 40
_CODED_BOUNDS = (0, 8, 9, 13, 17, 20, 21, 22, 25, 36)


class Coded(NamedTuple):
    """UNIMARC's field 100 $a, taken apart; the numbers behind the names are its positions."""

    entered: str = ""  # 0-7
    date_type: str = ""  # 8
    date1: str = ""  # 9-12
    date2: str = ""  # 13-16
    audience: str = ""  # 17-19
    government: str = ""  # 20
    modified: str = ""  # 21
    language: str = ""  # 22-24, of cataloguing
    rest: str = ""  # 25-35: transliteration, character sets, script of the title

    @classmethod
    def parse(cls, text: str) -> "Coded":
        """Take 36 positions apart; a shorter text lacks the last ones."""
        return cls(*(text[at:end] for at, end in pairwise(_CODED_BOUNDS)))

    def text(self) -> str:
        """Return the 36 positions."""
        widths = (end - at for at, end in pairwise(_CODED_BOUNDS))
        return "".join(part.ljust(width) for part, width in zip(self, widths, strict=True))


def read_008(text: str) -> dict[str, Any]:
    """Return the Bib's values that a field 008 gives; none where it is not 40 characters long."""
    if len(text) != _FIXED_LENGTH:
        return {}
    entered = text[:6].strip()
    century = "19" if entered[:2] >= "68" else "20"  # the first MARC records date from 1968
    coded = Coded(
        entered=century + entered if entered else "",
        date_type=_back(_DATE_TYPES, text[6], " "),
        date1=text[7:11],
        date2=text[11:15],
        audience=_back(_AUDIENCES, text[22], "u"),
        government=_back(_GOVERNMENT, text[28], "y"),
        modified="1" if text[38] == "o" else "0",
    )
    values: dict[str, Any] = {"coded": coded.text()}
    if text[35:38].isalpha():
        values["languages"] = (text[35:38],)
    if country := _BY_MARC_CODE.get(text[15:18]):
        values["country"] = country
    return values


def write_008(bib: Bib) -> Field:
    """Return the field 008 for a Bib, with blanks where it knows nothing."""
    coded = Coded.parse(bib.coded)
    positions = {
        0: coded.entered[2:8].ljust(6),
        6: _DATE_TYPES.get(coded.date_type, "s" if bib.year else "n"),
        7: (coded.date1.strip() or str(bib.year or "")).ljust(4),
        11: coded.date2.ljust(4),
        15: _COUNTRIES.get(bib.country, "xx "),
        22: _AUDIENCES.get(coded.audience[:1], " "),
        28: _GOVERNMENT.get(coded.government, " "),
        35: (bib.languages[0] if bib.languages else "").ljust(3)[:3],
        38: "o" if coded.modified == "1" else " ",
    }
    text = [" "] * _FIXED_LENGTH
    for at, value in positions.items():
        text[at : at + len(value)] = value
    return Field("008", "", ("".join(text),))


def read_040(field: Field) -> Iterator[Mapping[str, Any]]:
    """Yield the agencies of a field 040 with the role that UNIMARC 801 gives them."""
    for subfield in field.subfields:
        if subfield[:1] in _ROLES and len(subfield) > 1:
            yield {"role": _ROLES[subfield[0]], "agency": subfield[1:]}


def write_040(bib: Bib) -> Field | None:
    """Return the field 040 for a Bib's agencies, or None where it has none."""
    language = Coded.parse(bib.coded).language.strip()
    by_role = {role: [source.agency for source in bib.sources if _role(source) == role] for role in _ROLES.values()}
    originals, transcribers, modifiers = (by_role[role] for role in "012")
    subfields = ["a" + agency for agency in originals[:1]]
    subfields += ["b" + language] if language else []
    subfields += ["c" + agency for agency in transcribers[:1]]
    subfields += ["d" + agency for agency in (*originals[1:], *transcribers[1:], *modifiers)]
    return Field("040", "  ", tuple(subfields)) if bib.sources else None


def leader_for(bib: Bib, target: MarcFormat) -> str:
    """Return the leader in which ``bib`` is written as ``target``; the lengths are the writer's."""
    leader = bib.leader.ljust(24) if len(bib.leader) <= 24 and bib.leader.isascii() else " " * 24
    status, kind, level = leader[5], leader[6], leader[7]
    status, kind, level = (status.strip() or "n", kind.strip() or "a", level.strip() or "m")
    if target is MarcFormat.MARC21:
        if bib.source is target:
            return f"{leader[:9]}a{leader[10:]}"  # what we write is Unicode, whatever was read
        encoding, form = _LEVELS["17"].get(leader[17], " "), _LEVELS["18"].get(leader[18], " ")
        return f"00000{'c' if status == 'o' else status}{_TYPES.get(kind, kind)}{level} a2200000{encoding}{form} 4500"
    if bib.source is target and bib.leader:
        return leader
    encoding = _back(_LEVELS["17"], leader[17], " ")
    return f"00000{status}{_back(_TYPES, kind, kind)}{level}0 2200000{encoding}  450 "


def _role(source: CataloguingSource) -> str:
    return "2" if source.role == "3" else source.role


def _back(table: Mapping[str, str], code: str, otherwise: str) -> str:
    return next((key for key, value in table.items() if value == code), otherwise)
