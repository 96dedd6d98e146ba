"""SIP2 messages and dialects as the tools show and read them: JSON, what is secret masked; profiles from TOML."""

import tomllib
from collections.abc import Collection
from pathlib import Path

from connectors.agent.config import profile_of
from connectors.sip2.errors import ProfileError
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.messages import Message
from connectors.sip2.profile import Profile, shipped_profiles
from connectors.tools.terminal import Refused, error_code

MASK = "•••"


def message_json(message: Message, hidden: Collection[str] = SECRET_CODES) -> dict[str, object]:
    """Return the shape that programs rely on, the values of ``hidden`` codes masked."""
    return {
        "message": message.id,
        "name": message.spec.name,
        "fixed": dict(message.fixed),
        "fields": [[code, MASK if code in hidden else value] for code, value in message.fields],
        "sequence": message.sequence,
        "checksum": message.checksum,
        "problems": list(message.problems),
    }


def error_json(error: Exception, offset: int) -> dict[str, object]:
    """Return the shape of a frame that cannot be read; its text names no value."""
    return {"error": error_code(error), "detail": str(error), "offset": offset}


def load_profile(name: str) -> Profile:
    """Read the dialect from a TOML file or, by its name, from those that are shipped.

    Of a connector's own settings file it is what stands under ``[sip2]``, with the profile that is named there; the
    rest says nothing of the dialect.

    Raises:
        Refused: the file cannot be read, or says something that cannot be.
    """
    if name in shipped_profiles():
        return Profile.shipped(name)
    try:
        table = tomllib.loads(Path(name).read_text(encoding="utf-8"))
        return profile_of(table["sip2"], Path(name).parent) if "sip2" in table else Profile.from_table(table)
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, ProfileError) as error:
        raise Refused(f"{name} is no SIP2 profile: {error}") from None
