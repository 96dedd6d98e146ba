"""A connector with its kiosk in a process of its own, so that a test can kill it: ``python -m … FOLDER SLUG PORT``."""

import asyncio
import sys
from pathlib import Path

from connectors.agent.app import run_connector
from connectors.agent.config import Settings
from connectors.kiosk import KioskSettings, serve_kiosks
from examples.alliance.ground import Ground
from tests.connectors.kiosk.city import LIBRARIES, MORNING, kiosk_of


async def main(folder: Path, slug: str, port: int) -> None:
    library = next(library for library in LIBRARIES if library.slug == slug)
    settings = Settings.load(Ground(folder).connector_settings(library))
    async with (run_connector(settings, clock=lambda: MORNING) as connector,
                serve_kiosks(connector, KioskSettings.read([kiosk_of(library, port)]))):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
