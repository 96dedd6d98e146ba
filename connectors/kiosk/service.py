"""Serves a library's kiosks beside its running connector: the package's composition root.

Kiosks have lines of their own to the ILS: a queue at the machines never keeps the connector's own work waiting.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from connectors.agent.app import Connector
from connectors.agent.config import SettingsRefused
from connectors.agent.journal import Journal
from connectors.ils.sip2 import Sip2Ils
from connectors.kiosk.backlog import Backlog, Entry
from connectors.kiosk.clerk import Clerk
from connectors.kiosk.config import Kiosk, KioskSettings
from connectors.kiosk.library import Library
from connectors.kiosk.profiles import Door, Doorman
from connectors.kiosk.proxy import Proxy
from connectors.kiosk.settling import Settling
from connectors.sip2.client import Sip2Client
from connectors.sip2.server import Sip2Server
from connectors.sip2.tls import server_context
from connectors.sip2.verbs import Verbs


@dataclass(frozen=True)
class Kiosks:
    """The kiosks at work. ``ports``: where each address of the settings is listened on, in their order.

    ``servers`` has one for each kiosk: its counters tell what was tolerated and how long answers took.
    """

    ports: tuple[int, ...]
    servers: tuple[Sip2Server, ...]
    journal: Journal

    async def conflicts(self) -> list[Entry]:
        """Return what machines took in and staff must settle, oldest first."""
        return await self.journal.run(lambda unit: Backlog(unit).conflicts())

    async def handled(self, entry: int) -> bool:
        """Take a conflict off the list: staff have settled it. Return whether it stood there."""
        return await self.journal.run(lambda unit: Backlog(unit).settle(entry))

    async def waiting(self) -> list[str]:
        """Return the barcodes about which something waits for the ILS or the gateway."""
        return await self.journal.run(lambda unit: Backlog(unit).barcodes())


@asynccontextmanager
async def serve_kiosks(connector: Connector, settings: KioskSettings) -> AsyncIterator[Kiosks]:
    """Listen for kiosks until left. What was accepted before is worked off even where no kiosk is set up any more.

    Raises:
        SettingsRefused: a certificate cannot be used, or the kiosks of one port contradict each other.
        OSError: a port is taken.
    """
    sip2, clock = connector.settings.sip2, connector.office.clock
    await connector.journal.run(lambda unit: Backlog(unit).create())
    async with Sip2Client(sip2.host, sip2.port, sip2.profile(), sip2.credentials(), max_lines=sip2.max_lines,
                          deadline_seconds=sip2.deadline_seconds) as client, AsyncExitStack() as stack:
        library = Library(connector.counter, client, Sip2Ils(Verbs(client, clock)))
        clerk = Clerk(Settling(library), clock)
        stack.push_async_callback(clerk.close)
        ports: list[int] = []
        servers: list[Sip2Server] = []
        for (host, port), kiosks in settings.by_port.items():
            door = Door(kiosks, lambda kiosk: Sip2Server(kiosk.host, kiosk.port, kiosk.profile,
                                                         Proxy(kiosk, library, clerk), clock=clock))
            servers += door.servers
            ports.append(await stack.enter_async_context(_listening(door, host, port, kiosks)))
        async with asyncio.TaskGroup() as loops:
            working = loops.create_task(clerk.run())
            try:
                yield Kiosks(tuple(ports), tuple(servers), connector.journal)
            finally:
                working.cancel()


@asynccontextmanager
async def _listening(door: Door, host: str, port: int, kiosks: Sequence[Kiosk]) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(partial(Doorman, door), host, port, ssl=_tls(kiosks[0]))
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await door.close()
        await listener.wait_closed()


def _tls(kiosk: Kiosk) -> ssl.SSLContext | None:
    if kiosk.certificate is None or kiosk.private_key is None:
        return None
    try:
        return server_context(kiosk.certificate, kiosk.private_key)
    except OSError as error:
        raise SettingsRefused(f"[[kiosk]] {kiosk.certificate}: no usable certificate and key ({error})") from None
