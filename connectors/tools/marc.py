"""``delta-connector marc``: convert, check and count files of MARC records, in the memory of one record.

Every record of a file is either written or counted as bad and named with its place. ISO 2709 is written in UTF-8.
MARCXML and MARC-in-JSON are containers: they keep the record's own format. ``json`` and ``bib`` are one object a line.
What is read is told by its first bytes: ISO 2709, MARCXML, CNMARC-XML, MARC-in-JSON or mnemonic text, packed by gzip or
not. Deliberately absent: a library's item mapping, so local item fields (905, 852) stay local fields, in 886 where the
format changes.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connectors.marc.charset import charset_named
from connectors.marc.mapping import bib_from_record, format_of, record_from_bib
from connectors.marc.record import BadRecord, MarcRecord, RecordTooLong, UnknownCharset, UnwritableText, code_of
from connectors.marc.writer import write_iso2709, write_json, write_marcxml
from connectors.tools.files import Source, open_source, whole_file
from connectors.tools.marc_report import WRITE_ERRORS, Bad, Tally
from connectors.tools.terminal import WrongUse, note, plain, progress, say, say_json
from schemas.bib import MarcFormat

AUTO = "auto"
BAD_SHOWN_MAX = 20
"""A conversion names this many bad records; ``check`` names all."""
_PROGRESS_RECORDS = 500
_LEADER_CHARSET = 9

Encode = Callable[[MarcRecord, MarcFormat], bytes]


@dataclass(frozen=True)
class Target:
    """A form to write: what stands around the records, and how each is written, given the format it has."""

    encode: Encode
    head: bytes = b""
    tail: bytes = b""


def _marc(target: MarcFormat) -> Target:
    def encode(record: MarcRecord, source: MarcFormat) -> bytes:
        same = source is target
        converted = record if same else record_from_bib(bib_from_record(record, source=source), target)
        return write_iso2709(_declared_unicode(converted) if target is MarcFormat.MARC21 else converted)

    return Target(encode)


def _declared_unicode(record: MarcRecord) -> MarcRecord:
    """MARC 21 says in leader/09 that its text is Unicode; CNMARC's leader has no such place."""
    leader = record.leader.ljust(_LEADER_CHARSET + 1)
    return replace(record, leader=f"{leader[:_LEADER_CHARSET]}a{leader[_LEADER_CHARSET + 1:]}")


def _write_bib(record: MarcRecord, source: MarcFormat) -> bytes:
    return bib_from_record(record, source=source).model_dump_json().encode() + b"\n"


TARGETS: Mapping[str, Target] = MappingProxyType({
    "marc21": _marc(MarcFormat.MARC21),
    "cnmarc": _marc(MarcFormat.CNMARC),
    "marcxml": Target(lambda record, _source: write_marcxml(record) + b"\n",
                      b'<?xml version="1.0" encoding="UTF-8"?>\n<collection xmlns="http://www.loc.gov/MARC21/slim">\n',
                      b"</collection>\n"),
    "json": Target(lambda record, _source: write_json(record).encode() + b"\n"),
    "bib": Target(_write_bib),
})


def convert(record: MarcRecord | BadRecord, encode: Encode, source: MarcFormat | None = None) -> bytes | Bad:
    """Return the record as ``encode`` writes it, or why it is bad. ``source`` overrides the format its shape shows."""
    if isinstance(record, BadRecord):
        return bad_of(record)
    try:
        return encode(record, source or format_of(record))
    except (RecordTooLong, UnwritableText) as error:
        return Bad(record.position, WRITE_ERRORS[type(error)], str(error), record.raw)


def bad_of(record: BadRecord) -> Bad:
    """Return what could not be read, as a run counts it."""
    return Bad(record.position, code_of(record.reason), record.detail or record.reason, record.raw)


