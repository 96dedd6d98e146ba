"""A program's settings: one TOML file, read once into a frozen model. Every path in it is relative to its folder.

What cannot be is refused by the setting's name, never with its value, which may be a secret. Here because both the
gateway and the connectors read theirs like this and meet nowhere above.
"""

import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo


class SettingsRefused(ValueError):
    """The settings cannot be used; the text says which one and why."""


def folder_of(info: ValidationInfo) -> Path:
    """Return the folder of the file that is being read."""
    return Path((info.context or {}).get("folder", ""))


def _below_folder(path: Path, info: ValidationInfo) -> Path:
    return folder_of(info) / path


InFolder = Annotated[Path, AfterValidator(_below_folder)]
"""A path that is relative to the folder of the settings file."""


class Section(BaseModel):
    """A table of a settings file, or the whole of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a settings file.

        Raises:
            SettingsRefused: naming the setting, never its value.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsRefused(f"{path} cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"{path} is no TOML file: {error}") from None
        return cls.of_table(table, path.parent, str(path))

    @classmethod
    def of_table(cls, table: Mapping[str, object], folder: Path, where: str) -> Self:
        """Read a table that stands in a file of ``folder``; ``where`` names it in a refusal.

        Raises:
            SettingsRefused: naming the setting, never its value.
        """
        try:
            return cls.model_validate(table, context={"folder": folder})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            setting = ".".join(map(str, first["loc"]))
            raise SettingsRefused(": ".join(filter(None, (where, setting, first["msg"])))) from None


def read_passphrase_file(path: Path) -> bytes:
    """Return the passphrase of a program's own keys, without the line's end.

    Raises:
        SettingsRefused: the file cannot be read.
    """
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsRefused(f"passphrase_file: {path} cannot be read: {error.strerror}") from None


def is_loopback(host: str) -> bool:
    """Whether what goes to or from this host stays on the machine, so that it needs no TLS.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("gateway.example.org")
    (True, True, False, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
