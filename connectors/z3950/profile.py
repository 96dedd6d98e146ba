"""One Z39.50 target, as one frozen value: where it is, and every way in which two real ones differ.

A profile is kept as a TOML file with the fields' own names; what a file leaves out is the default below. ``profiles/``
holds starting points for systems whose behaviour is known, without addresses; ``delta-connector doctor --z3950`` finds
out the rest. Absent on purpose: credentials, which belong to no file that is passed around.
"""

import codecs
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from importlib.resources import files
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from connectors.z3950 import oid
from connectors.z3950.errors import ProfileError

Feature: TypeAlias = Literal["scan", "sort", "delete", "named_sets", "piggyback", "result_set_reuse"]
"""What a target may offer, or be bad at."""

DROP = ""
REFUSE = "refuse"
_OID = re.compile(r"[0-2](\.[0-9]{1,9}){1,20}")
_ATTRIBUTE = re.compile(r"[0-9]{1,9}=[0-9]{1,9}")


def _known_charset(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"no charset {name!r}; utf-8, gb18030, big5 and ascii are some") from None


def _known_syntax(name: str) -> str:
    if name.lower() not in oid.SYNTAXES and not _OID.fullmatch(name):
        raise ValueError(f"no record syntax {name!r}; known: {', '.join(oid.SYNTAXES)}, or an OID")
    return name.lower()


def _an_attribute(text: str) -> str:
    if not _ATTRIBUTE.fullmatch(text):
        raise ValueError(f"{text!r} is no attribute as 1=4 is one")
    return text


def _a_replacement(text: str) -> str:
    return text if text in (DROP, REFUSE) else _an_attribute(text)


_Syntax: TypeAlias = Annotated[str, AfterValidator(_known_syntax)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class Profile:
    """How a target is asked. Seconds, octets and numbers of records are limits of ours where not said otherwise.

    ``canary`` is a word beyond ASCII that the target surely holds: a search for it that finds something proves
    ``query_charset``; ``is_charset_proved`` says that one has. ``record_charset`` is empty where each record's charset
    is to be told from its octets. ``syntaxes`` are tried in order. ``uses`` are the use attributes that the target was
    seen to support, none where nobody has looked. ``attributes`` says what takes the place of an attribute: another,
    nothing (``""``), or a refusal (``"refuse"``). ``negotiates`` proposes the query charset at Init, at which some
    targets hang up.
    """

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 210
    database: str = "Default"
    query_charset: Annotated[str, AfterValidator(_known_charset)] = "utf-8"
    is_charset_proved: bool = False
    canary: str = ""
    record_charset: str = ""
    syntaxes: Annotated[tuple[_Syntax, ...], Field(min_length=1, strict=False)] = ("usmarc", "unimarc", "xml")
    element_set: str = ""
    uses: Annotated[frozenset[int], Field(strict=False)] = frozenset()
    offers: Annotated[frozenset[Feature], Field(strict=False)] = frozenset()
    broken: Annotated[frozenset[Feature], Field(strict=False)] = frozenset()
    negotiates: bool = False
    chunk_records: Annotated[int, Field(ge=1, le=1000)] = 20
    chunk_records_max: Annotated[int, Field(ge=1, le=10_000)] = 100
    message_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 1 << 20
    record_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 16 << 20
    sessions_max: Annotated[int, Field(ge=1, le=1000)] = 4
    idle_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    result_set_seconds: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    deadline_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    attributes: Mapping[
        Annotated[str, AfterValidator(_an_attribute)], Annotated[str, AfterValidator(_a_replacement)]
    ] = Field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"

    @cached_property
    def syntax_oids(self) -> tuple[str, ...]:
        """The record syntaxes in order, as OIDs."""
        return tuple(oid.SYNTAXES.get(name, name) for name in self.syntaxes)

    def is_good_at(self, feature: Feature) -> bool:
        """Whether ``feature`` can be relied on: offered, as far as anybody has looked, and not known to be broken."""
        return feature not in self.broken and (not self.offers or feature in self.offers)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Return the profile that a TOML table or JSON object describes.

        Raises:
            ProfileError: names the key that is unknown or holds what it cannot.
        """
        try:
            return cls(**table)
        except ValidationError as error:
            first = error.errors()[0]
            raise ProfileError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Return the profile that a file holds; raise ``ProfileError`` as ``from_table``."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ProfileError(f"no TOML: {error}") from None
        return cls.from_table(table)

    def to_table(self) -> dict[str, Any]:
        """Return every field as TOML and JSON can hold it."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in values}

    def to_toml(self) -> str:
        """Return the profile as the text of a file, the table of attributes last."""
        values = self.to_table()
        attributes = values.pop("attributes")
        lines = [f"{name} = {_toml(value)}\n" for name, value in values.items()]
        rows = [f"{_toml(name)} = {_toml(value)}\n" for name, value in attributes.items()]
        return "".join([*lines, "\n[attributes]\n", *rows])

    @classmethod
    def shipped(cls, name: str) -> Self:
        """Return one of the starting points that come with this package; ``ProfileError`` names them."""
        if name not in shipped_profiles():
            raise ProfileError(f"no profile {name!r}; there are {', '.join(shipped_profiles())}")
        return cls.from_toml(files(__package__).joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8"))


def shipped_profiles() -> tuple[str, ...]:
    """Return the names that ``Profile.shipped`` knows."""
    found = files(__package__).joinpath("profiles").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in found if file.name.endswith(".toml")))


def _toml(value: object) -> str:
    """Write a value as TOML; JSON's own texts are TOML's, but for one control character that TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