def add_commands(commands: Any) -> None:
    """Add ``marc`` and what is under it."""
    marc = commands.add_parser("marc", help="转换、检查书目数据 convert and check MARC files")
    verbs = marc.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (("convert", _convert, "转换 convert to another form"),
                            ("check", _check, "逐条列出问题 name every damaged record"),
                            ("stats", _stats, "统计 count charsets and problems")):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("input", type=Path, metavar="IN", help="records in any form, by gzip or not; - is stdin")
        verb.add_argument("--charset", type=_charset, metavar="NAME", help=f"{AUTO} (default), gbk, utf-8, marc-8 ...")
        verb.add_argument("--json", action="store_true", help="print one JSON object")
        verb.set_defaults(run=run)
        if name == "convert":
            _add_convert_options(verb)


def _add_convert_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the file to write")
    verb.add_argument("--from", dest="source", choices=(AUTO, "cnmarc", "marc21"), default=AUTO,
                      help="format of the records; auto tells each by its shape")
    verb.add_argument("--to", dest="target", choices=tuple(TARGETS), required=True, help="what to write")
    verb.add_argument("--bad", type=Path, metavar="FILE", help="keep the bytes of bad records")


def _charset(name: str) -> str | None:
    try:
        return None if name == AUTO else charset_named(name)
    except UnknownCharset as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@dataclass
class _Run:
    """One command's way through its file: the records, what was found, and how bad ones are named."""

    records: Iterator[MarcRecord | BadRecord]
    unit: str
    tally: Tally
    say: Callable[[str], None]
    shown_max: float

    def reject(self, bad: Bad) -> None:
        """Count a bad record and name it, while not too many have been named."""
        self.tally.reject(bad)
        if self.tally.bad <= self.shown_max:
            self.name(bad.position, f"{bad.code}: {bad.detail}")

    def name(self, position: int, what: str) -> None:
        """Print what was found where."""
        self.say(f"{self.unit} {position}: {plain(what)}")


@contextmanager
def _reading(arguments: argparse.Namespace, shown_max: float) -> Iterator[_Run]:
    """Open the file, show progress, and print the report at the end."""
    started = time.monotonic()
    tally = Tally()
    with open_source(arguments.input, arguments.charset) as source, _progress_of(source) as done:
        def records() -> Iterator[MarcRecord | BadRecord]:
            for record in source.records:
                tally.add(record)
                yield record
                if tally.read % _PROGRESS_RECORDS == 0:
                    done(source.tell())

        yield _Run(records(), source.unit, tally, note if arguments.json else say, shown_max)
    if tally.bad > shown_max:
        note(f"{tally.bad - shown_max:g} bad records are not named here; 'delta-connector marc check' names them all")
    seconds = time.monotonic() - started
    if arguments.json:
        say_json(tally.to_json(seconds))
    else:
        say(tally.to_text(seconds))


def _progress_of(source: Source) -> AbstractContextManager[Callable[[int], None]]:
    """Show how far a file is read; of standard input nobody knows."""
    return progress(source.name, source.size) if source.size else nullcontext(lambda _done: None)


def _convert(arguments: argparse.Namespace) -> int:
    target = TARGETS[arguments.target]
    source = None if arguments.source == AUTO else MarcFormat(arguments.source.upper())
    if arguments.bad and arguments.bad.resolve() == arguments.output.resolve():
        raise WrongUse("--bad and -o name the same file")
    with _reading(arguments, BAD_SHOWN_MAX) as run, ExitStack() as files:
        out = files.enter_context(whole_file(arguments.output))
        keep = files.enter_context(whole_file(arguments.bad)) if arguments.bad else None
        out.write(target.head)
        for record in run.records:
            result = convert(record, target.encode, source)
            if isinstance(result, bytes):
                out.write(result)
                run.tally.written += 1
            else:
                run.reject(result)
                if keep:
                    keep.write(result.raw)
        out.write(target.tail)
    return 1 if run.tally.bad else 0


def _check(arguments: argparse.Namespace) -> int:
    with _reading(arguments, float("inf")) as run:
        for record in run.records:
            if isinstance(record, BadRecord):
                run.reject(bad_of(record))
            elif record.problems:
                run.name(record.position, "; ".join(map(code_of, record.problems)))
    return 1 if run.tally.bad else 0


def _stats(arguments: argparse.Namespace) -> int:
    with _reading(arguments, 0) as run:
        for record in run.records:
            if isinstance(record, BadRecord):
                run.reject(bad_of(record))
    return 1 if run.tally.bad else 0
