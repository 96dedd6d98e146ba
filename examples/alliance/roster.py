"""The sample libraries from ``data/roster.json``, each with the dialects its systems speak.

Illustrative: names and cities are public facts, systems and settings are invented, and 31 is only the sample's size.
Asked for more, the roster goes on by itself, so that an alliance of any size can be tried.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from connectors.sip2.line import Credentials
from connectors.sip2.profile import Checksum, Login, Profile, Terminator
from schemas.bib_terms import MarcFormat
from schemas.identifiers import AgencyId


@dataclass(frozen=True)
class Z3950Access:
    """How a library's Z39.50 target is asked: terms in ``query_charset``, against ``database``."""

    query_charset: str
    database: str = "Default"


@dataclass(frozen=True)
class MarcDialect:
    """What a library's catalogue is written in; ``charset`` is Python's name."""

    format: MarcFormat
    charset: str


@dataclass(frozen=True)
class Library:
    """One member of the sample alliance. ``z3950`` is None where there is no target: then harvest its file."""

    slug: str
    agency_id: AgencyId
    name_zh: str
    name_en: str
    city_zh: str
    city_en: str
    province: str
    division_code: str
    tier: str
    lat: float
    lon: float
    ils: str
    sip2: Profile
    z3950: Z3950Access | None
    marc: MarcDialect

    @property
    def credentials(self) -> Credentials | None:
        """What a connector logs in with; None where the ILS wants no login."""
        return Credentials("delta", f"{self.slug}-sample") if self.sip2.login is not Login.NONE else None


def load_roster(count: int) -> tuple[Library, ...]:
    """Return the first ``count`` libraries; those beyond the file repeat it with new names and turned dialects.

    >>> [library.slug for library in load_roster(33)[-2:]]
    ['yangpu-2', 'shanghai-2']
    """
    sample = _sample()
    return tuple(_nth(sample, number) for number in range(count))


def with_varied_dialects(libraries: Sequence[Library]) -> tuple[Library, ...]:
    """Return the libraries with some dialects changed, so that 31 of them show every setting at least once."""
    return tuple(
        replace(
            library,
            sip2=replace(library.sip2, **_SIP2_CHANGES.get(number % _CHANGES_PERIOD, {})),
            marc=replace(library.marc, **_MARC_CHANGES.get(number % _CHANGES_PERIOD, {})),
        )
        for number, library in enumerate(libraries)
    )


_AS_IN_FILE = (
    "slug", "name_zh", "name_en", "city_zh", "city_en", "province", "division_code", "tier", "lat", "lon", "ils",
)  # fmt: skip

# By the library's number: what the roster itself does not have, early enough for small alliances to meet it.
_CHANGES_PERIOD = 31
_SIP2_CHANGES: Mapping[int, Mapping[str, Any]] = {
    1: {"terminator": Terminator.LF},
    2: {"checksum": Checksum.CODE_POINTS, "charset": "gb18030"},
    3: {"login": Login.NONE, "charset": "gbk"},
    4: {"checksum": Checksum.CODE_POINTS_WITHOUT_TRAILER},
    9: {"checksum": Checksum.CODE_POINTS, "terminator": Terminator.LF},
    11: {"charset": "cp850"},
    14: {"login": Login.NONE},
    18: {"checksum": Checksum.CODE_POINTS_WITHOUT_TRAILER},
    20: {"login": Login.TELNET},
}
_MARC_CHANGES: Mapping[int, Mapping[str, Any]] = {number: {"charset": "gbk"} for number in (3, 4, 8, 9, 15, 19, 28)}


def _nth(sample: Sequence[Library], number: int) -> Library:
    """Return library ``number``; past the sample: a branch of its own name, with another library's dialects."""
    lap, place = divmod(number, len(sample))
    library = sample[place]
    if lap == 0:
        return library
    other = sample[(place + lap) % len(sample)]
    agency_id = AgencyId(f"{library.agency_id}{lap + 1}")
    return replace(
        library,
        slug=f"{library.slug}-{lap + 1}",
        agency_id=agency_id,
        name_zh=f"{library.name_zh}（{lap + 1}馆）",
        name_en=f"{library.name_en} ({lap + 1})",
        lat=round(library.lat + 0.01 * lap, 3),
        sip2=replace(other.sip2, institution=agency_id, location=f"{library.slug}-{lap + 1}"),
        z3950=other.z3950,
        marc=other.marc,
    )


@cache
def _sample() -> tuple[Library, ...]:
    rows = json.loads(files("examples.alliance").joinpath("data/roster.json").read_text("utf-8"))["libraries"]
    return tuple(_library(row) for row in rows)


def _library(row: Mapping[str, Any]) -> Library:
    sip2, z3950, marc = row["sip2"], row["z3950"], row["marc"]
    return Library(
        **{name: row[name] for name in _AS_IN_FILE},
        agency_id=AgencyId(row["isil"]),
        sip2=Profile(
            charset=sip2["charset"],
            terminator=Terminator[sip2["terminator"]],
            checksum=Checksum.BYTES if sip2["checksum"] else Checksum.NONE,
            login=Login.SIP if sip2["login_93_required"] else Login.NONE,
            institution=row["isil"],
            location=row["slug"],
        ),
        z3950=Z3950Access(z3950["query_charset"]) if z3950["enabled"] else None,
        marc=MarcDialect(MarcFormat(marc["format"]), marc["charset"]),
    )
