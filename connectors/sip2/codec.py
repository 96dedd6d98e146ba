"""Frame to message and back, in one library's dialect. Tolerant in, strict out.

In: strip the trailer AY/AZ on bytes, decode once, cut the fixed part, then split on the delimiter. In that order
only: 東, 質 and 珅 hold the byte of ``|`` in GBK, so bytes must not be split. Each tolerance used is named in
``Message.problems``. Values of any length pass. A missing required field is not an error: real servers leave them out.
Out: ``encode`` writes as the guide says, ``reproduce`` as the message came.
Deliberately absent: what to do about a wrong checksum (``session``) and a vendor's meaning of a code.
"""

import re
import unicodedata
from typing import NamedTuple

from connectors.sip2.checksum import SUMS, to_az
from connectors.sip2.errors import NotReproducible, TruncatedMessage, UnknownField, UnknownMessage, WrongWidth
from connectors.sip2.fields import CODE, FIELD_NAMES
from connectors.sip2.messages import MESSAGES, ChecksumState, Field, Form, Layout, Message, MessageSpec
from connectors.sip2.profile import CHARSETS, Checksum, Profile
from connectors.sip2.repair import repair
from connectors.sip2.text import Substitution, encoded, make_safe

_KNOWN_CODES = frozenset(FIELD_NAMES)
_MARKS = tuple(b"AY%dAZ" % sequence for sequence in range(10))
_SEQUENCES = {mark: sequence for sequence, mark in enumerate(_MARKS)}
# Some peers leave out AY, do not pad AZ to four digits, use small letters, or pad the frame.
_TRAILER = re.compile(rb"((?:AY([0-9]))?AZ)([0-9A-Fa-f]{1,4}) *\Z")
_TRAILER_BYTES_MAX = 16
# Tables in which some characters have two codes: A2A2 and F9FC are the same corner of a frame.
_DECODERS_WITH_TWINS = frozenset({"big5hkscs"})
# What leaves a text from which the bytes cannot be told.
_LOSSES = frozenset({"undecodable_bytes", "character_with_two_codes"})
# What begins like a trailer where a field may begin, and goes on with something else than hexadecimal digits.
_BROKEN_TRAILER = re.compile(rb"(AY([0-9])AZ)(.{0,8})\Z", re.DOTALL)
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
        self._charset = profile.charset
        self._decoder, _ = CHARSETS[profile.charset]
        self._delimiter = profile.delimiter
        self._signs = profile.checksum is not Checksum.NONE
        self._sum = SUMS[profile.checksum]
        self._sequences = _SEQUENCES if self._signs else {}
        self._terminator = profile.terminator.value

    def decode(self, frame: bytes) -> Message:
        """Return the message in ``frame``, which has no terminator.

        Raises:
            UnknownMessage, TruncatedMessage: and nothing else, whatever the bytes.
        """
        problems: list[str] = []
        text, sequence, state, odd_trailer = self._strip_trailer(frame, problems)
        text, form = (text, "NFC") if text.isascii() else _compose(text, problems)
        spec = MESSAGES.get(text[:2])
        if spec is None:
            raise UnknownMessage(text[:2])
        end = 2 + spec.width
        head = text[2:end]
        if len(head) < spec.width or self._delimiter in head:
            raise TruncatedMessage(spec.id, spec.width, len(head.partition(self._delimiter)[0]))
        fields, lead, gaps = self._split_fields(text[end:], spec, problems)
        is_canonical = not problems and odd_trailer is None
        # Filled at once, but for defaults: the __init__ of a frozen dataclass costs a tenth of the parse.
        message = object.__new__(Message)
        message.__dict__.update(id=spec.id, head=head, fields=fields, sequence=sequence, checksum=state, raw=frame)
        if not is_canonical:
            message.__dict__.update(problems=tuple(problems), layout=Layout(lead, gaps, odd_trailer, form))
        return message

    def encode(self, message: Message, sequence: int | None = None) -> Encoded:
        """Return the frame for ``message``, with AY and AZ where ``sequence`` is given and the profile has them.

        Raises:
            UnknownField, WrongWidth: the message is not one of the table's.
            Unencodable: an identifier would change on the way.
        """
        if message.id in _RESENDS:
            return Encoded((_RESENDS[message.id] if self._signs else message.id.encode()) + self._terminator)
        text, body, substitutions = self._write(message)
        if sequence is None or not self._signs:
            return Encoded(body + self._terminator, substitutions)
        return Encoded(self._sign(body, text, _MARKS[sequence]) + self._terminator, substitutions)

    def reproduce(self, message: Message) -> bytes:
        """Return the frame of a decoded message as it was received, made from its parts and not from ``raw``.

        Raises:
            NotReproducible: the bytes were no text of the charset, or the message was altered since.
        """
        layout, fields = message.layout, message.fields
        gaps = (self._delimiter,) * len(fields) if layout.gaps is None else layout.gaps
        if layout.form is None or len(gaps) != len(fields):
            raise NotReproducible(message.id)
        coded = "".join([f"{code}{value}{gap}" for (code, value), gap in zip(fields, gaps, strict=True)])
        text = unicodedata.normalize(layout.form, f"{message.id}{message.head}{layout.lead}{coded}")
        body = text.encode(self._decoder)
        if layout.trailer is not None:
            return body + layout.trailer
        if message.checksum == "absent":
            return body
        return self._sign(body, text, b"AZ" if message.sequence is None else _MARKS[message.sequence])

    def _strip_trailer(self, frame: bytes, problems: list[str]) -> tuple[str, int | None, ChecksumState, bytes | None]:
        """Return the text, AY, whether AZ is right, and the trailer where it is not what we would write."""
        mark = frame[-9:-4]
        sequence = self._sequences.get(mark)
        if sequence is not None:
            text = self._decode_text(frame[:-9], problems)
            if frame[-4:] == to_az(self._sum(frame[:-4], text, mark, self._delimiter)):
                return text, sequence, "ok", None
            problems.clear()
        return self._strip_odd_trailer(frame, problems)

    def _strip_odd_trailer(
        self, frame: bytes, problems: list[str]
    ) -> tuple[str, int | None, ChecksumState, bytes | None]:
        trailer = self._find_trailer(frame)
        if trailer is None:
            return self._decode_text(frame, problems), None, "absent", None
        mark, ay, az = trailer.groups()
        text = self._decode_text(frame[: trailer.start()], problems)
        sequence = None if ay is None else int(ay)
        if not self._signs:
            return text, sequence, "absent", trailer[0]
        right = to_az(self._sum(frame[: trailer.start(3)], text, mark, self._delimiter))
        is_right = az.upper().rjust(len(right), b"0") == right
        if len(az) < len(right):
            problems.append("checksum_not_padded")
        if not is_right:
            problems.append("checksum_wrong")
        return text, sequence, "ok" if is_right else "bad", None if trailer[0] == mark + right else trailer[0]

    def _find_trailer(self, frame: bytes) -> re.Match[bytes] | None:
        found = _TRAILER.search(frame, max(0, len(frame) - _TRAILER_BYTES_MAX))
        if found is not None and found[2]:
            return found
        found = found or _BROKEN_TRAILER.search(frame, max(0, len(frame) - _TRAILER_BYTES_MAX))
        if found is None or self._delimiter.encode() in found[3]:
            return None
        # It may as well be the end of an unterminated value: believe it only where a field may start.
        body = frame[: found.start()]
        spec = MESSAGES.get(body[:2].decode("latin-1"))
        is_field = body.endswith(self._delimiter.encode()) or (spec is not None and len(body) == 2 + spec.width)
        return found if is_field else None

    def _decode_text(self, body: bytes, problems: list[str]) -> str:
        if body.isascii():
            # The same in every charset here, and several times as fast as by a codec of one.
            return body.decode("ascii")
        try:
            text = body.decode(self._decoder)
        except UnicodeDecodeError:
            problems.append("undecodable_bytes")
            return body.decode(self._decoder, "replace")
        if self._decoder in _DECODERS_WITH_TWINS and text.encode(self._decoder) != body:
            problems.append("character_with_two_codes")
        return text

    def _sign(self, body: bytes, text: str, mark: bytes) -> bytes:
        signed = body + mark
        return signed + to_az(self._sum(signed, text, mark, self._delimiter))

    def _split_fields(
        self, rest: str, spec: MessageSpec, problems: list[str]
    ) -> tuple[tuple[Field, ...], str, tuple[str, ...] | None]:
        """Return the fields, what stood before the first, and what after each where it is not one delimiter."""
        if not rest:
            return (), "", None
        segments = rest.split(self._delimiter)
        lengths_max = spec.lengths_max
        fields = tuple([(code, each[2:]) for each in segments if len(each) <= lengths_max.get(code := each[:2], -1)])
        if len(fields) == len(segments) - 1 and not segments[-1]:
            return fields, "", None
        reading = repair(segments, spec, self._delimiter)
        problems += reading.problems
        return reading.fields, reading.lead, reading.gaps

    def _write(self, message: Message) -> tuple[str, bytes, tuple[Substitution, ...]]:
        """Return the text up to the trailer, its bytes, and what was replaced in it."""
        self._check_shape(message)
        delimiter, start, fields = self._delimiter, message.id + message.head, message.fields
        text = start + "".join([f"{code}{value}{delimiter}" for code, value in fields])
        body = encoded(text, self._charset) if text.isprintable() and text.count(delimiter) == len(fields) else None
        if body is not None:
            return text, body, ()
        fields, substitutions = make_safe(message.id, fields, self._charset, delimiter)
        text = start + "".join([f"{code}{value}{delimiter}" for code, value in fields])
        body = encoded(text, self._charset)
        assert body is not None
        return text, body, substitutions

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


def _compose(text: str, problems: list[str]) -> tuple[str, Form | None]:
    """Return the text in the form NFC, and the form it had; None where that cannot be told."""
    if not _LOSSES.isdisjoint(problems):
        return unicodedata.normalize("NFC", text), None
    if unicodedata.is_normalized("NFC", text):
        return text, "NFC"
    problems.append("not_nfc")
    composed = unicodedata.normalize("NFC", text)
    return composed, "NFD" if unicodedata.normalize("NFD", composed) == text else None
