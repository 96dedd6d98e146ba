"""The gateway's settings, read once from a TOML file; every path is relative to that file's folder."""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class SettingsRefused(ValueError):
    """The settings file cannot be used; the text says which setting and why."""


class Settings(BaseModel):
    """Everything a gateway is told. It listens on plain HTTP: TLS ends in front of it, or it stays on loopback."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    database: Path = Path("gateway.db")
    directory: Path = Path("directory")
    signing_key: Path = Path("sign.pem")
    passphrase_file: Path = Path("passphrase")
    operator_socket: Path = Path("operator.sock")
    redis: Annotated[str | None, Field(repr=False)] = None
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 10.0
    messages_per_minute: Annotated[int, Field(gt=0)] = 6000
    questions_per_minute: Annotated[int, Field(gt=0)] = 600

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
        names = ("database", "directory", "signing_key", "passphrase_file", "operator_socket")
        return settings.model_copy(update={name: path.parent / getattr(settings, name) for name in names})
