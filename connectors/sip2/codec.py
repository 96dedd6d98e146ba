"""Frame to message and back, in one library's dialect. Tolerant in, strict out.

In: strip the trailer AY/AZ on bytes, decode once, cut the fixed part, then split on the delimiter. In that order
only: 東, 質 and 珅 hold the byte of ``|`` in GBK, so bytes must not be split. Each tolerance used is named in
``Message.problems``. Values of any length pass. A missing required field is not an error: real servers leave them out.
Deliberately absent: what to do about a wrong checksum (``session``) and a vendor's meaning of a code.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from connectors.sip2.checksum import checksum
from connectors.sip2.errors import TruncatedMessage, UnknownField, UnknownMessage, WrongWidth
from connectors.sip2.fields import CODE, FIELD_NAMES
from connectors.sip2.messages import MESSAGES, ChecksumState, Field, Message, MessageSpec
from connectors.sip2.profile import CHARSETS, Checksum, Profile
from connectors.sip2.text import Substitution, make_safe

_KNOWN_CODES = frozenset(FIELD_NAMES)
# Some peers leave out AY, do not pad AZ to four digits, or use small letters.
_TRAILER = re.compile(rb"((?:AY([0-9]))?AZ)([0-9A-Fa-f]{1,4}) *\Z")
_TRAILER_BYTES_MAX = 16
_ABSENT: ChecksumState = "absent"
# The only two messages that carry AZ without AY; their checksums are constants.
_RESENDS = {"96": b"96AZFEF6", "97": b"97AZFEF5"}


class Encoded(NamedTuple):
    """A frame with its terminator, and what had to be replaced in it."""

    data: bytes
    substitutions: tuple[Substitution, ...] = ()


class Codec:
    """Encodes and decodes in the dialect of one profile. Holds no state of a line."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._decoder, self._encoder = CHARSETS[profile.charset]
        self._delimiter = profile.delimiter
        self._variant = profile.checksum
        self._terminator = profile.terminator.value

    def decode(self, frame: bytes) -> Message:
        """Return the message in ``frame``, which has no terminator.

        Raises:
            UnknownMessage, TruncatedMessage: and nothing else, whatever the bytes.
        """
        problems: list[str] = []
        body, trailer = self._split_trailer(frame)
        text = self._decode_text(body, problems)
        sequence, state = (None, _ABSENT) if trailer is None else self._verify(body, text, trailer, problems)
        if not text.isascii() and not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
            problems.append("not_nfc")
        spec = MESSAGES.get(text[:2])
        if spec is None:
            raise UnknownMessage(text[:2])
        end = 2 + spec.width
        head = text[2:end]
        if len(head) < spec.width or self._delimiter in head:
            raise TruncatedMessage(spec.id, spec.width, len(head.partition(self._delimiter)[0]))
        fields = self._split_fields(text[end:], spec, problems)
        return Message.received(
            spec, head, fields, sequence=sequence, checksum=state, problems=tuple(problems), raw=frame
        )

    def encode(self, message: Message, sequence: int | None = None) -> Encoded:
        """Return the frame for ``message``, with AY and AZ where ``sequence`` is given and the profile has them.

        Raises:
            UnknownField, WrongWidth: the message is not one of the table's.
            Unencodable: an identifier would change on the way.
        """
        if message.id in _RESENDS:
            plain = self._variant is Checksum.NONE
            return Encoded((message.id.encode() if plain else _RESENDS[message.id]) + self._terminator)
        text, substitutions = self._to_text(message)
        body = text.encode(self._encoder)
        if sequence is None or self._variant is Checksum.NONE:
            return Encoded(body + self._terminator, substitutions)
        trailer = b"AY%dAZ" % sequence
        az = checksum(self._variant, body, text, trailer, self._delimiter)
        return Encoded(b"%b%b%04X%b" % (body, trailer, az, self._terminator), substitutions)

    def _split_trailer(self, frame: bytes) -> tuple[bytes, re.Match[bytes] | None]:
        found = _TRAILER.search(frame, max(0, len(frame) - _TRAILER_BYTES_MAX))
        if found is None:
            return frame, None
        body = frame[: found.start()]
        if found[2]:
            return body, found
        # Without AY it may as well be the end of an unterminated value: believe it only where a field may start.
        spec = MESSAGES.get(body[:2].decode("latin-1"))
        if body.endswith(self._delimiter.encode()) or (spec is not None and len(body) == 2 + spec.width):
            return body, found
        return frame, None

    def _decode_text(self, body: bytes, problems: list[str]) -> str:
        try:
            return body.decode(self._decoder)
        except UnicodeDecodeError:
            problems.append("undecodable_bytes")
            return body.decode(self._decoder, "replace")

    def _verify(
        self, body: bytes, text: str, trailer: re.Match[bytes], problems: list[str]
    ) -> tuple[int | None, ChecksumState]:
        signed, ay, az = trailer.groups()
        sequence = None if ay is None else int(ay)
        if self._variant is Checksum.NONE:
            return sequence, _ABSENT
        if len(az) < 4:
            problems.append("checksum_not_padded")
        # 96 and 97 are an id and nothing else, and their checksums are constants.
        variant = Checksum.BYTES if len(text) == 2 else self._variant
        if int(az, 16) == checksum(variant, body, text, signed, self._delimiter):
            return sequence, "ok"
        problems.append("checksum_wrong")
        return sequence, "bad"

    def _split_fields(self, rest: str, spec: MessageSpec, problems: list[str]) -> tuple[Field, ...]:
        if not rest:
            return ()
        segments = rest.split(self._delimiter)
        if segments[-1]:
            problems.append("final_delimiter_missing")
        else:
            segments.pop()
        fields = tuple([(segment[:2], segment[2:]) for segment in segments])
        last = dict(fields)
        if last.keys() <= _KNOWN_CODES:
            for code, width in spec.widths:
                if code in last and len(last[code]) > width:
                    break
            else:
                return fields
        return self._repair(segments, spec, problems)

    def _repair(self, segments: list[str], spec: MessageSpec, problems: list[str]) -> tuple[Field, ...]:
        """Read segments that are not all a known code with a value that fits. Linear, however odd they are."""
        found: dict[str, None] = {}
        fields: list[tuple[str, list[str]]] = []
        for segment in segments:
            if not segment:
                found["empty_segment"] = None
            elif CODE.match(segment):
                fields += [(code, [value]) for code, value in self._split_run(segment, spec, found)]
            elif fields:
                # No code: the delimiter stood inside the value before.
                fields[-1][1].append(segment)
                found["delimiter_in_value"] = None
            else:
                found["text_before_fields"] = None
        problems += found
        return tuple((code, self._delimiter.join(parts)) for code, parts in fields)

    def _split_run(self, segment: str, spec: MessageSpec, found: dict[str, None]) -> Iterator[Field]:
        """Cut ``BLYBV7.00`` into two fields: decidable where the first has a fixed width and the next code belongs."""
        widths = dict(spec.widths)
        start = 0
        while width := widths.get(segment[start : start + 2]):
            end = start + 2 + width
            if segment[end : end + 2] not in spec.codes:
                break
            yield segment[start : start + 2], segment[start + 2 : end]
            start = end
            found["delimiter_missing"] = None
        code, value = segment[start : start + 2], segment[start + 2 :]
        if code == "BX" and value.endswith(" "):
            value = value.rstrip()
            found["padded"] = None
        yield code, value

    def _to_text(self, message: Message) -> tuple[str, tuple[Substitution, ...]]:
        delimiter, fields = self._delimiter, message.fields
        self._check_shape(message)
        text = message.id + message.head + "".join([f"{code}{value}{delimiter}" for code, value in fields])
        if text.isprintable() and text.count(delimiter) == len(fields) and self._can_encode(text):
            return text, ()
        fields, substitutions = make_safe(message.id, fields, self._encoder, delimiter)
        text = message.id + message.head + "".join([f"{code}{value}{delimiter}" for code, value in fields])
        return text, substitutions

    def _check_shape(self, message: Message) -> None:
        spec = MESSAGES.get(message.id)
        if spec is None:
            raise UnknownMessage(message.id)
        head = message.head
        if len(head) != spec.width or not (head.isascii() and head.isprintable()) or self._delimiter in head:
            raise WrongWidth(message.id, "the fixed part", spec.width)
        codes = {code for code, _ in message.fields}
        if not codes <= _KNOWN_CODES:
            for code in codes - _KNOWN_CODES:
                if not CODE.fullmatch(code):
                    raise UnknownField(message.id, code)

    def _can_encode(self, text: str) -> bool:
        if text.isascii():
            return True
        try:
            text.encode(self._encoder)
        except UnicodeEncodeError:
            return False
        return True
