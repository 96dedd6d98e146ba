"""One library's dialect of SIP2, as one frozen value. Every way in which two real systems differ is a field here.

A profile is kept as a TOML file with the fields' own names, an enumeration as its value (a terminator as its name).
``profiles/`` holds starting points for systems whose behaviour is known, each line with the source of its fact; what a
file leaves out is the default below, and ``doctor`` finds out the rest.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import cached_property
from importlib.resources import files
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.sip2.errors import ProfileError

# charset: (decoder, encoder). What a GBK system sends may hold GB18030; what it can read is GBK.
CHARSETS = {
    "utf-8": ("utf-8", "utf-8"),
    "gbk": ("gb18030", "gbk"),
    "gb18030": ("gb18030", "gb18030"),
    "big5": ("big5hkscs", "big5"),
    "cp850": ("cp850", "cp850"),
    "latin-1": ("latin-1", "latin-1"),
    "ascii": ("ascii", "ascii"),
}

#: A day: a heartbeat that is later than this is none.
_HEARTBEAT_SECONDS_MAX = 86_400
_MESSAGE_ID = re.compile("[0-9]{2}", re.ASCII)
_PLACE = re.compile(r"[0-9]{2}\.[A-Z0-9]{2}", re.ASCII)


class Terminator(Enum):
    """What ends a frame that we send. Inbound, CR covers CRLF, LFCR and doubled CR; only LF must be chosen."""

    CR = b"\r"
    CRLF = b"\r\n"
    LF = b"\n"


class Checksum(Enum):
    """Over what the peer computes AZ. The guide says bytes; real systems also sum characters."""

    BYTES = "bytes"
    CODE_POINTS = "code_points"
    CODE_POINTS_WITHOUT_TRAILER = "code_points_without_trailer"
    NONE = "none"


class ErrorDetection(Enum):
    """What a wrong checksum means: ask again; or note it and go on; or that, and find out how the peer computes it."""

    STRICT = "strict"
    WARN = "warn"
    LEARN = "learn"


class Login(Enum):
    """How a line begins: with message 93, with the prompts ``login: `` and ``password: ``, or with nothing."""

    SIP = "sip"
    TELNET = "telnet"
    NONE = "none"


@dataclass(frozen=True)
class Profile:
    """How one library's ILS speaks SIP2. Text fields are sent as they are; ``timezone`` is an IANA name.

    ``institution`` is AO, ``terminal_password`` AC, ``location`` CP and AP. ``send_nb_due_date`` fills the
    no-block due date with the transaction date, for servers that refuse the usual blanks. ``heartbeat_seconds`` is
    how often an idle line says 99, shorter than the server's patience; 0 ends each line with its exchange.
    ``unsupported`` names requests that the ILS would leave without an answer (``15``), ``omit`` and ``send_empty``
    fields of requests (``63.AC``) that must stay away, or must come even without a value.
    ``hold_items_are_all_holds``: the first count of 64 includes holds that wait. ``negative_fee_is_owed``: BV.
    """

    charset: str = "utf-8"
    terminator: Terminator = Terminator.CR
    delimiter: str = "|"
    checksum: Checksum = Checksum.BYTES
    error_detection: ErrorDetection = ErrorDetection.STRICT
    login: Login = Login.SIP
    institution: str = ""
    terminal_password: str = field(default="", repr=False)
    location: str = ""
    language: str = "019"
    timezone: str = "Asia/Shanghai"
    send_nb_due_date: bool = False
    heartbeat_seconds: int = 240
    unsupported: frozenset[str] = frozenset()
    omit: frozenset[str] = frozenset()
    send_empty: frozenset[str] = frozenset()
    hold_items_are_all_holds: bool = False
    negative_fee_is_owed: bool = False

    def __post_init__(self) -> None:
        if self.charset not in CHARSETS:
            raise ProfileError(f"charset {self.charset!r} is not one of {', '.join(CHARSETS)}")
        delimiter = self.delimiter
        if len(delimiter) != 1 or not "!" <= delimiter <= "~" or delimiter.isalnum():
            raise ProfileError(f"the delimiter must be one ASCII sign that is no letter or digit, not {delimiter!r}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ProfileError(f"timezone {self.timezone!r} is no IANA name known here (Asia/Shanghai is)") from None
        if not 0 <= self.heartbeat_seconds <= _HEARTBEAT_SECONDS_MAX:
            raise ProfileError(f"heartbeat_seconds must be 0 to {_HEARTBEAT_SECONDS_MAX}")
        for name, pattern, example in (("unsupported", _MESSAGE_ID, "15"), ("omit", _PLACE, "63.AC"),
                                       ("send_empty", _PLACE, "63.AD")):  # fmt: skip
            if not all(map(pattern.fullmatch, getattr(self, name))):
                raise ProfileError(f"{name} is a list of texts such as {example!r}")

    @cached_property
    def zone(self) -> ZoneInfo:
        """The library's own time zone."""
        return ZoneInfo(self.timezone)

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Self:
        """Return the profile that a TOML table or JSON object describes.

        Raises:
            ProfileError: names the key that is unknown or holds what it cannot; never shows a value of a text.
        """
        kinds = {item.name: _kind_of(item.default) for item in fields(cls)}
        if unknown := sorted(set(table) - set(kinds)):
            raise ProfileError(f"unknown key {unknown[0]!r}; a profile has {', '.join(kinds)}")
        return cls(**{name: kinds[name].read(name, value) for name, value in table.items()})

    def to_table(self) -> dict[str, str | int | bool | list[str]]:
        """Return every field as TOML and JSON can hold it. The terminal password is among them."""
        return {item.name: _kind_of(item.default).write(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a profile file.

        Raises:
            ProfileError: no TOML, or no profile.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ProfileError(f"no TOML: {error}") from None
        return cls.from_table(table)

    def to_toml(self) -> str:
        """Return the profile as the text of a file.

        >>> Profile(charset="gbk").to_toml().splitlines()[:2]
        ['charset = "gbk"', 'terminator = "CR"']
        """
        return "".join(f"{name} = {_toml(value)}\n" for name, value in self.to_table().items())

    @classmethod
    def shipped(cls, name: str) -> Self:
        """Return one of the starting points that come with this package.

        Raises:
            ProfileError: there is none of that name; the text says which there are.
        """
        if name not in shipped_profiles():
            raise ProfileError(f"no profile {name!r}; there are {', '.join(shipped_profiles())}")
        return cls.from_toml(files(__package__).joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8"))


def shipped_profiles() -> tuple[str, ...]:
    """Return the names that ``Profile.shipped`` knows."""
    found = files(__package__).joinpath("profiles").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in found if file.name.endswith(".toml")))


@dataclass(frozen=True)
class _Kind:
    """How one type of field stands in a file. ``convert`` raises where the value is none of this type."""

    described: str
    convert: Callable[[Any], object]
    write: Callable[[Any], Any]

    def read(self, name: str, value: object) -> Any:
        try:
            return self.convert(value)
        except (KeyError, ValueError, TypeError):
            raise ProfileError(f"{name} must be {self.described}") from None


def _exactly(kind: type) -> Callable[[Any], object]:
    def convert(value: object) -> object:
        if type(value) is not kind:
            raise TypeError
        return value

    return convert


def _to_texts(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError
    return frozenset(value)


_KINDS = {
    bool: _Kind("true or false", _exactly(bool), bool),
    int: _Kind("a whole number", _exactly(int), int),
    str: _Kind("a text", _exactly(str), str),
    frozenset: _Kind("a list of texts", _to_texts, sorted),
    Terminator: _Kind("one of CR, CRLF, LF", lambda name: Terminator[name], lambda end: end.name),
}


def _kind_of(default: object) -> _Kind:
    kind = type(default)
    if kind in _KINDS:
        return _KINDS[kind]
    assert isinstance(default, Enum)
    choices = ", ".join(str(choice.value) for choice in type(default))
    return _Kind(f"one of {choices}", type(default), lambda choice: choice.value)


def _toml(value: str | int | bool | list[str]) -> str:
    """Write a value as TOML; JSON's own texts are TOML's, but for one control character that TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
