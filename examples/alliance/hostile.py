"""Three attacks, each tried twice at both doors: what an outsider and a cheating gateway get for them.

An outsider posts to the gateway's open door. The cheating gateway is worse: it holds the real gateway's signing key
and speaks the link's protocol to a real connector, which works on a copy of a library's journal.
"""

import asyncio
import json
import os
import secrets
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from connectors.agent.app import run_connector
from connectors.agent.config import Settings
from connectors.agent.tables import Unit
from examples.alliance.ground import GATEWAY
from examples.alliance.roster import Library
from examples.alliance.town import Town
from schemas.frames import Frame, FrameKind, decode_frame
from schemas.identifiers import AgencyId
from schemas.messages import Accepted, AnyMessage, Message, MessageType, decode_message
from trust.dsse import decode_envelope, hash_signed
from trust.envelope import seal
from trust.folder import load_folder
from trust.keys import SigningKey

TIMES = 2
HEARD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attack at one door, and the name under which it was refused; ``None`` means it was let in."""

    door: str
    attack: str
    refused: str | None


async def attack_gateway(town: Town, captured: bytes) -> list[Attempt]:
    """Post a forged, a replayed and an altered message to the gateway, each twice."""
    attacks = {"forged": _resigned(captured, SigningKey.generate(os.urandom)), "replayed": captured,
               "altered": _altered(captured)}
    attempts = []
    async with ClientSession() as http:
        for name, envelope in attacks.items():
            for _ in range(TIMES):
                async with http.post(f"{town.portal.base}/envelopes", data=envelope) as answer:
                    body = decode_message(decode_envelope(await answer.read()).payload).body
                attempts.append(Attempt("gateway", name, getattr(body, "code", None)))
    return attempts


async def attack_connector(town: Town, library: Library, captured: bytes) -> list[Attempt]:
    """Let a gateway that cheats deliver the same three to a connector, each twice."""
    folder = town.folder / "cheated"
    folder.mkdir()
    settings = Settings.load(town.ground.connector_settings(library))
    journal = folder / "journal.db"
    _copy_database(settings.journal, journal)
    key = SigningKey.load(town.ground.gateway_settings.with_name("sign.pem"),
                          town.ground.gateway_settings.with_name("passphrase").read_bytes())
    deliveries = [(name, envelope) for name, envelope in (
        ("forged", _resigned(captured, key)), ("replayed", captured), ("altered", _altered(captured)))
        for _ in range(TIMES)]
    async with _cheating_gateway(town, library, key, deliveries) as (url, acknowledged):
        cheated = settings.model_copy(update={"journal": journal, "gateway_url": url})
        async with run_connector(cheated, clock=town.clock) as connector:
            before = len(await connector.journal.run(Unit.alarms))
            alarms = await _alarms(connector.journal.run, before, len(deliveries))
    names = [alarm["code"] for alarm in alarms] + [None] * (len(deliveries) - len(alarms))
    return [Attempt("connector", name, None if number in acknowledged else names[at])
            for at, (number, (name, _)) in enumerate(enumerate(deliveries, 1))]


async def _alarms(run: Any, before: int, wanted: int) -> list[dict[str, str]]:
    end = asyncio.get_running_loop().time() + HEARD_SECONDS
    while True:
        alarms: list[dict[str, str]] = (await run(Unit.alarms))[before:]
        if len(alarms) >= wanted or asyncio.get_running_loop().time() > end:
            return alarms
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _cheating_gateway(town: Town, library: Library, key: SigningKey, deliveries: Sequence[tuple[str, bytes]]
                            ) -> AsyncIterator[tuple[str, set[int]]]:
    """Serve a link that delivers what it likes, under new numbers and with well-signed Accepteds.

    Yields its URL and which deliveries the connector has acknowledged.
    """
    acknowledged: set[int] = set()

    async def link(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(Frame(kind=FrameKind.HELLO, nonce=secrets.token_hex(16)).encode())
        hello = decode_message(decode_envelope(_envelope(await socket.receive_str())).payload).body
        for number, (_, envelope) in enumerate(deliveries, 1):
            accepted = _accepted(town, library, key, envelope)
            await socket.send_str(Frame(kind=FrameKind.DELIVER, number=hello.received + number,
                                        envelope=envelope.decode(), accepted=accepted.decode()).encode())
        async for received in socket:
            frame = decode_frame(received.data)
            if frame.kind is FrameKind.RECEIVED:
                acknowledged.add(frame.number - hello.received)
        return socket

    app = web.Application()
    app.router.add_get("/link", link)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/link", acknowledged
    finally:
        await runner.cleanup()


def captured_message(bundle_envelopes: Sequence[bytes], library: Library) -> bytes:
    """Return a real message of another library to this one, out of a loan's evidence."""
    for envelope in bundle_envelopes:
        message = decode_message(decode_envelope(envelope).payload)
        if message.dst == library.agency_id and message.src != GATEWAY and message.stream is not None:
            return envelope
    raise LookupError(f"the evidence holds no message to {library.slug}")


def _accepted(town: Town, library: Library, key: SigningKey, envelope: bytes) -> bytes:
    """Vouch for a message as the real gateway would, with the real gateway's key."""
    now, directory = town.clock(), load_folder(town.folder / "directory", town.clock())
    hash_ = hash_signed(decode_envelope(envelope).signed)
    body = Accepted(message=hash_, index=1, arrived=now)
    return seal(Message[Accepted](type=MessageType.ACCEPTED, src=GATEWAY, dst=AgencyId(library.agency_id), created=now,
                                  expires=now + timedelta(days=1), dir=directory.reference, reply_to=hash_, body=body),
                key).envelope


def _resigned(captured: bytes, key: SigningKey) -> bytes:
    """Say the next thing in the sender's name, signed by a key that is not the sender's."""
    message: AnyMessage = decode_message(decode_envelope(captured).payload)
    assert message.stream is not None
    stream = message.stream.model_copy(update={"seq": message.stream.seq + 1000})
    return seal(Message[Any](**{**dict(message), "stream": stream}), key).envelope


def _altered(captured: bytes) -> bytes:
    """Change one digit of the signed payload and leave the signature as it is."""
    document = json.loads(captured)
    payload = bytearray(b64decode(document["payload"]))
    at = payload.index(b'"created":"20') + len(b'"created":"20')
    payload[at] ^= 1
    document["payload"] = b64encode(payload).decode()
    return json.dumps(document).encode()


def _envelope(text: str) -> bytes:
    return (decode_frame(text).envelope or "").encode()


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
