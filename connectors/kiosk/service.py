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
from connectors.agent.journal import Journal
from connectors.kiosk.backlog import Backlog
from connectors.kiosk.clerk import Clerk
from connectors.kiosk.config import Kiosk, KioskSettings
from connectors.kiosk.fairness import Turns
from connectors.kiosk.library import Library
from connectors.kiosk.profiles import Door, Doorman
from connectors.kiosk.proxy import Proxy
from connectors.kiosk.settling import Settling
from connectors.sip2.server import Limits, Sip2Server
from connectors.sip2.tls import server_context
from trust.settings import SettingsRefused

REQUEST_BYTES_MAX = 65_536
"""A machine's requests have a few hundred bytes: what is absurd is not even decoded, nor passed on, nor journalled."""


@dataclass(frozen=True)
class Kiosks:
    """The kiosks at work. ``ports``: where each address of the settings is listened on, in their order.

    ``servers`` has one for each kiosk: its counters tell what was tolerated and how long answers took.
    """

    ports: tuple[int, ...]
    servers: tuple[Sip2Server, ...]
    journal: Journal

    async def waiting(self) -> list[str]:
        """Return the copies and cards about which something waits for the ILS or the gateway."""
        return await self.journal.run(lambda unit: Backlog(unit).subjects())


@asynccontextmanager
async def serve_kiosks(connector: Connector, settings: KioskSettings) -> AsyncIterator[Kiosks]:
    """Listen for kiosks until left. What was accepted before is worked off even where no kiosk is set up any more.

    Raises:
        SettingsRefused: a certificate cannot be used, or the kiosks of one port contradict each other.
        OSError: a port is taken.
    """
    sip2, clock = connector.settings.sip2, connector.office.clock
    await connector.journal.run(lambda unit: Backlog(unit).create())
    async with sip2.client(learned=connector.client.status().learned) as client, AsyncExitStack() as stack:
        library = Library(connector.counter, client, sip2.ils(client, clock))
        clerk, turns = Clerk(Settling(library), clock), Turns()
        stack.push_async_callback(clerk.close)
        ports: list[int] = []
        servers: list[Sip2Server] = []
        for (host, port), kiosks in settings.by_port.items():
            door = Door(kiosks, lambda kiosk: Sip2Server(
                kiosk.host, kiosk.port, kiosk.profile, Proxy(kiosk, library, clerk, turns), clock=clock,
                limits=Limits(idle_seconds=kiosk.idle_seconds, lines_max=kiosk.lines_max,
                              frame_bytes_max=REQUEST_BYTES_MAX)))
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
