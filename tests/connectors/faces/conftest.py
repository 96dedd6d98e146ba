"""An alliance of three with its union catalogue, and both faces of one library's connector."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from connectors.faces import Faces, FacesSettings, serve_faces
from tests.connectors.kiosk.city import City, open_city
from tests.peers import require_program

DATABASE = "union"


@dataclass(frozen=True)
class Served:
    """The alliance, and where the first library serves its catalogue."""

    city: City
    faces: Faces

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.faces.z3950_port}/{DATABASE}"

    @property
    def sru(self) -> str:
        return f"http://127.0.0.1:{self.faces.sru_port}/sru/{DATABASE}"

    async def yaz_client(self, *commands: str, options: tuple[str, ...] = (), charset: str = "utf-8") -> str:
        """Give ``commands`` to yaz-client and return what it prints, its ``\\XE4`` escapes undone."""
        process = await asyncio.create_subprocess_exec(
            require_program("yaz-client"), *options, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT)
        script = "\n".join([*commands, "quit", ""]).encode(charset)
        output, _ = await asyncio.wait_for(process.communicate(script), 60)
        raw = re.sub(rb"\\X([0-9A-F]{2})", lambda escape: bytes.fromhex(escape[1].decode()), output)
        return raw.decode(charset, "replace")

    async def session(self, *commands: str) -> str:
        """Open an association with yaz-client and give it ``commands``."""
        return await self.yaz_client(f"open {self.target}", *commands)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    settings = FacesSettings.read({"z3950_port": 0, "sru_port": 0})
    async with (open_city(tmp_path_factory.mktemp("alliance")) as city,
                serve_faces(city.home.connector, settings) as faces):
        yield Served(city, faces)
