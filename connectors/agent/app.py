"""The connector's composition root: the one place that names concrete classes. ``run_connector`` runs until cancelled.

Three loops run side by side: the link to the gateway, the worker at the ILS, and the watch that lets deadlines pass.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from connectors.agent import home
from connectors.agent.account import answer_statement
from connectors.agent.config import Settings, SettingsRefused, Sip2Settings
from connectors.agent.counter import Counter
from connectors.agent.harvest import HarvestReport, MarcFile, Source, Target, harvest
from connectors.agent.journal import Journal, Probe
from connectors.agent.link import GatewayLink
from connectors.agent.office import Office
from connectors.agent.reception import Reception
from connectors.agent.tables import Unit
from connectors.agent.worker import Worker
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.dialect import LearnedDialect
from connectors.sip2.profile import Checksum
from connectors.sip2.verbs import Verbs
from connectors.z3950 import oid
from trust.folder import load_folder
from trust.keys import SealingKey, SigningKey

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

    async def harvest(self) -> HarvestReport:
        """Send the library's catalogue to the union catalogue.

        Raises:
            SettingsRefused: the settings name no source.
        """
        marc, target = self.settings.marc, self.settings.z3950
        if marc is None or (marc.file is None and target is None):
            raise SettingsRefused("no [marc] section with a file, and no [z3950] target: nothing to harvest from")
        source: Source
        if target is not None:
            source = Target(target.host, target.port, target.database, oid.SYNTAXES[target.syntax], marc.charset)
        else:
            assert marc.file is not None
            source = MarcFile(marc.file, marc.charset)
        return await harvest(source, marc.mapping(), self.office, self.journal)


@asynccontextmanager
async def run_connector(settings: Settings, *, clock: Callable[[], datetime] = system_clock, probe: Probe = _no_probe,
                        random: Random | None = None) -> AsyncIterator[Connector]:
    """Open the journal, start the loops, and stop them in order on the way out.

    Raises:
        SettingsRefused: a file is missing.
        TrustError: a key or the directory is not accepted.
        JournalFailed: the journal cannot be opened.
    """
    directory = load_folder(settings.directory, clock())
    passphrase = _passphrase(settings.passphrase_file)
    key = SigningKey.load(settings.signing_key, passphrase)
    sealing = SealingKey.load(settings.sealing_key, passphrase)
    journal = Journal(settings.journal, probe)
    try:
        async with _sip2_client(settings.sip2, await _recall(journal)) as client:
            ils = Sip2Ils(Verbs(client, clock))
            office = Office(settings.agency, key, lambda: directory, journal, clock, await _token_key(journal))
            reception = Reception(office, journal, ils, (sealing,), lambda: secrets.token_urlsafe(24))
            jitter = (random or Random(os.urandom(8))).random  # noqa: S311  spreads reconnects, guards nothing
            link = GatewayLink(settings.gateway_url, office, journal, reception.answer, jitter)
            connector = Connector(settings, office, journal, link, Counter(office, journal, link),
                                  Worker(journal, office, ils, settings.sip2.institutional_card), client)
            async with asyncio.TaskGroup() as loops:
                running = [loops.create_task(loop) for loop in
                           (link.run(), connector.worker.run(), _watch(connector))]
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
            await _remember(journal, connector.client)
        except Exception:  # what goes wrong for one deadline must not stop the clock for all others
            log.exception("the watch failed and goes on")


async def watch_once(office: Office, journal: Journal) -> None:
    """Move on from suppliers that are silent, alarm about messages nobody confirmed, answer a statement."""
    now = office.clock().isoformat()
    for conv in await journal.run(lambda unit: unit.slots_unanswered(now)):
        await office.decide(conv, home.time_passed)
    await journal.run(lambda unit: _alarm_unconfirmed(unit, now))
    await answer_statement(office, journal)


def _alarm_unconfirmed(unit: Unit, now: str) -> None:
    for hash_, kind in unit.unconfirmed(now):
        unit.alarm(now, "not_confirmed", f"{kind} {hash_[:12]} is not confirmed by its receiver")


def _sip2_client(sip2: Sip2Settings, learned: LearnedDialect | None) -> Sip2Client:
    return Sip2Client(sip2.host, sip2.port, sip2.profile(), sip2.credentials(), max_lines=sip2.max_lines,
                      deadline_seconds=sip2.deadline_seconds, learned=learned)


async def _recall(journal: Journal) -> LearnedDialect | None:
    """Return what an earlier run has learned of the ILS's dialect."""
    checksum = await journal.run(lambda unit: unit.fact(LEARNED))
    return LearnedDialect(Checksum(checksum)) if checksum else None


async def _remember(journal: Journal, client: Sip2Client) -> None:
    learned = client.status().learned
    if learned is not None and learned != await _recall(journal):
        await journal.run(lambda unit: unit.set_fact(LEARNED, learned.checksum.value))


async def _token_key(journal: Journal) -> bytes:
    """Return the key of this library's pseudonyms, drawn once and kept in its journal."""
    drawn = secrets.token_hex(32)
    await journal.run(lambda unit: None if unit.fact(TOKEN_KEY) else unit.set_fact(TOKEN_KEY, drawn))
    return bytes.fromhex(await journal.run(lambda unit: unit.fact(TOKEN_KEY)))


def _passphrase(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsRefused(f"the passphrase file {path} cannot be read: {error.strerror}") from None
