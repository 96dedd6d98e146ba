"""The gateway's settings, read once from a TOML file; every path is relative to that file's folder."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from trust.settings import InFolder, Section, folder_of, is_loopback


def _place(place: str, info: ValidationInfo) -> str:
    return place if place.startswith(POSTGRES_SCHEMES) else str(folder_of(info) / place)


POSTGRES_SCHEMES = ("postgresql://", "postgres://")
DatabasePlace = Annotated[str, AfterValidator(_place), Field(repr=False)]
"""A file of SQLite's, relative to the folder of the settings, or a PostgreSQL database by its URL, password and all."""


class TlsSettings(Section):
    """The certificate that the gateway shows, with those that lead to its authority, and its private key: PEM files."""

    certificate: InFolder
    key: InFolder


class Settings(Section):
    """Everything a gateway is told.

    Without ``tls`` it speaks plain HTTP and listens on loopback only; ``behind_proxy`` says that a proxy in front of it
    ends TLS, and that nobody else reaches its port.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    tls: TlsSettings | None = None
    behind_proxy: bool = False
    database: DatabasePlace = "gateway.db"
    directory: InFolder = Path("directory")
    signing_key: InFolder = Path("sign.pem")
    passphrase_file: InFolder = Path("passphrase")
    operator_socket: InFolder = Path("operator.sock")
    redis: Annotated[str | None, Field(repr=False)] = None
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 10.0
    messages_per_minute: Annotated[int, Field(gt=0)] = 6000
    questions_per_minute: Annotated[int, Field(gt=0)] = 6000

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.tls is None and not self.behind_proxy and not is_loopback(self.host):
            raise PydanticCustomError("plain_http", "host: others could read what goes there in the clear; name a "
                                      "certificate in [tls], or say behind_proxy = true where a proxy ends TLS")
        return self
