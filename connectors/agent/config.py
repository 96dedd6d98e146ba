"""One connector's settings, read once from a TOML file; every path is relative to that file's folder."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from ssl import SSLContext
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from connectors.ils.cards import InstitutionalCards
from connectors.ils.reasons import ReasonRowRefused, ReasonTable
from connectors.ils.sip2 import PATRON_TYPE_CODE, Sip2Ils
from connectors.marc.items import ItemMapping
from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.dialect import LearnedDialect, OnLearned, forget
from connectors.sip2.errors import ProfileError
from connectors.sip2.profile import Login, Profile
from connectors.sip2.tls import client_context
from connectors.sip2.verbs import Asks, Verbs
from schemas.identifiers import AgencyId

Card = Annotated[str, Field(min_length=1)]


class SettingsRefused(ValueError):
    """The settings file cannot be used; the text says which setting and why."""


def _folder(info: ValidationInfo) -> Path:
    return Path((info.context or {}).get("folder", ""))


def _below_folder(path: Path, info: ValidationInfo) -> Path:
    return _folder(info) / path


InFolder = Annotated[Path, AfterValidator(_below_folder)]
"""A path that is relative to the folder of the settings file."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


_DIALECT = frozenset(item.name for item in fields(Profile))


def profile_of(table: Mapping[str, object], folder: Path) -> Profile:
    """Return the dialect that a ``[sip2]`` table describes: the profile it names, and its own keys before that one's.

    Raises:
        ProfileError: there is no such profile, or a key holds what it cannot.
    """
    named = _named(str(table["profile"]), folder) if "profile" in table else Profile()
    return Profile.from_table({**named.to_table(), **{name: table[name] for name in table if name in _DIALECT}})


def _named(name: str, folder: Path) -> Profile:
    """Return a shipped profile, or one from a file as ``doctor`` writes it (``….toml``)."""
    if not name.endswith(".toml"):
        return Profile.shipped(name)
    try:
        return Profile.from_toml((folder / name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {name} cannot be read: {error}") from None


def _extended(rows: object) -> object:
    """Put a library's own rows above the shipped table of reasons."""
    if not isinstance(rows, list):
        return rows
    try:
        return ReasonTable.shipped().extended(rows)
    except ReasonRowRefused as error:
        raise PydanticCustomError("reasons", "{problem}", {"problem": str(error)}) from None


class Sip2Settings(_Section):
    """Where the ILS's SIP2 server listens, its dialect, and the cards on which it lends to partners.

    ``profile`` is a shipped one's name or a file's path; any key of a profile may stand beside it and goes before it.
    ``institutional_cards`` is one card or a pool, ``partner_cards`` those of single partners. ``reasons`` are rows for
    this ILS's own words.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    user: str = ""
    password: Annotated[str, Field(repr=False)] = ""
    profile: InstanceOf[Profile] = Profile()
    tls: bool = False
    ca_file: InFolder | None = None
    certificate: InFolder | None = None
    private_key: InFolder | None = None
    server_name: str | None = None
    max_lines: Annotated[int, Field(ge=1, le=64)] = 2
    deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0
    institutional_cards: Annotated[tuple[Card, ...], Field(min_length=1)]
    partner_cards: Mapping[AgencyId, Card] = {}
    patron_type_code: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")] = PATRON_TYPE_CODE
    reasons: Annotated[InstanceOf[ReasonTable], BeforeValidator(_extended)] = ReasonTable.shipped()

    @model_validator(mode="before")
    @classmethod
    def _gather_profile(cls, table: Any, info: ValidationInfo) -> Any:
        """Make one profile of the one that is named and of the keys beside it."""
        if not isinstance(table, dict) or isinstance(table.get("profile"), Profile):
            return table
        try:
            profile = profile_of(table, _folder(info))
        except ProfileError as error:
            raise PydanticCustomError("profile", "{problem}", {"problem": str(error)}) from None
        return {name: value for name, value in table.items() if name not in _DIALECT} | {"profile": profile}

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if not self.tls and (self.ca_file or self.certificate or self.private_key or self.server_name):
            raise PydanticCustomError("tls", "ca_file, certificate, private_key and server_name need tls = true")
        if (self.certificate is None) != (self.private_key is None):
            raise PydanticCustomError("tls", "a client certificate needs both certificate and private_key")
        return self

    def credentials(self) -> Credentials | None:
        """Return the login, if there is one."""
        return Credentials(self.user, self.password) if self.profile.login is not Login.NONE else None

    def cards(self) -> InstitutionalCards:
        """Return the cards on which this ILS lends to partners."""
        return InstitutionalCards(self.institutional_cards, self.partner_cards)

    def client(self, *, learned: LearnedDialect | None = None, on_learned: OnLearned = forget) -> Sip2Client:
        """Return a client of this ILS that has opened no line yet.

        Raises:
            SettingsRefused: a certificate or key cannot be used.
        """
        return Sip2Client(self.host, self.port, self.profile, self.credentials(), max_lines=self.max_lines,
                          deadline_seconds=self.deadline_seconds, tls=self._tls_context(),
                          server_name=self.server_name, learned=learned, on_learned=on_learned)

    def ils(self, client: Asks, clock: Callable[[], datetime]) -> Sip2Ils:
        """Return the ILS behind a client."""
        return Sip2Ils(Verbs(client, clock), self.reasons, self.patron_type_code)

    def _tls_context(self) -> SSLContext | None:
        try:
            return client_context(ca_file=self.ca_file, certificate=self.certificate,
                                  key=self.private_key) if self.tls else None
        except OSError as error:
            raise SettingsRefused(f"[sip2] ca_file, certificate, private_key: not usable for TLS ({error})") from None


class MarcSettings(_Section):
    """The library's MARC file (or, with [z3950], only its charset) and where its local fields keep copies."""

    file: InFolder | None = None
    charset: str | None = None
    item_tag: str
    barcode: str
    branch: str = ""
    location: str = ""
    call_number: str = ""
    price: str = ""

    def mapping(self) -> ItemMapping:
        """Return the item fields as the MARC package knows them."""
        return ItemMapping(self.item_tag, self.barcode, branch=self.branch, location=self.location,
                           call_number=self.call_number, price=self.price)


class Z3950Settings(_Section):
    """The library's Z39.50 target: the catalogue is harvested from there where it is given."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    database: str = "Default"
    syntax: Literal["usmarc", "unimarc"] = "unimarc"


class Settings(_Section):
    """Everything a connector is told; what it learns lives in its journal."""

    agency: AgencyId
    gateway_url: str
    journal: InFolder = Path("journal.db")
    directory: InFolder = Path("directory")
    signing_key: InFolder = Path("sign.pem")
    sealing_key: InFolder = Path("seal.pem")
    passphrase_file: InFolder = Path("passphrase")
    desk_socket: InFolder = Path("desk.sock")
    sip2: Sip2Settings
    marc: MarcSettings | None = None
    z3950: Z3950Settings | None = None
    kiosk: Annotated[tuple[dict[str, object], ...], Field(repr=False)] = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a settings file.

        Raises:
            SettingsRefused: naming the setting, never its value.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls.model_validate(table, context={"folder": path.parent})
        except OSError as error:
            raise SettingsRefused(f"{path} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"{path} is no TOML file: {error}") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise SettingsRefused(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
