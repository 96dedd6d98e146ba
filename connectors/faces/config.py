"""The faces' settings: the ``[faces]`` table of the connector's TOML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from schemas.identifiers import ShortText
from trust.settings import Section


class FacesSettings(Section):
    """Where the union catalogue is served; a face whose port is not named is not served.

    Both faces are open to whoever reaches ``host``, and speak without encryption. ``pickup`` is the library's pickup
    point, by its name in the directory, to which orders go; the first one where it is empty.
    """

    host: str = "127.0.0.1"
    z3950_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    sru_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "union"
    pickup: ShortText = ""
    connections_max: Annotated[int, Field(ge=1, le=10_000)] = 200

    @classmethod
    def read(cls, table: Mapping[str, object]) -> Self:
        """Read the ``[faces]`` table.

        Raises:
            SettingsRefused: naming the setting.
        """
        return cls.of_table(table, Path(), "[faces]")
