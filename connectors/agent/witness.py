"""This library as a witness of the evidence log: it only ever follows a log that grows, and says so under its name.

Every few seconds it asks for the newest checkpoint, verifies that it continues the last one seen, cosigns it, compares
what other members' messages say they have seen, and has it proven that its own messages stand where the gateway has
signed. Whatever does not hold becomes one alarm. Asking goes over plain HTTP: all that is answered is signed or proven.
"""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from ssl import SSLContext
from typing import Any

from aiohttp import ClientError, ClientSession

from connectors.agent.alarms import tell
from connectors.agent.hub import HubUnreachable, address, fetch, open_session
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from connectors.agent.views import Place, View, Views
from schemas.identifiers import MessageHash
from schemas.problems import ProblemCode
from trust.checkpoint import Checkpoint, open_checkpoint
from trust.cosignature import cosign
from trust.errors import BrokenProof, EvidenceRefused, SplitView
from trust.evidence import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
ANSWER_BYTES_MAX = 1_048_576
PROOFS_AT_A_TIME = 200
COVERED_WITHIN = timedelta(hours=1)
"""An honest gateway signs a checkpoint every few seconds: a message that none covers by then is being held back."""
SHORT_LOOKS_MAX = 3
"""Where this machine's clock jumps, an hour may pass between a message and the next checkpoint."""
WITHHELD_LOOKS_MAX = 30
"""So many looks in a row may bring a checkpoint and then no proof, as when a gateway stops in between."""


class Witness:
    """Follows the log of the gateway behind ``url``, the address of its link."""

    def __init__(self, url: str, office: Office, journal: Journal, tls: SSLContext | None = None) -> None:
        self._url = url
        self._tls = tls
        self._office = office
        self._journal = journal
        self._withheld = 0
        self._short = 0

    async def run(self) -> None:
        """Look again and again until cancelled."""
        async with open_session(self._tls, LOOK_SECONDS) as http:
            while True:
                try:
                    await self.look(http)
                except HubUnreachable as error:
                    log.info("the log cannot be read now: %s", error)
                except Exception:  # one look that fails must not end all others
                    log.exception("a look at the log failed")
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self, http: ClientSession) -> None:
        """Verify what is new, once; what does not hold becomes an alarm.

        Raises:
            HubUnreachable: not everything could be asked now.
        """
        try:
            checkpoint = await self._follow(http)
            await self._verify(http, checkpoint)
        except EvidenceRefused as error:
            await self._alarm(error.code, str(error))

    async def _verify(self, http: ClientSession, checkpoint: Checkpoint) -> None:
        try:
            await self._cosign(http, checkpoint)
            await self._compare(http, checkpoint)
            await self._prove(http, checkpoint)
            await self._require_whole(checkpoint.size)
        except HubUnreachable:
            self._withheld += 1
            if self._withheld >= WITHHELD_LOOKS_MAX:
                raise BrokenProof("the gateway goes on signing checkpoints and withholds the proofs for them") from None
            raise
        self._withheld = 0

    async def _follow(self, http: ClientSession) -> Checkpoint:
        """Return the newest checkpoint, once it is verified to continue the last one seen."""
        seen = await self._journal.run(lambda unit: Views(unit.connection).last()) or (0, MessageHash(EMPTY_ROOT.hex()))
        answer = await self._get(http, "/log/checkpoint", since=seen[0])
        checkpoint = self._open(answer)
        if checkpoint.size < seen[0]:
            raise SplitView(f"the log had {seen[0]} leaves when this library last looked, and shows {checkpoint.size} "
                            "now; keep the journal and call the alliance's admins")
        self._require_continued(seen, checkpoint, _proof(answer), "this library")
        view = checkpoint.size, MessageHash(checkpoint.root.hex())
        await self._journal.run(lambda unit: Views(unit.connection).add(view))
        self._office.seen.last = view
        return checkpoint

    async def _cosign(self, http: ClientSession, checkpoint: Checkpoint) -> None:
        office = self._office
        if not await office.may_sign():
            return
        now = office.clock()
        line = cosign(checkpoint, office.me, office.key(now), now)
        offered = {"size": checkpoint.size, "witness": office.me, "line": line}
        try:
            async with http.post(address(self._url, "/log/cosignatures"), json=offered,
                                 allow_redirects=False) as answer:
                if answer.status != 200:
                    log.warning("the gateway did not take the cosignature: %s", answer.status)
        except (ClientError, OSError, TimeoutError) as error:
            raise HubUnreachable(f"the cosignature was not taken ({type(error).__name__})") from error

    async def _compare(self, http: ClientSession, checkpoint: Checkpoint) -> None:
        """Have it proven that what other members have seen is the beginning of what this library has seen."""
        for view, src in await self._journal.run(lambda unit: Views(unit.connection).claims(checkpoint.size)):
            answer = await self._get(http, "/log/consistency", old=view[0], new=checkpoint.size)
            await self._journal.run(partial(_settle, view))
            self._require_continued(view, checkpoint, _proof(answer), src)

    async def _prove(self, http: ClientSession, checkpoint: Checkpoint) -> None:
        """Have it proven that messages stand in the log where the gateway has signed that they do."""
        size = checkpoint.size
        while places := await self._journal.run(lambda unit: Views(unit.connection).places(size, PROOFS_AT_A_TIME)):
            answer = await self._get(http, "/log/inclusion", size=size,
                                     index=",".join(str(place.index) for place in places))
            wrong = [place for place in places if not _stands(place, checkpoint, answer.get("proofs"))]
            await self._journal.run(partial(_close, places))
            if wrong:
                raise BrokenProof(f"{wrong[0].kind} {wrong[0].hash[:12]} is not leaf {wrong[0].index} of the log, "
                                  f"though the gateway has signed that it is ({len(wrong)} such messages)")

    async def _require_whole(self, size: int) -> None:
        """Refuse a log that goes on leaving out what the gateway has shown to others, or has taken over."""
        left_out = await self._journal.run(partial(_left_out, size, self._office.clock() - COVERED_WITHIN))
        self._short = self._short + 1 if left_out else 0
        if left_out is not None and self._short >= SHORT_LOOKS_MAX:
            raise left_out

    def _open(self, answer: Mapping[str, Any]) -> Checkpoint:
        directory = self._office.directory()
        gateway = directory.directory.gateway.agency
        return open_checkpoint(str(answer.get("note")).encode(), gateway, directory.signing_keys(gateway))

    def _require_continued(self, view: View, checkpoint: Checkpoint, proof: list[bytes], src: str) -> None:
        try:
            verify_consistency(view[0], bytes.fromhex(view[1]), checkpoint.size, checkpoint.root, proof)
        except BrokenProof:
            raise SplitView(f"{src} has seen a log of {view[0]} leaves with root {view[1][:12]}; the gateway's log of "
                            f"{checkpoint.size} leaves with root {checkpoint.root.hex()[:12]} does not continue it; "
                            "keep the journal and call the alliance's admins") from None

    async def _alarm(self, code: ProblemCode, detail: str) -> None:
        now = self._office.clock()
        await self._journal.run(lambda unit: tell(unit, now, code, detail))

    async def _get(self, http: ClientSession, path: str, **query: int | str) -> Mapping[str, Any]:
        body = await fetch(http, self._url, path, ANSWER_BYTES_MAX, **query)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise HubUnreachable(f"{path} answered with nothing that can be verified")
        return document


