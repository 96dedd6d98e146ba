"""What a target's responses say, in our own words: records, terms of an index, refusals. Without any I/O.

Texts are read in the charset that the target is asked in. A record that cannot be read leaves its place and the reason,
so that it spoils no other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.z3950.apdu_sets import ListEntries, ScanResponse, ScanStatus, TermInfo
from connectors.z3950.asn1 import reread
from connectors.z3950.errors import MalformedApdu, TargetDiagnostic
from connectors.z3950.record import AnyDiagnostic, Diagnostic, ForeignDiagnostic, NamePlusRecord, from_external

TEXT_CHARACTERS_MAX = 500
"""How much of a target's explanation we repeat."""
_UNSPECIFIED_ERROR = 100
_UNREADABLE_RECORD = 14


@dataclass(frozen=True, slots=True)
class Record:
    """One place of a result set: octets in a syntax, or the diagnostic that the target put in their place."""

    syntax: str
    """OID of the syntax as the target named it, which need not be the one asked for."""
    data: bytes
    database: str | None = None
    diagnostic: TargetDiagnostic | None = None


@dataclass(frozen=True, slots=True)
class ScanEntry:
    """A term of an index, and in how many records it stands; ``None`` where the target does not count."""

    term: str
    occurrences: int | None = None


def records_of(entries: Iterable[NamePlusRecord] | None, charset: str) -> list[Record]:
    """Return the records of a response, in their places."""
    return [_record(entry, charset) for entry in entries or ()]


def skipped(place: int, next_place: int) -> list[Record]:
    """Return what stands for the places that a target passed over, when it says that it goes on behind them."""
    missing = TargetDiagnostic(_UNREADABLE_RECORD, "the target passed over this place")
    return [Record("", b"", diagnostic=missing)] * (next_place - place)


def entries_of(response: ScanResponse, charset: str) -> list[ScanEntry]:
    """Return the terms of a scan; raise ``TargetDiagnostic`` where there is a refusal in their place."""
    found = response.entries or ListEntries()
    entries = [entry for entry in found.entries or () if isinstance(entry, TermInfo)]
    if response.scan_status == ScanStatus.FAILURE or (found.diagnostics and not entries):
        raise refusal_of(None, found.diagnostics, charset)
    return [ScanEntry(_term(entry, charset), entry.global_occurrences) for entry in entries]


def refusal_of(
    diagnostic: AnyDiagnostic | None, several: Sequence[AnyDiagnostic] | None, charset: str
) -> TargetDiagnostic:
    """Return the diagnostic of a failed response, the first of several."""
    first = diagnostic or next(iter(several or ()), None)
    if isinstance(first, Diagnostic):
        return TargetDiagnostic(first.condition, readable(first.text, charset))
    return TargetDiagnostic(_UNSPECIFIED_ERROR, "the target gave no diagnostic that we can read")


def readable(text: str, charset: str) -> str:
    """Return a target's explanation, as far as we repeat it."""
    return reread(text[:TEXT_CHARACTERS_MAX], charset)


def _record(entry: NamePlusRecord, charset: str) -> Record:
    external = entry.record
    if isinstance(external, Diagnostic | ForeignDiagnostic):
        return Record("", b"", entry.name, refusal_of(external, None, charset))
    try:
        return Record(external.direct_reference or "", from_external(external), entry.name)
    except MalformedApdu as error:
        return Record("", b"", entry.name, TargetDiagnostic(_UNREADABLE_RECORD, str(error)))


def _term(entry: TermInfo, charset: str) -> str:
    if entry.general is not None:
        return entry.general.decode(charset, "replace")
    if entry.numeric is not None:
        return str(entry.numeric)
    return reread(entry.character_string or entry.display_term or "", charset)
