"""What a library says about its harvests: how often, and how much may vanish at once; and where its repository is."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from trust.settings import Section

_DURATION = re.compile(r"([1-9]\d{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> object:
    """Read ``30m``, ``24h`` or ``7d``."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value)
    if found is None:
        raise PydanticCustomError("duration", "is a number of minutes, hours or days, such as 30m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class HarvestSettings(Section):
    """When ``serve`` harvests by itself, and what guards the union catalogue against a half export.

    ``full_every`` is for sources that tell what has changed, and not what was deleted.
    """

    every: Duration | None = None
    full_every: Duration = timedelta(days=7)
    lost_share_max: Annotated[float, Field(ge=0, le=1)] = 0.2


class OaiSettings(Section):
    """The library's OAI-PMH repository: the catalogue is harvested from there where it is given.

    ``prefix`` is the metadata format, found out where it is not named; ``set`` is a part of the repository.
    """

    url: Annotated[str, Field(pattern=r"^https?://", repr=False)]
    prefix: str = ""
    set: str = ""