def _settle(view: View, unit: Unit) -> None:
    Views(unit.connection).settle(view)


def _left_out(size: int, before: datetime, unit: Unit) -> EvidenceRefused | None:
    """Return what a log of ``size`` leaves lacks though it was there before a time; ``None`` where it is whole."""
    views = Views(unit.connection)
    if hidden := views.hidden(size, before.isoformat()):
        return SplitView(f"{hidden[1]} has seen a log of {hidden[0][0]} leaves; the gateway still shows {size} here")
    if late := views.uncovered(size, before.isoformat()):
        return BrokenProof(f"the gateway took over {late.kind} {late.hash[:12]} as leaf {late.index} at "
                           f"{late.arrived[:19]} and has signed no checkpoint that covers it")
    return None


def _close(places: Iterable[Place], unit: Unit) -> None:
    for place in places:
        Views(unit.connection).drop_place(place)


def _proof(answer: Mapping[str, Any]) -> list[bytes]:
    return _hashes(answer.get("proof"))


def _hashes(texts: object) -> list[bytes]:
    try:
        return [bytes.fromhex(text) for text in texts] if isinstance(texts, list) else []
    except (TypeError, ValueError):
        raise HubUnreachable("a proof is a list of hashes in hex") from None


def _stands(place: Place, checkpoint: Checkpoint, proofs: object) -> bool:
    proof = _hashes(proofs.get(str(place.index))) if isinstance(proofs, dict) else []
    leaf = leaf_hash(place.hash, datetime.fromisoformat(place.arrived).astimezone(UTC), place.kind)
    try:
        verify_inclusion(leaf, place.index, checkpoint.size, proof, checkpoint.root)
    except BrokenProof:
        return False
    return True
