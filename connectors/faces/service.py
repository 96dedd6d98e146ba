"""Serves the faces beside a running connector: the package's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from aiohttp import web

from connectors.agent.app import Connector
from connectors.agent.hub import open_session
from connectors.broker import Beside, Broker, LiveBackend
from connectors.faces.backend import Face
from connectors.faces.config import FacesSettings
from connectors.faces.ordering import Ordering
from connectors.faces.union import Union
from connectors.faces.xml import SCHEMAS
from connectors.sru.cql_rpn import INDEX_OF
from connectors.sru.server import Offer, add_sru
from connectors.z3950.backend import Backend
from connectors.z3950.query import Use
from connectors.z3950.server import ServerOptions, ServiceOptions, serve

CHARSETS = ("utf-8", "gb18030", "gbk", "gb2312")
"""Those that a Z39.50 client may negotiate, for terms and records."""
TITLE = "长三角公共图书馆联合目录 Union catalogue of the alliance"
IMPLEMENTATION = "Delta lending union catalogue"
ORDER_SECONDS_MAX = 30.0
_INDEXES = tuple(index for use, index in INDEX_OF.items() if use != Use.LOCAL_NUMBER)


@dataclass(frozen=True)
class Faces:
    """Where the faces listen; ``None`` for one that is not served."""

    z3950_port: int | None
    sru_port: int | None


@asynccontextmanager
async def serve_faces(connector: Connector, settings: FacesSettings) -> AsyncIterator[Faces]:
    """Serve the union catalogue until left.

    Raises:
        OSError: a port is taken.
    """
    office, own = connector.office, connector.settings
    http = partial(open_session, own.gateway_tls(), ORDER_SECONDS_MAX)
    union = Union(office, connector.link, lambda: office.directory().directory.by_id)
    face = Face(settings.database, union, Ordering(http, own.gateway_url, office, settings.pickup))
    async with AsyncExitStack() as stack:
        z3950_port = sru_port = None
        if settings.z3950_port is not None:
            broker = await stack.enter_async_context(Broker(own.broker.known(), Random().random))  # noqa: S311  probes
            beside = Beside(face, LiveBackend(broker, own.broker.database, own.broker.seconds))
            z3950_port = await stack.enter_async_context(_z3950(beside, settings, settings.z3950_port))
        if settings.sru_port is not None:
            sru_port = await stack.enter_async_context(_sru(face, settings, settings.sru_port))
        yield Faces(z3950_port, sru_port)


@asynccontextmanager
async def _z3950(backend: Backend[Any], settings: FacesSettings, port: int) -> AsyncIterator[int]:
    service = ServiceOptions(charsets=CHARSETS, implementation_name=IMPLEMENTATION)
    options = ServerOptions(service, connections_max=settings.connections_max)
    async with await serve(settings.host, port, backend, options) as server:
        yield server.port


@asynccontextmanager
async def _sru(face: Face, settings: FacesSettings, port: int) -> AsyncIterator[int]:
    app = web.Application()
    add_sru(app, f"/sru/{settings.database}", face, Offer(settings.database, TITLE, SCHEMAS, indexes=_INDEXES))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
