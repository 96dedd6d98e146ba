"""The broker's settings: ``[broker]`` with one ``[[broker.targets]]`` for each catalogue outside the alliance."""

from dataclasses import replace
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, InstanceOf, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from connectors.broker.broker import SECONDS
from connectors.broker.face import DATABASE
from connectors.broker.targets import SruAddress, Target
from connectors.sru.messages import Version
from connectors.z3950.apdu import Credentials, IdPass
from connectors.z3950.errors import ProfileError
from connectors.z3950.profile import Profile
from schemas.identifiers import ShortText
from trust.settings import Section, folder_of


def _named(value: object, info: ValidationInfo) -> object:
    """Return the profile of a name: a shipped one's, or a file's as ``doctor --z3950`` writes it (``….toml``)."""
    if not isinstance(value, str):
        return value
    try:
        if not value.endswith(".toml"):
            return Profile.shipped(value)
        return Profile.from_toml((folder_of(info) / value).read_text(encoding="utf-8"))
    except (ProfileError, OSError, UnicodeDecodeError) as error:
        raise PydanticCustomError("profile", "{problem}", {"problem": f"profile {value}: {error}"}) from None


NamedProfile = Annotated[InstanceOf[Profile], BeforeValidator(_named)]
"""A profile by its name or file."""


class TargetSettings(Section):
    """One target. What stands here goes before what its ``profile`` says; with ``sru``, a URL, it is asked over SRU."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    profile: NamedProfile = Profile()
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database: str = ""
    sru: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    sru_version: Version = Version.V1_2
    user: str = ""
    group: str = ""
    password: Annotated[str, Field(repr=False)] = ""

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if not (self.host or self.profile.host or self.sru):
            raise PydanticCustomError("place", "a target needs a host, here or in its profile, or an address in sru")
        return self

    def target(self) -> Target:
        """Return the target as the broker knows it."""
        known = self.profile
        profile = replace(known, host=self.host or known.host, port=self.port or known.port,
                          database=self.database or known.database)
        return Target(self.name, profile, self._credentials(), self._sru())

    def _credentials(self) -> Credentials | None:
        return IdPass(self.group or None, self.user or None, self.password or None) if self.user else None

    def _sru(self) -> SruAddress | None:
        return SruAddress(self.sru, self.sru_version) if self.sru else None


class BrokerSettings(Section):
    """What is searched live beside the union catalogue, and the database of our Z39.50 face in which."""

    targets: tuple[TargetSettings, ...] = ()
    database: ShortText = DATABASE
    seconds: Annotated[float, Field(gt=0, le=60)] = SECONDS

    def known(self) -> tuple[Target, ...]:
        """Return the targets as the broker knows them."""
        return tuple(target.target() for target in self.targets)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if len({target.name for target in self.targets}) < len(self.targets):
            raise PydanticCustomError("name", "two targets have one name")
        return self
