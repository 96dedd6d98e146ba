"""A MARC record as it was read: leader, fields in their order, and how its bytes became text.

Light on purpose: a field is one tuple and its subfields stay as they stand between two delimiters, code first
(``"a三体"``), so that a catalogue of a million records is read without a million small objects. The model of what the
fields mean is `schemas.Bib`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class MarcError(Exception):
    """A MARC record cannot be written, or a setting cannot be used, as asked."""


class UnknownCharset(MarcError):
    """A charset name is not one that Python or MARC knows."""


class RecordTooLong(MarcError):
    """A record or field exceeds what ISO 2709's decimal lengths can express (99 999 and 9 999 bytes)."""


class UnwritableText(MarcError):
    """A text cannot be written in the chosen form: a character outside its charset, or a control character."""


class Evidence(StrEnum):
    """Why a record was decoded as it was."""

    CONFIGURED = "configured"
    ESCAPES = "escape sequences"
    GUESSED = "lone bytes beyond ASCII"
    VALID = "valid throughout"
    REPLACED = "replaced characters"
    DECLARED = "declared by the file"


class Charset(NamedTuple):
    """The charset of one whole record, the evidence for it, and how many characters had to be replaced."""

    name: str
    evidence: Evidence
    replaced: int = 0


DECLARED_UTF8 = Charset("utf-8", Evidence.DECLARED)


class Problem(StrEnum):
    """Damage that a record was read in spite of."""

    LENGTH = "the leader's record length is wrong"
    BASE_ADDRESS = "the leader's base address is wrong"
    DIRECTORY = "the directory is wrong: fields were told apart by their terminators"
    TERMINATOR = "a field holds a field terminator: the directory was believed"
    CHARSET = "the configured charset does not fit"
    GUESSED = "the charset is a guess: name it, marc-8 or latin-1 for Western texts"
    REPLACED = "characters were replaced"


class Reason(StrEnum):
    """Why bytes could not become a record."""

    JUNK = "these bytes between records belong to none"
    UNTERMINATED = "the record ends without a terminator"
    ENDLESS = "no record terminator within the length a record may have"
    NO_LEADER = "there is no leader and directory"
    DIRECTORY = "directory and field terminators tell different fields"
    STRICT = "strict reading was asked for and the record is damaged"
    XML = "the XML is not well formed"
    JSON = "the JSON is no MARC-in-JSON record"
    LINE = "a line is no field"
    PACKING = "the file is packed by gzip and damaged: what follows cannot be unpacked"
    DOCTYPE = "the XML declares a document type, which is refused"


class Field(NamedTuple):
    """One field. Each subfield is its code and its text in one string; a control field has one entry, its text.

    >>> Field("200", "1 ", ("a三体", "f刘慈欣著")).value("f")
    '刘慈欣著'
    """

    tag: str
    indicators: str
    subfields: tuple[str, ...]

    @property
    def is_control(self) -> bool:
        """Whether the field is text without indicators and subfields."""
        return not self.indicators

    @property
    def text(self) -> str:
        """The text of a control field."""
        return self.subfields[0] if self.subfields else ""

    def values(self, code: str) -> tuple[str, ...]:
        """Return the texts of every subfield with this code."""
        return tuple(subfield[1:] for subfield in self.subfields if subfield[:1] == code)

    def value(self, code: str) -> str:
        """Return the text of the first subfield with this code, or ``""``."""
        return next(iter(self.values(code)), "")


@dataclass(frozen=True, slots=True)
class MarcRecord:
    """One record as read, with its bytes and the evidence for its text, in which no surrogate stands alone.

    ``position`` is its offset in the file; ``nonsorting`` says that marks of ISO 6630 stand around some articles.
    """

    leader: str
    fields: tuple[Field, ...]
    raw: bytes = b""
    charset: Charset = DECLARED_UTF8
    position: int = 0
    problems: tuple[Problem, ...] = ()
    nonsorting: bool = False

    def every(self, tag: str) -> Iterator[Field]:
        """Return the fields with this tag, in order."""
        return (field for field in self.fields if field.tag == tag)

    def control(self, tag: str) -> str:
        """Return the text of the first control field with this tag, or ``""``."""
        return next((field.text for field in self.every(tag) if field.is_control), "")


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Bytes that could not become a record: where they stand, why, and the bytes themselves."""

    position: int
    reason: Reason
    raw: bytes
    detail: str = ""

    def __str__(self) -> str:
        return f"at byte {self.position}: {self.reason}{self.detail and f' ({self.detail})'}"


def code_of(fact: Problem | Reason) -> str:
    """Return the code of what was found in a record; what made the whole record bad begins with ``bad_``.

    >>> code_of(Problem.DIRECTORY), code_of(Reason.DIRECTORY)
    ('directory', 'bad_directory')
    """
    return f"bad_{fact.name.lower()}" if isinstance(fact, Reason) else fact.name.lower()
