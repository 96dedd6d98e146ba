"""A kiosk's settings: one ``[[kiosk]]`` table of the connector's TOML file for each machine or kind of machine.

Several tables may share a port. Which of them a connection is told by its subnet, then by login user (CN) and location
(CP) of its first message; the first table in the file that fits is taken.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from connectors.agent.config import SettingsRefused
from connectors.agent.custody import HOLD_DAYS
from connectors.sip2.errors import ProfileError
from connectors.sip2.profile import Checksum, ErrorDetection, Login, Profile, Terminator
from schemas.identifiers import AgencyId, ShortText


def _by_name(value: object) -> object:
    return Terminator.__members__.get(value, value) if isinstance(value, str) else value


class Kiosk(BaseModel):
    """One table. ``place`` stands in receipts; bins (CL) are the machine's own names.

    ``sort_bins`` names a bin for some libraries, ``alliance_bin`` is for all others, ``staff_bin`` for what a person
    must look at. Unless ``login`` is none, the machine logs in with ``user`` and ``password``.
    ``locker`` is the pickup point that a locker (网借柜) is, by its name in the alliance's directory; it keeps a copy
    for ``hold_days``. ``lines_max`` and ``idle_seconds`` bound what the machines of this table may cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: Annotated[int, Field(ge=0, le=65535)]
    host: str = "127.0.0.1"
    place: ShortText
    subnet: IPv4Network | IPv6Network | None = None
    user: str = ""
    password: Annotated[str, Field(repr=False)] = ""
    location: str = ""
    locker: ShortText = ""
    hold_days: Annotated[int, Field(ge=1, le=60)] = HOLD_DAYS
    lines_max: Annotated[int, Field(ge=1, le=10_000)] = 200
    idle_seconds: Annotated[float, Field(gt=0)] = 900.0
    charset: str = "utf-8"
    terminator: Annotated[Terminator, BeforeValidator(_by_name)] = Terminator.CR
    delimiter: str = "|"
    checksum: Checksum = Checksum.BYTES
    error_detection: ErrorDetection = ErrorDetection.STRICT
    login: Login = Login.NONE
    institution: str = ""
    timezone: str = "Asia/Shanghai"
    alliance_bin: str = ""
    staff_bin: str = ""
    sort_bins: Mapping[AgencyId, str] = {}
    certificate: Path | None = None
    private_key: Path | None = None

    @cached_property
    def profile(self) -> Profile:
        """The machine's dialect as the SIP2 package knows it."""
        return Profile(charset=self.charset, terminator=self.terminator, delimiter=self.delimiter,
                       checksum=self.checksum, error_detection=self.error_detection, login=self.login,
                       institution=self.institution, location=self.location, timezone=self.timezone)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.login is not Login.NONE and not self.user:
            raise ValueError("a login needs user and password")
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("TLS needs both certificate and private_key")
        try:
            _ = self.profile
        except ProfileError as error:
            raise ValueError(str(error)) from None
        return self

    def bin_for(self, owner: AgencyId | None) -> str | None:
        """Return where the machine drops a copy of another library."""
        return (self.sort_bins.get(owner, self.alliance_bin) if owner else self.staff_bin) or None


class KioskSettings(BaseModel):
    """All kiosks of one library."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kiosks: tuple[Kiosk, ...] = ()

    @classmethod
    def read(cls, tables: Iterable[Mapping[str, object]], folder: Path = Path()) -> Self:
        """Read the ``[[kiosk]]`` tables; paths are relative to ``folder``.

        Raises:
            SettingsRefused: naming the table and the setting, never its value.
        """
        try:
            settings = cls.model_validate({"kiosks": [dict(table) for table in tables]})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise SettingsRefused(f"[[kiosk]] {'.'.join(map(str, first['loc'][1:]))}: {first['msg']}") from None
        return settings.model_copy(update={"kiosks": tuple(_in_folder(kiosk, folder) for kiosk in settings.kiosks)})

    @cached_property
    def by_port(self) -> Mapping[tuple[str, int], tuple[Kiosk, ...]]:
        """The kiosks of each address that is listened on, in the file's order.

        Raises:
            SettingsRefused: the kiosks of one port do not agree about TLS, which begins before anybody is known.
        """
        ports: dict[tuple[str, int], tuple[Kiosk, ...]] = {}
        for kiosk in self.kiosks:
            ports[kiosk.host, kiosk.port] = (*ports.get((kiosk.host, kiosk.port), ()), kiosk)
        for (host, port), kiosks in ports.items():
            if len({(kiosk.certificate, kiosk.private_key) for kiosk in kiosks}) > 1:
                raise SettingsRefused(f"[[kiosk]] {host}:{port}: all kiosks of one port have the same certificate")
        return ports


def _in_folder(kiosk: Kiosk, folder: Path) -> Kiosk:
    paths = {name: folder / path for name in ("certificate", "private_key") if (path := getattr(kiosk, name))}
    return kiosk.model_copy(update=paths)
