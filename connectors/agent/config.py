"""One connector's settings, read once from a TOML file; every path is relative to that file's folder."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.marc.items import ItemMapping
from connectors.sip2.client import Credentials
from connectors.sip2.profile import Checksum, ErrorDetection, Login, Profile, Terminator
from schemas.identifiers import AgencyId


class SettingsRefused(ValueError):
    """The settings file cannot be used; the text says which setting and why."""


def _by_name(value: object) -> object:
    """A terminator is written by its name, as no TOML file should hold a bare carriage return."""
    return Terminator.__members__.get(value, value) if isinstance(value, str) else value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sip2Settings(_Section):
    """Where the ILS's SIP2 server listens, and its dialect."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    user: str = ""
    password: Annotated[str, Field(repr=False)] = ""
    charset: str = "utf-8"
    terminator: Annotated[Terminator, BeforeValidator(_by_name)] = Terminator.CR
    checksum: Checksum = Checksum.BYTES
    login: Login = Login.SIP
    error_detection: ErrorDetection = ErrorDetection.STRICT
    institution: str = ""
    institutional_card: str
    max_lines: Annotated[int, Field(ge=1, le=64)] = 2
    deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0

    def profile(self) -> Profile:
        """Return the dialect as the SIP2 package knows it."""
        return Profile(charset=self.charset, terminator=self.terminator, checksum=self.checksum, login=self.login,
                       error_detection=self.error_detection, institution=self.institution)

    def credentials(self) -> Credentials | None:
        """Return the login, if there is one."""
        return Credentials(self.user, self.password) if self.login is not Login.NONE else None


class MarcSettings(_Section):
    """The library's MARC file (or, with [z3950], only its charset) and where its local fields keep copies."""

    file: Path | None = None
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
    journal: Path = Path("journal.db")
    directory: Path = Path("directory")
    signing_key: Path = Path("sign.pem")
    sealing_key: Path = Path("seal.pem")
    passphrase_file: Path = Path("passphrase")
    desk_socket: Path = Path("desk.sock")
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
            settings = cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise SettingsRefused(f"{path} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"{path} is no TOML file: {error}") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise SettingsRefused(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return settings._in_folder(path.parent)

    def _in_folder(self, folder: Path) -> Self:
        names = ("journal", "directory", "signing_key", "sealing_key", "passphrase_file", "desk_socket")
        paths: dict[str, object] = {name: folder / getattr(self, name) for name in names}
        if self.marc is not None and self.marc.file is not None:
            paths["marc"] = self.marc.model_copy(update={"file": folder / self.marc.file})
        return self.model_copy(update=paths)
