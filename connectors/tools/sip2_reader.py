"""Frames off a line as the tools note them: read in the dialect that fits, and with nothing in them that is secret.

A frame whose form is in doubt may hold a password where none should stand: behind a lost delimiter, in a fixed part
that is too short, in text of another charset. Of such a frame only the shape is noted, its codes and no value.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from itertools import pairwise

from connectors.sip2.codec import Codec
from connectors.sip2.dates import decode_date
from connectors.sip2.errors import BadDate
from connectors.sip2.fields import FIELD_NAMES, SECRET_CODES
from connectors.sip2.messages import Message
from connectors.sip2.profile import Profile
from connectors.tools.sip2_shapes import MASK, message_json

_USUAL_CHARSETS = ("utf-8", "gbk")
_DOUBTS = frozenset({"undecodable_bytes", "delimiter_in_value", "text_before_fields"})
_DATE_CHARACTERS = 18
# What a flag may hold beside its two letters: unknown, and not filled in.
_FLAG_ELSE = "U "


class Reader:
    """Reads frames in the first of its dialects in which they are whole text."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._codecs = [Codec(profile) for profile in profiles]

    @classmethod
    def of(cls, profile: Profile, *, is_charset_known: bool) -> "Reader":
        """Return the reader for a dialect; where its charset is not known, for the usual ones."""
        charsets = (profile.charset,) if is_charset_known else _USUAL_CHARSETS
        return cls([replace(profile, charset=charset) for charset in charsets])

    def read_json(self, frame: bytes) -> dict[str, object]:
        """Return the shape of ``sip2 parse`` for ``frame``; its values only where it is sure which are secret.

        Raises:
            FormatError: it is no message.
        """
        readings = [codec.decode(frame) for codec in self._codecs]
        whole = (message for message in readings if "undecodable_bytes" not in message.problems)
        message = next(whole, readings[0])
        shown = message_json(message)
        if is_doubtful(message, self._codecs[0].profile.delimiter):
            shown["fixed"] = dict.fromkeys(message.fixed, MASK)
            shown["fields"] = [[code, MASK] for code, _ in message.fields if code in FIELD_NAMES]
        return shown


def is_doubtful(message: Message, delimiter: str) -> bool:
    """Whether a secret may stand in ``message`` outside the fields that are known to hold one."""
    if _holds_unread_secret(message, delimiter) or any(code not in FIELD_NAMES for code, _ in message.fields[:1]):
        return True
    secret = SECRET_CODES & set(message.spec.codes)
    if not secret:
        return False
    return (bool(_DOUBTS & set(message.problems)) or not _is_head_sound(message) or _lost_delimiter(message, secret)
            or _cut_secret(message))


def _holds_unread_secret(message: Message, delimiter: str) -> bool:
    """Whether the bytes show the beginning of a secret field more often than such fields were read.

    No delimiter stands before the first field.
    """
    codes = "|".join(sorted(SECRET_CODES))
    shown = re.findall(f"(?i){re.escape(delimiter)}({codes})".encode(), message.raw)
    read = Counter(code for code, _ in message.fields[1:])
    return any(count > read[code] for code, count in Counter(code.decode().upper() for code in shown).items())


def _is_head_sound(message: Message) -> bool:
    """Whether the fixed part holds dates and flags where they belong; one that is too short has eaten of a field."""
    try:
        for item in message.spec.fixed:
            text = message.fixed[item.name]
            if item.width == _DATE_CHARACTERS:
                decode_date(text, UTC)
            elif item.flags and text not in item.flags + _FLAG_ELSE:
                return False
    except BadDate:
        return False
    return True


def _lost_delimiter(message: Message, secret: frozenset[str]) -> bool:
    """Whether a password, or what the message must have, seems to stand in another field's value."""
    read = {code for code, _ in message.fields}
    missing = (secret & (message.spec.required | {"AD"})) - read
    return any(code in value for code in missing for _, value in message.fields)


def _cut_secret(message: Message) -> bool:
    """Whether what follows a password in a request may be its rest: a field that this request does not have."""
    return message.spec.answer is not None and any(
        code in SECRET_CODES and following not in message.spec.codes
        for (code, _), (following, _) in pairwise(message.fields))
