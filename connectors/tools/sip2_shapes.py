"""SIP2 messages and dialects as the tools show and read them: JSON with what is secret masked, profiles from TOML."""

import tomllib
from dataclasses import fields
from pathlib import Path

from connectors.sip2.errors import FormatError, ProfileError
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.messages import Message
from connectors.sip2.profile import Profile
from connectors.tools.terminal import Refused, error_code

MASK = "•••"
_PROFILE_KEYS = frozenset(item.name for item in fields(Profile))


def message_json(message: Message) -> dict[str, object]:
    """Return the shape that programs rely on, secrets masked."""
    return {
        "message": message.id,
        "name": message.spec.name,
        "fixed": dict(message.fixed),
        "fields": [[code, MASK if code in SECRET_CODES else value] for code, value in message.fields],
        "sequence": message.sequence,
        "checksum": message.checksum,
        "problems": list(message.problems),
    }


def error_json(error: FormatError, offset: int) -> dict[str, object]:
    """Return the shape of a frame that cannot be read; its text names no value."""
    return {"error": error_code(error), "detail": str(error), "offset": offset}


def load_profile(path: Path) -> Profile:
    """Read the dialect from a TOML file: a profile's keys, at its top or under ``[sip2]``.

    A connector's own settings file will do; what else stands in it says nothing of the dialect.

    Raises:
        Refused: the file cannot be read, or says something that cannot be.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        section = document.get("sip2", document)
        return Profile.from_table({name: value for name, value in section.items() if name in _PROFILE_KEYS})
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, AttributeError, ProfileError) as error:
        raise Refused(f"{path} is no SIP2 profile: {error}") from None
