"""Typed identifiers and the base of every model on the wire.

No bare strings pass beyond this module: two parameters of type ``str`` side by side are a bug waiting.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import CoreSchema, core_schema


class Wire(BaseModel):
    """A frozen model that refuses unknown fields; validated strictly when it comes from JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", revalidate_instances="never")


class Identifier(str):
    """A string of one kind and one pattern; a type of its own, so that kinds cannot be confused."""

    __slots__ = ()
    pattern: ClassVar[str]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by the pattern, then carry the type."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(pattern=cls.pattern))


class AgencyId(Identifier):
    """A library's ISIL (ISO 15511) or the gateway's own name in the directory."""

    pattern = r"^[A-Z0-9][A-Z0-9-]{1,63}$"


class ConversationId(Identifier):
    """One loan: every message of it carries this id."""

    pattern = r"^[a-z0-9][a-z0-9-]{7,63}$"


class MessageHash(Identifier):
    """SHA-256 of the signed bytes (DSSE PAE), hexadecimal: the id and dedupe key of a message."""

    pattern = r"^[0-9a-f]{64}$"


class KeyId(Identifier):
    """Derived from the public key, so that one id can never name two keys."""

    pattern = r"^[0-9a-f]{64}$"


class PatronToken(Identifier):
    """The pseudonym under which a reader leaves the home library; another one for every receiver."""

    pattern = r"^[A-Za-z0-9_-]{16,64}$"


class ItemBarcode(Identifier):
    """A copy's barcode; unique only together with the agency that owns it."""

    pattern = r"^[^\x00-\x1f]{1,64}$"


Fen = Annotated[int, Field(ge=0, lt=2**53)]
"""An amount of money: integer fen (1/100 yuan), never a float, safe in every JSON reader."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""A number of things, or a place in an order; safe in every JSON reader and every database."""

Integer = Annotated[int, Field(gt=-2**53, lt=2**53)]
"""A number of either sign; safe in every JSON reader and every database."""

ShortText = Annotated[str, StringConstraints(max_length=500)]


def _require_utc(moment: datetime) -> datetime:
    if moment.utcoffset() != UTC.utcoffset(None):
        raise ValueError("a timestamp on the wire is in UTC and ends in Z")
    return moment.astimezone(UTC)


class _InUtc:
    """Reads one spelling only: other parsers do not take the many that pydantic knows, such as a count of seconds."""

    pattern: ClassVar[str] = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_after_validator_function(datetime.fromisoformat,
                                                            core_schema.str_schema(pattern=self.pattern))
        moment = core_schema.no_info_after_validator_function(_require_utc,
                                                              core_schema.datetime_schema(tz_constraint="aware"))
        return core_schema.json_or_python_schema(text, moment, serialization=core_schema.simple_ser_schema("datetime"))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "format": "date-time"}


Timestamp = Annotated[AwareDatetime, _InUtc()]
"""A moment in UTC, spelt ``YYYY-MM-DDThh:mm:ss`` with up to six decimals and a ``Z`` (RFC 3339)."""
