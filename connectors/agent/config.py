"""One connector's settings, read once from a TOML file; every path is relative to that file's folder."""

import codecs
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from ssl import SSLContext
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from connectors.agent.harvest.settings import HarvestSettings, OaiSettings
from connectors.broker import Target
from connectors.broker.settings import BrokerSettings, NamedProfile
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
from connectors.z3950.profile import Profile as TargetProfile
from schemas.identifiers import AgencyId
from trust.settings import InFolder, Section, SettingsRefused, folder_of, is_loopback

Card = Annotated[str, Field(min_length=1)]

_IS_TLS = {"https": True, "wss": True, "http": False, "ws": False}
DIALECT = frozenset(item.name for item in fields(Profile))


def profile_of(table: Mapping[str, object], folder: Path, otherwise: Profile | None = None,
               keys: Collection[str] = DIALECT) -> Profile:
    """Return the dialect that a table describes: the profile it names, and its own ``keys`` before that one's.

    Raises:
        ProfileError: there is no such profile, or a key holds what it cannot.
    """
    known = _named(str(table["profile"]), folder) if "profile" in table else otherwise or Profile()
    return Profile.from_table({**known.to_table(), **{name: table[name] for name in table if name in keys}})


def _named(name: str, folder: Path) -> Profile:
    """Return a shipped profile, or one from a file as ``doctor`` writes it (``….toml``)."""
    if not name.endswith(".toml"):
        return Profile.shipped(name)
    try:
        return Profile.from_toml((folder / name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {name} cannot be read: {error}") from None


def _a_charset(name: str) -> str:
    try:
        return name and codecs.lookup(name).name
    except LookupError:
        raise PydanticCustomError("charset", "no charset of this name; utf-8, gb18030 and big5 are some") from None


def _extended(rows: object) -> object:
    """Put a library's own rows above the shipped table of reasons."""
    if not isinstance(rows, list):
        return rows
    try:
        return ReasonTable.shipped().extended(rows)
    except ReasonRowRefused as error:
        raise PydanticCustomError("reasons", "{problem}", {"problem": str(error)}) from None


class Dialect(Section):
    """A table that says how somebody speaks SIP2.

    ``profile`` is a shipped one's name or a file's path; a profile's ``keys`` may stand beside it and go before it.
    """

    keys: ClassVar[Collection[str]] = DIALECT
    profile: InstanceOf[Profile] = Profile()

    @model_validator(mode="before")
    @classmethod
    def _gather_profile(cls, table: Any, info: ValidationInfo) -> Any:
        """Make one profile of the one that is named and of the keys beside it."""
        if not isinstance(table, dict) or isinstance(table.get("profile"), Profile):
            return table
        try:
            profile = profile_of(table, folder_of(info), cls.model_fields["profile"].default, cls.keys)
        except ProfileError as error:
            raise PydanticCustomError("profile", "{problem}", {"problem": str(error)}) from None
        return {name: value for name, value in table.items() if name not in cls.keys} | {"profile": profile}


class Sip2Settings(Dialect):
    """Where the ILS's SIP2 server listens, its dialect, and the cards on which it lends to partners.

    ``institutional_cards`` is one card or a pool, ``partner_cards`` those of single partners. ``reasons`` are rows for
    this ILS's own words.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    user: str = ""
    password: Annotated[str, Field(repr=False)] = ""
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


class MarcSettings(Section):
    """The library's MARC file or folder of such (elsewhere only the charset), and where local fields keep copies."""

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


class Z3950Settings(Section):
    """The library's Z39.50 target: the catalogue is harvested from there where it is given, and searched live.

    ``profile`` is a shipped one's name or a file's path (``doctor --z3950`` writes one): how it is searched.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    database: str = "Default"
    syntax: Literal["usmarc", "unimarc"] = "unimarc"
    query_charset: Annotated[str, AfterValidator(_a_charset)] = ""
    profile: NamedProfile = TargetProfile()

    def target(self, name: str) -> Target:
        """Return the target as it is searched live; what stands here goes before what its profile says."""
        charset = self.query_charset or self.profile.query_charset
        return Target(name, replace(self.profile, host=self.host, port=self.port, database=self.database,
                                    query_charset=charset, syntaxes=(self.syntax,)))


class Settings(Section):
    """Everything a connector is told; what it learns lives in its journal."""

    agency: AgencyId
    gateway_url: str
    gateway_ca_file: InFolder | None = None
    gateway_without_tls: bool = False
    journal: InFolder = Path("journal.db")
    directory: InFolder = Path("directory")
    signing_key: InFolder = Path("sign.pem")
    sealing_key: InFolder = Path("seal.pem")
    passphrase_file: InFolder = Path("passphrase")
    desk_socket: InFolder = Path("desk.sock")
    sip2: Sip2Settings
    marc: MarcSettings | None = None
    z3950: Z3950Settings | None = None
    oai: OaiSettings | None = None
    broker: BrokerSettings = BrokerSettings()
    harvest: HarvestSettings = HarvestSettings()
    kiosk: Annotated[tuple[dict[str, object], ...], Field(repr=False)] = ()
    faces: Mapping[str, object] = {}

    @model_validator(mode="after")
    def _check_gateway(self) -> Self:
        is_tls, host = _read_address(self.gateway_url)
        if self.gateway_ca_file and not is_tls:
            raise PydanticCustomError("tls", "gateway_ca_file needs an https address in gateway_url")
        if not is_tls and not self.gateway_without_tls and not is_loopback(host):
            raise PydanticCustomError("tls", "gateway_url: on the way to another machine others could read and delay "
                                      "what is said; use https, or say gateway_without_tls = true")
        return self

    def gateway_tls(self) -> SSLContext | None:
        """Return how the gateway's certificate is verified; ``None`` where no TLS is spoken.

        Raises:
            SettingsRefused: there is no certificate in ``gateway_ca_file``.
        """
        if not _read_address(self.gateway_url)[0]:
            return None
        try:
            return client_context(ca_file=self.gateway_ca_file)
        except OSError as error:
            raise SettingsRefused(f"gateway_ca_file {self.gateway_ca_file}: no certificate in PEM ({error})") from None


def _read_address(url: str) -> tuple[bool, str]:
    """Return whether TLS is spoken to an address, and its host."""
    try:
        parts = urlsplit(url)
        is_tls, host = _IS_TLS.get(parts.scheme), parts.hostname
    except ValueError:
        is_tls = host = None
    if is_tls is None or not host:
        raise PydanticCustomError("address", "gateway_url: no address like https://gateway.example.org/link")
    return is_tls, host
