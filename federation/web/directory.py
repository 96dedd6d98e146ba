"""The directory as members fetch it: the newest signed version as one file, and the gateway's word that it is.

Anybody may read; everything is signed by the alliance's admins and editors, and verified by whoever takes it.
"""

from datetime import timedelta

from aiohttp import web

from federation.web.api import GATEWAY
from trust.freshness import Freshness, seal_freshness
from trust.holding import pack_directory

VOUCH_FOR = timedelta(hours=24)
"""As long as a gateway may be away for and its libraries go on as before."""


def add_directory(app: web.Application) -> None:
    """Add the directory's routes."""
    app.add_routes([web.get("/directory", _directory), web.get("/directory/freshness", _freshness)])


async def _directory(request: web.Request) -> web.Response:
    packed = pack_directory(request.app[GATEWAY].directory())
    return web.Response(body=packed, content_type="application/zip")


async def _freshness(request: web.Request) -> web.Response:
    gateway = request.app[GATEWAY]
    directory = gateway.directory()
    now = gateway.clock()
    statement = Freshness(version=directory.version, hash=directory.hash, valid_until=now + VOUCH_FOR)
    return web.Response(body=seal_freshness(statement, gateway.key(now)), content_type="application/json")
