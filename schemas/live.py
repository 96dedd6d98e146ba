"""A live search of a library's own catalogue: what the gateway asks, and what the library's target has answered.

The question's steps are those of `schemas.catalogue`. A library that has no target to ask says so; one whose target is
mute, refuses or delivers in part says that, because nothing found and nothing heard are different things. Asked and
answered as `schemas.questions` are: once, at once, never stored.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, field_serializer

from schemas.bib import Bib
from schemas.catalogue import STEPS_MAX, Operator, Sought
from schemas.identifiers import Count, ShortText, Wire

RECORDS_MAX = 50
"""Records of one answer."""
ANSWER_BYTES_MAX = 1_000_000
"""What the records of one answer may take as JSON."""


class LiveState(StrEnum):
    """What a search of one library came to.

    ``unconfirmed``: nothing found, by a target that may have misread a query beyond ASCII. ``no_target``: the library
    has none that its connector could ask.
    """

    OK = "ok"
    PARTIAL = "partial"
    EMPTY = "empty"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    NO_TARGET = "no_target"


class LiveQuestion(Wire):
    """Gateway → library: what does your target find now? Answer within ``milliseconds``, in part if need be."""

    query: Annotated[tuple[Sought | Operator, ...], Field(max_length=STEPS_MAX)]
    limit: Annotated[int, Field(ge=1, le=RECORDS_MAX)] = 10
    milliseconds: Annotated[int, Field(ge=1, le=60_000)] = 3000


class LiveAnswer(Wire):
    """Library → gateway. ``changes`` says what was asked in place of what the target lacks (``1=1003>1=1016``)."""

    state: LiveState
    hits: Count = 0
    bibs: Annotated[tuple[Bib, ...], Field(max_length=RECORDS_MAX)] = ()
    changes: Annotated[tuple[ShortText, ...], Field(max_length=50)] = ()

    @field_serializer("bibs", when_used="json")
    def _without_defaults(self, bibs: tuple[Bib, ...]) -> list[dict[str, Any]]:
        """A record has many fields and uses few: on the wire those that say nothing are left out."""
        return [bib.model_dump(mode="json", exclude_defaults=True) for bib in bibs]
