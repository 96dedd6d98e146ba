"""A kiosk's settings: one ``[[kiosk]]`` table of the connector's TOML file for each machine or kind of machine.

Several tables may share a port. Which of them a connection is told by its subnet, then by login user (CN) and location
(CP) of its first message; the first table in the file that fits is taken.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, InstanceOf, model_validator
from pydantic_core import PydanticCustomError

from connectors.agent.config import Dialect
from connectors.agent.custody import HOLD_DAYS
from connectors.sip2.profile import Login, Profile
from schemas.identifiers import AgencyId, ShortText
from trust.settings import InFolder, Section, SettingsRefused


class Kiosk(Dialect):
    """One table. ``place`` stands in receipts; bins (CL) are the machine's own names.

    Of a profile it has the keys that matter where we are the answering end.
    ``sort_bins`` names a bin for some libraries, ``alliance_bin`` is for all others, ``staff_bin`` for what a person
    must look at. Unless ``login`` is none, the machine logs in with ``user`` and ``password``.
    ``locker`` is the pickup point that a locker (网借柜) is, by its name in the alliance's directory; it keeps a copy
    for ``hold_days``. ``lines_max`` and ``idle_seconds`` bound what the machines of this table may cost.
    """

    keys: ClassVar[Collection[str]] = frozenset({"charset", "terminator", "delimiter", "checksum", "error_detection",
                                                 "login", "institution", "location", "timezone"})

    port: Annotated[int, Field(ge=0, le=65535)]
    host: str = "127.0.0.1"
    place: ShortText
    subnet: IPv4Network | IPv6Network | None = None
    user: str = ""
    password: Annotated[str, Field(repr=False)] = ""
    profile: InstanceOf[Profile] = Profile(login=Login.NONE)
    locker: ShortText = ""
    hold_days: Annotated[int, Field(ge=1, le=60)] = HOLD_DAYS
    lines_max: Annotated[int, Field(ge=1, le=10_000)] = 200
    idle_seconds: Annotated[float, Field(gt=0)] = 900.0
    alliance_bin: str = ""
    staff_bin: str = ""
    sort_bins: Mapping[AgencyId, str] = {}
    certificate: InFolder | None = None
    private_key: InFolder | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.profile.login is not Login.NONE and not self.user:
            raise PydanticCustomError("login", "a login needs user and password")
        if (self.certificate is None) != (self.private_key is None):
            raise PydanticCustomError("tls", "TLS needs both certificate and private_key")
        return self

    def bin_for(self, owner: AgencyId | None) -> str | None:
        """Return where the machine drops a copy of another library."""
        return (self.sort_bins.get(owner, self.alliance_bin) if owner else self.staff_bin) or None


class KioskSettings(Section):
    """All kiosks of one library."""

    kiosks: tuple[Kiosk, ...] = ()

    @classmethod
    def read(cls, tables: Iterable[Mapping[str, object]], folder: Path = Path()) -> Self:
        """Read the ``[[kiosk]]`` tables; paths are relative to ``folder``.

        Raises:
            SettingsRefused: naming the table and the setting, never its value.
        """
        return cls.of_table({"kiosks": list(tables)}, folder, "[[kiosk]]")

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
