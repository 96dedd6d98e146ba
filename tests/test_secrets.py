"""What a whole run writes down, at the most talkative: no secret of a reader or a library, but where it has to be.

Secrets with a text that stands nowhere else are planted; then all that was written is searched for them: databases with
their write-ahead logs and free pages, log files, what went to standard output and error, the ``repr`` of every object
in memory. Searched for is also what hides in base64.
"""

import asyncio
import functools
import gc
import json
import logging
import sqlite3
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.agent.reception import Reception
from examples.alliance.people import Refused, SignedInReader
from examples.alliance.readers import Reader
from examples.alliance.town import Town
from examples.ils.database import Unit
from examples.ils.intake import enrol, hash_pin
from schemas.lending import PickupPoint
from schemas.messages import MessageType
from schemas.questions import ChallengeQuestion, SignInQuestion
from tests.alliance import BARCODES, FIRST, GATEWAY, HOME, PICKUP, Alliance, alliance, body_of, point, sealed
from tests.planted import files_with, found_in, spellings
from tests.systems import LibrarySystem, library_system
from tests.trust import samples
from trust.sealing import Secret, seal_address, seal_to, to_jwk

READER = Reader(card="319900117722", pin="pin-7Q2vRk9x", name="欧阳查无此人", patron_type="adult", block="")
ADDRESS = Secret("欧阳先生 19900007777 上海市杨浦区不存在路9527弄8号404室")
OF_READER = {"card": READER.card, "pin": READER.pin, "name": READER.name, "address": ADDRESS.reveal()}
OURS = ("connectors.", "federation.", "schemas.", "trust.")
CARRIERS = (functools.partial, asyncio.Handle, asyncio.TimerHandle, asyncio.Task)
"""Objects of Python's own whose repr shows what is passed through them, as asyncio does when it complains."""


def test_the_search_finds_what_is_hidden() -> None:
    address = json.dumps({"address": ADDRESS.reveal()}, ensure_ascii=False)
    for depth in range(3):
        for before in ("", "x", "xy"):
            hidden = (before + address).encode()
            for _ in range(depth):
                hidden = urlsafe_b64encode(hidden).rstrip(b"=")
            assert found_in(b"\0" + hidden + b"\0", OF_READER) == {"address"}, (depth, before)
    assert found_in("用户 欧阳查无此人".encode("gb18030"), OF_READER) == {"name"}
    assert found_in(json.dumps(OF_READER).encode(), OF_READER) == set(OF_READER)
    assert all(len(spelt) >= 8 for secret in OF_READER.values() for spelt in spellings(secret))


# a whole alliance in processes of its own


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_run_writes_no_secret_where_it_does_not_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELTA_LOG", "DEBUG")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    async with Town(tmp_path, libraries=4, seed=3) as town:
        home = town.libraries[0]
        secrets = OF_READER | secrets_of(town)
        assert len(secrets) >= len(OF_READER) + 5 + 1
        move_in(tmp_path / home.slug)
        await town.harvest()
        loan = await borrow(town)
        owner, pickup = (next(library.slug for library in town.libraries if library.agency_id == agency)
                         for agency in (loan["supplier"], loan["pickup"]["agency"]))
        address = f"/loans/{loan['conv']}/address"
        with pytest.raises(Refused, match="nothing_to_do"):
            await town.desks[pickup].ask("GET", address)
        for library in (owner, pickup):
            await scan(town, library, loan["conv"])
        assert (await town.desks[pickup].ask("GET", address))["address"] == ADDRESS.reveal()
        check(tmp_path, secrets, home.slug)
        for library in (pickup, pickup, pickup, owner):
            await scan(town, library, loan["conv"])
        assert (await town.operator.ask("GET", f"/loans/{loan['conv']}"))["outcome"] == "completed"
        check(tmp_path, secrets, home.slug)
    check(tmp_path, secrets, home.slug)
    assert b"DEBUG" in (tmp_path / "gateway.log").read_bytes()


def secrets_of(town: Town) -> dict[str, str]:
    """What opens the libraries' keys and their systems."""
    passphrases = {f"passphrase of {path.parent.name}": path.read_text() for path in town.folder.glob("*/passphrase")}
    passwords = {f"SIP2 password of {library.slug}": library.credentials.password for library in town.libraries
                 if library.credentials}
    return passphrases | passwords


def move_in(folder: Path) -> None:
    """Give the planted reader a card of the home library."""
    with sqlite3.connect(folder / "circulation.sqlite") as database:
        database.execute("INSERT INTO patron VALUES (?, ?, ?, ?, ?)", (
            READER.card, hash_pin(READER.card, READER.pin), READER.name, READER.patron_type, READER.block))


async def borrow(town: Town) -> dict[str, Any]:
    """Sign in, after a wrong PIN, and order; before that with an address that the home library cannot open."""
    home = town.libraries[0].agency_id
    for card, pin in ((READER.card, "0000"), ("0000", READER.pin)):
        with pytest.raises(Refused):
            await SignedInReader.sign_in(town.portal, home, Reader(card, pin, "", "", ""))
    reader = await SignedInReader.sign_in(town.portal, home, READER)
    page = await town.portal.ask("GET", "/api/search", query={"q": "三"})
    book = next(hit for hit in page["hits"] if home not in hit["libraries"])
    pickup = next(agency for library in town.libraries
                  if (agency := library.agency_id) not in (home, *book["libraries"]))
    wrong, right = [await reader.propose(book["cluster"], PickupPoint(agency=pickup, point="总服务台"))
                    for _ in range(2)]
    strange = to_jwk(samples.sealing_key("nobody").private.public_key())
    await reader.order({**wrong, "sealing_key": strange}, ADDRESS)
    await reader.order(right, ADDRESS)
    await town.quiet()
    refused, loan = [await town.portal.ask("GET", f"/api/loans/{proposal['conv']}", token=reader.session)
                     for proposal in (wrong, right)]
    assert (refused["outcome"], refused["note"]) == ("refused", "AddressRefused")
    return dict(loan)


