"""The connector's composition root: the one place that names concrete classes. ``run_connector`` runs until cancelled.

Six loops run side by side: the link to the gateway, the worker at the ILS, the keeper of the directory, the witness of
the evidence log, the watch that lets deadlines pass, and the harvester where it has a schedule.
"""

import asyncio
import logging
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from connectors.agent.config import Settings, Sip2Settings
from connectors.agent.counter import Counter
from connectors.agent.harvest.files import Files
from connectors.agent.harvest.harvester import Harvester
from connectors.agent.harvest.repository import Repository
from connectors.agent.harvest.sources import Source
from connectors.agent.harvest.target import Target as HarvestTarget
from connectors.agent.hub import open_session
from connectors.agent.journal import Journal, Probe
from connectors.agent.keeper import ASK_TIMEOUT_SECONDS, DirectoryKeeper
from connectors.agent.link import GatewayLink
from connectors.agent.office import Office
from connectors.agent.own_catalogue import OwnCatalogue
from connectors.agent.reception import Reception
from connectors.agent.views import Views
from connectors.agent.watch import watch_once
from connectors.agent.witness import Witness
from connectors.agent.worker import Worker
from connectors.broker import Broker, Target
from connectors.sip2.client import Sip2Client
from connectors.sip2.dialect import LearnedDialect
from connectors.sip2.profile import Checksum
from connectors.z3950 import oid
from trust.holding import HeldDirectory
from trust.keys import SealingKey, SigningKey
from trust.own_keys import OwnKeys, Signer
from trust.settings import read_passphrase_file

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
LEARNED = "learned checksum"
TOKEN_KEY = "token key"  # noqa: S105  the name of a fact, not its value


def system_clock() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def _no_probe(_point: str) -> None:
    return None


@dataclass(frozen=True)
class Connector:
    """A running connector, for the desk and for tests."""

    settings: Settings
    office: Office
    journal: Journal
    link: GatewayLink
    counter: Counter
    worker: Worker
    client: Sip2Client
    harvester: Harvester


def source_of(settings: Settings) -> Source | None:
    """Return what the catalogue is harvested from: the first named of [oai], [z3950] and [marc]'s file or folder."""
    marc, target, oai = settings.marc, settings.z3950, settings.oai
    if oai is not None:
        return Repository(oai.url, oai.prefix, oai.set)
    charset = marc.charset if marc else None
    if target is not None:
        return HarvestTarget(target.host, target.port, target.database, oid.SYNTAXES[target.syntax], charset)
    return Files(marc.file, charset) if marc and marc.file else None


def own_targets(settings: Settings) -> tuple[Target, ...]:
    """Return this library's own Z39.50 target as it is asked live, if there is one."""
    return (settings.z3950.target(settings.agency),) if settings.z3950 else ()


def _own_catalogue(settings: Settings, broker: Broker) -> OwnCatalogue:
    marc = settings.marc
    return OwnCatalogue(broker, marc.mapping(), marc.charset) if marc else OwnCatalogue(broker)


def _harvester(settings: Settings, office: Office, journal: Journal) -> Harvester:
    mapping = settings.marc.mapping() if settings.marc else None
    return Harvester(source_of(settings), mapping, office, journal, settings.harvest)


@asynccontextmanager
async def run_connector(settings: Settings, *, clock: Callable[[], datetime] = system_clock, probe: Probe = _no_probe,
                        random: Random | None = None) -> AsyncIterator[Connector]:
    """Open the journal, start the loops, and stop them in order on the way out.

    Raises:
        SettingsRefused: a file is missing, or holds no certificate.
        TrustError: a key or the directory is not accepted.
        JournalFailed: the journal cannot be opened.
    """
    held, url, tls = HeldDirectory(settings.directory, clock()), settings.gateway_url, settings.gateway_tls()
    passphrase = read_passphrase_file(settings.passphrase_file)
    signing = OwnKeys(settings.signing_key, "sign*.pem", lambda path: SigningKey.load(path, passphrase))
    sealing = OwnKeys(settings.sealing_key, "seal*.pem", lambda path: SealingKey.load(path, passphrase))
    journal = Journal(settings.journal, probe)
    try:
        async with (_sip2_client(settings.sip2, journal) as client, open_session(tls, ASK_TIMEOUT_SECONDS) as http,
                    Broker(own_targets(settings), Random().random) as broker):  # noqa: S311  spreads probes
            ils = settings.sip2.ils(client, clock)
            keeper = DirectoryKeeper(http, url, held, journal, clock)
            office = Office(settings.agency, Signer(settings.agency, signing), held, journal, clock,
                            await _token_key(journal), sealing, refresh=keeper.refresh, stale=keeper.is_stale)
            reception = Reception(office, journal, ils, lambda: secrets.token_urlsafe(24),
                                  _own_catalogue(settings, broker))
            jitter = (random or Random(os.urandom(8))).random  # noqa: S311  spreads reconnects, guards nothing
            link = GatewayLink(url, office, journal, reception.answer, jitter, tls=tls, came_up=keeper.link_came_up)
            witness = Witness(url, office, journal, tls)
            office.seen.last = await journal.run(lambda unit: Views(unit.connection).last())
            connector = Connector(settings, office, journal, link, Counter(office, journal, link),
                                  Worker(journal, office, ils, settings.sip2.cards()), client,
                                  _harvester(settings, office, journal))
            async with asyncio.TaskGroup() as loops:
                running = [loops.create_task(loop) for loop in
                           (keeper.run(), link.run(), connector.worker.run(), witness.run(), _watch(connector),
                            connector.harvester.run())]
                try:
                    yield connector
                finally:
                    for task in running:
                        task.cancel()
    finally:
        journal.close()


async def _watch(connector: Connector) -> None:
    """Let deadlines pass and answer statements: what happens because time goes by, not because mail came."""
    office, journal = connector.office, connector.journal
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await watch_once(office, journal)
        except Exception:  # what goes wrong for one deadline must not stop the clock for all others
            log.exception("the watch failed and goes on")


@asynccontextmanager
async def _sip2_client(sip2: Sip2Settings, journal: Journal) -> AsyncIterator[Sip2Client]:
    """Open the way to the ILS with what an earlier run has learned of its dialect; keep what this one learns."""
    notes: set[asyncio.Task[None]] = set()

    def note(learned: LearnedDialect) -> None:
        notes.add(asyncio.create_task(_remember(journal, learned)))

    try:
        async with sip2.client(learned=await _recall(journal), on_learned=note) as client:
            yield client
    finally:
        await asyncio.gather(*notes)


async def _recall(journal: Journal) -> LearnedDialect | None:
    """Return what an earlier run has learned of the ILS's dialect."""
    checksum = await journal.run(lambda unit: unit.fact(LEARNED))
    return LearnedDialect(Checksum(checksum)) if checksum else None


async def _remember(journal: Journal, learned: LearnedDialect) -> None:
    try:
        await journal.run(lambda unit: unit.set_fact(LEARNED, learned.checksum.value))
    except sqlite3.Error as error:  # a full disk: the next run learns it again
        log.warning("what was learned of the ILS's dialect is not kept: %s", error)


async def _token_key(journal: Journal) -> bytes:
    """Return the key of this library's pseudonyms, drawn once and kept in its journal."""
    drawn = secrets.token_hex(32)
    await journal.run(lambda unit: None if unit.fact(TOKEN_KEY) else unit.set_fact(TOKEN_KEY, drawn))
    return bytes.fromhex(await journal.run(lambda unit: unit.fact(TOKEN_KEY)))
