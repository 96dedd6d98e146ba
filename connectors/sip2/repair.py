"""Coded fields that are not written as SIP2 says: what real peers send, read as it was meant. Pure and linear.

Each oddity has a name that is counted; what stood between the fields is kept, so that the text can be written again.
"""

from typing import NamedTuple

from connectors.sip2.fields import CODE
from connectors.sip2.messages import Field, MessageSpec


class Reading(NamedTuple):
    """The fields, what stood before the first and after each, and the names of the oddities."""

    fields: tuple[Field, ...]
    lead: str
    gaps: tuple[str, ...]
    problems: tuple[str, ...]


class _Reader:
    """Collects fields. The last one is open: delimiters that belong to its value may still follow."""

    def __init__(self, spec: MessageSpec, delimiter: str) -> None:
        self._spec = spec
        self._delimiter = delimiter
        self._fields: list[Field] = []
        self._gaps: list[str] = []
        # What precedes the first code is read as a field without one.
        self._code = ""
        self._parts: list[str] = []
        self._empty_segments = 0
        self._found: dict[str, None] = {}

    def take(self, segment: str) -> None:
        """Read what stands between two delimiters."""
        if not segment:
            self._found["empty_segment"] = None
            self._empty_segments += 1
        elif CODE.match(segment):
            self._close(is_ended=True)
            self._open(segment)
        else:
            self._found["delimiter_in_value" if self._code else "text_before_fields"] = None
            self._parts += [*[""] * self._empty_segments, segment]
            self._empty_segments = 0

    def finish(self, *, is_ended: bool) -> Reading:
        """Return all that was read; ``is_ended``: the final delimiter stands."""
        if not is_ended:
            self._found["final_delimiter_missing"] = None
        self._close(is_ended=is_ended)
        (_, before), *fields = self._fields
        gap, *gaps = self._gaps
        return Reading(tuple(fields), before + gap, tuple(gaps), tuple(self._found))

    def _close(self, *, is_ended: bool) -> None:
        delimiters = self._empty_segments + (is_ended and bool(self._parts))
        value = self._delimiter.join(self._parts)
        kept = value.rstrip(" ") if self._code == "BX" else value
        if kept != value:
            self._found["padded"] = None
        self._fields.append((self._code, kept))
        self._gaps.append(value[len(kept) :] + self._delimiter * delimiters)
        self._empty_segments = 0

    def _open(self, segment: str) -> None:
        widths, codes = self._spec.widths, self._spec.codes
        code, start = segment[:2], 2
        # BLYBV7.00 is two fields: decidable where the first has a fixed width and the next code belongs here.
        while (width := widths.get(code)) and (following := segment[start + width : start + width + 2]) in codes:
            self._found["delimiter_missing"] = None
            self._fields.append((code, segment[start : start + width]))
            self._gaps.append("")
            code, start = following, start + width + 2
        self._code, self._parts = code, [segment[start:]]


def repair(segments: list[str], spec: MessageSpec, delimiter: str) -> Reading:
    """Read what stands between the delimiters; the last segment is empty where the final delimiter stands."""
    reader = _Reader(spec, delimiter)
    is_ended = not segments[-1]
    for segment in segments[:-1] if is_ended else segments:
        reader.take(segment)
    return reader.finish(is_ended=is_ended)