async def scan(town: Town, library: str, conv: str) -> None:
    state = await town.operator.ask("GET", f"/loans/{conv}")
    await town.desks[library].ask("POST", "/scan", {"barcode": state["barcode"], "loan": conv})
    await town.quiet()


def check(folder: Path, secrets: dict[str, str], home: str) -> None:
    """The library's own system knows its readers; its connector's journal knows the card that a loan is counted for."""
    own_system = {f"{home}/circulation.sqlite", f"{home}/circulation.sqlite-wal"}
    may_know = {"card": own_system | {f"{home}/journal.db", f"{home}/journal.db-wal"}, "name": own_system}
    found = files_with(folder, secrets)
    assert found["card"] & own_system, "the search must find what is there"
    for name, files in found.items():
        kind, _, owner = name.partition(" of ")
        own = {"passphrase": {f"{owner}/passphrase"}, "SIP2 password": {f"{owner}/connector.toml"}}.get(kind, set())
        assert files <= may_know.get(name, own), name


# the same in one process, with every object at hand


@pytest.fixture
async def town(tmp_path: Path) -> Any:
    """An alliance whose objects are the only ones that the collector shows, whatever other tests have left."""
    gc.collect()
    gc.freeze()
    async with alliance(tmp_path) as opened:
        yield opened
    gc.unfreeze()


@pytest.fixture
async def system(town: Alliance) -> Any:
    async with library_system(town, town[HOME]) as opened:
        def move_in(unit: Unit) -> None:
            enrol(unit, [READER])

        await opened.running.database.write(move_in)
        yield opened


@dataclass
class Watch:
    """Looks at every object of this project, and at what carries them through asyncio; ``shown`` is who told what."""

    kinds: set[str] = field(default_factory=set)
    shown: set[tuple[str, str]] = field(default_factory=set)

    def look(self) -> None:
        for each in gc.get_objects():
            kind = f"{type(each).__module__}.{type(each).__qualname__}"
            if isinstance(each, CARRIERS) or kind.startswith(OURS):
                self.kinds.add(kind)
                self.shown |= {(kind, name) for name in named_in(repr(each))}


@dataclass
class Watched(list[bytes]):
    """The requests that reach a library's system: at each, while secrets are in use, all objects are looked at."""

    watch: Watch

    def append(self, request: bytes) -> None:
        super().append(request)
        self.watch.look()


def named_in(text: str) -> set[str]:
    return {name for name, secret in OF_READER.items() if secret in text}


async def test_no_object_shows_a_secret_and_no_log_tells_one(
        town: Alliance, system: LibrarySystem, tmp_path: Path, caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    watch = Watch()
    system.wire.requests = Watched(watch)
    await sign_in(town, system)
    conv = f"loan-{town.orders + 1:04}"
    _, key = town.directory.sealing_key(HOME, town.clock())
    signed = town.signed_order(conv, pickup=point(PICKUP), address=seal_address(to_jwk(key), conv, ADDRESS))
    await town.order(FIRST, pickup=PICKUP, altered={"signed_order": signed})
    await town.rest()
    watch.look()
    for library in (FIRST, PICKUP, PICKUP, PICKUP, PICKUP, FIRST):
        await town[library].scan(BARCODES[FIRST], conv)
        await town.rest()
    assert (await town.loan(conv)).outcome == "completed"
    watch.look()
    assert watch.shown == set()
    assert watch.kinds >= {"connectors.agent.reception.Credentials", "connectors.sip2.messages.Message",
                           "schemas.loan.Loan", "trust.sealing.Secret", "trust.keys.SealingKey"}
    records = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    printed = capfd.readouterr()
    assert found_in((records + caplog.text + printed.out + printed.err).encode(), OF_READER) == set()
    found = files_with(tmp_path, OF_READER)
    assert (found["pin"], found["address"]) == (set(), set())


async def sign_in(town: Alliance, system: LibrarySystem) -> None:
    """Sign the planted reader in, to the session whose key signs this town's orders."""
    home, tokens = town[HOME], iter(("challenge", "used"))
    reception = Reception(home.office, home.journal, system.ils, lambda: next(tokens))

    async def ask(kind: MessageType, body: Any) -> Any:
        asked = sealed(town.directory, kind, GATEWAY, HOME, body, now=town.clock(), nonce="n-1")
        answer = await reception.answer(asked.message, asked.hash)
        assert answer is not None
        return body_of(answer)

    await home.journal.run(lambda unit: unit.connection.execute("DELETE FROM session"))
    given = await ask(MessageType.CHALLENGE_QUESTION, ChallengeQuestion(session="session-1"))
    secret = {"card": READER.card, "pin": READER.pin, "challenge": given.challenge,
              "public_key": dict(town.session_key.public_jwk)}
    jwe = seal_to(to_jwk(samples.sealing_key(HOME).private.public_key()), json.dumps(secret).encode())
    assert (await ask(MessageType.SIGN_IN_QUESTION, SignInQuestion(session="session-1", sealed=jwe))).signed_in
