"""The evidence log as its witnesses read it: checkpoints, proofs, and a place to leave a cosignature.

Anybody may read: leaves are hashes and say nothing of readers. A witness asks for the newest checkpoint with the proof
that it continues the last one it has seen, cosigns it, and asks whether its own messages are in there.
"""

from collections.abc import Iterable
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import Field

from federation.gateway import Gateway
from federation.ports import Unit
from federation.web.api import GATEWAY
from federation.web.readers import ReaderProblem
from schemas.identifiers import Count, ShortText, Wire
from schemas.problems import ProblemCode
from trust.checkpoint import open_checkpoint
from trust.cosignature import read_cosignature, with_cosignatures
from trust.errors import BadCheckpoint

T = TypeVar("T")
PROOFS_MAX = 256


class Continued(Wire):
    """A checkpoint, and the proof (hashes in hex) that it continues the one of ``old`` leaves."""

    note: str
    old: Count
    proof: tuple[str, ...]


class Places(Wire):
    """Paths (hashes in hex) from leaves to the root of the tree of ``size`` leaves."""

    size: Count
    proofs: dict[str, tuple[str, ...]]


class Cosignature(Wire):
    """A witness's line under the checkpoint of ``size`` leaves."""

    size: Count
    witness: ShortText
    line: Annotated[str, Field(max_length=512)]


def add_log(app: web.Application) -> None:
    """Add the log's routes."""
    app.add_routes([
        web.get("/log/checkpoint", _checkpoint),
        web.get("/log/consistency", _consistency),
        web.get("/log/inclusion", _inclusion),
        web.post("/log/cosignatures", _cosign),
    ])


def cosigned_note(unit: Unit, size: int) -> bytes | None:
    """Return a checkpoint with the lines of its witnesses."""
    note = unit.log.checkpoint(size)
    return None if note is None else with_cosignatures(note, unit.log.cosignatures(size))


async def _checkpoint(request: web.Request) -> web.Response:
    """Return the newest checkpoint, and how it continues the one of ``since`` leaves."""
    since = _number(request, "since")

    def work(unit: Unit) -> Continued:
        size, note = _found(unit.log.last_checkpoint(), "no checkpoint has been signed yet")
        proof = unit.log.consistency(since, size) if since <= size else ()
        return Continued(note=(cosigned_note(unit, size) or note).decode(), old=since, proof=_hex(proof))

    return _json(await request.app[GATEWAY].store.run(work))


async def _consistency(request: web.Request) -> web.Response:
    """Return the proof that the checkpoint of ``new`` leaves continues a tree of ``old``."""
    old, new = _number(request, "old"), _number(request, "new")

    def work(unit: Unit) -> Continued:
        note = _found(unit.log.checkpoint(new), f"no checkpoint of {new} leaves was signed")
        return Continued(note=note.decode(), old=old, proof=_hex(unit.log.consistency(old, new)))

    return _json(await request.app[GATEWAY].store.run(work))


async def _inclusion(request: web.Request) -> web.Response:
    """Return the paths of leaves (``index=3,7,8``) to the root of the checkpoint of ``size`` leaves."""
    size = _number(request, "size")
    indices = [_whole(text, "index") for text in request.query.get("index", "").split(",", PROOFS_MAX)]

    def work(unit: Unit) -> Places:
        _found(unit.log.checkpoint(size), f"no checkpoint of {size} leaves was signed")
        return Places(size=size, proofs={str(index): _hex(unit.log.inclusion(index, size)) for index in indices})

    return _json(await request.app[GATEWAY].store.run(work))


async def _cosign(request: web.Request) -> web.Response:
    """Keep a witness's line, if it is one."""
    gateway = request.app[GATEWAY]
    offered = Cosignature.model_validate_json(await request.read(), strict=True)
    await gateway.store.run(lambda unit: _keep(gateway, unit, offered))
    return web.json_response({"size": offered.size})


def _keep(gateway: Gateway, unit: Unit, offered: Cosignature) -> None:
    note, directory = unit.log.checkpoint(offered.size), gateway.directory()
    member = directory.directory.by_id.get(offered.witness)
    if note is None or member is None or member.agency == gateway.me:
        raise BadCheckpoint("only a member cosigns, and only a checkpoint that this log has signed")
    checkpoint = open_checkpoint(note, gateway.me, directory.signing_keys(gateway.me))
    read_cosignature(offered.line, checkpoint, member.agency, directory.signing_keys(member.agency))
    unit.log.hear(member.agency, gateway.clock())
    unit.log.put_cosignature(offered.size, member.agency, offered.line, directory.policies.witnesses_min)


def _found(value: T | None, otherwise: str) -> T:
    if value is None:
        raise ReaderProblem(ProblemCode.NOT_FOUND, otherwise)
    return value


def _hex(hashes: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(value.hex() for value in hashes)


def _number(request: web.Request, name: str) -> int:
    return _whole(request.query.get(name, "0"), name)


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ReaderProblem(ProblemCode.BAD_REQUEST, f"{name} is a number of leaves")
    return int(text)


def _json(document: Wire) -> web.Response:
    return web.Response(text=document.model_dump_json(), content_type="application/json")
