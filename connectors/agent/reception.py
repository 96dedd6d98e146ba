"""Answers the gateway's questions: availability, what the catalogue has now, and a reader's sign-in.

Card and PIN come sealed from the reader's page; only this library can open them, and each challenge opens once. The
gateway learns a pseudonym and how much credit is left. Nothing asked here is stored but the session itself.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import ConfigDict, ValidationError

from connectors.agent.home import patron_token
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.own_catalogue import OwnCatalogue
from connectors.agent.tables import Session, Unit
from connectors.ils.port import Ils, IlsFailed
from schemas.identifiers import ShortText, Wire
from schemas.live import LiveQuestion
from schemas.messages import AnyMessage, Message, MessageType
from schemas.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    ChallengeAnswer,
    ChallengeQuestion,
    ItemStatus,
    SignInAnswer,
    SignInQuestion,
)
from trust.errors import TrustError
from trust.sealing import Secret, open_with

CHALLENGE_LIFE = timedelta(minutes=5)
ANSWER_LIFE = timedelta(minutes=2)


class Credentials(Wire):
    """What the page seals: never logged, never repeated."""

    model_config = ConfigDict(hide_input_in_errors=True)

    card: Secret
    pin: Secret
    challenge: ShortText
    public_key: dict[str, str]


@dataclass(frozen=True)
class Reception:
    """Answers questions. ``token`` draws an unguessable string."""

    office: Office
    journal: Journal
    ils: Ils
    token: Callable[[], str]
    catalogue: OwnCatalogue = field(default_factory=OwnCatalogue)

    async def answer(self, question: AnyMessage, hash_: str) -> bytes | None:
        """Return the sealed answer, or ``None`` where the question is none that a library answers."""
        rules: Mapping[type[Wire], tuple[MessageType, Callable[[AnyMessage], Awaitable[Wire]]]] = {
            AvailabilityQuestion: (MessageType.AVAILABILITY_ANSWER, self._availability),
            ChallengeQuestion: (MessageType.CHALLENGE_ANSWER, self._challenge),
            SignInQuestion: (MessageType.SIGN_IN_ANSWER, self._sign_in),
            LiveQuestion: (MessageType.LIVE_ANSWER, self._live),
        }
        found = rules.get(type(question.body))
        if found is None:
            return None
        kind, rule = found
        try:
            body = await rule(question)
        except IlsFailed:
            return None
        office = self.office
        header = office.header(kind, question.src, office.clock(), ANSWER_LIFE)
        return office.seal(Message[Any](**header, reply_to=hash_, nonce=question.nonce, body=body)).envelope

    async def _availability(self, question: AnyMessage) -> Wire:
        body = question.body
        assert isinstance(body, AvailabilityQuestion)
        items = []
        for barcode in body.barcodes:
            item = await self.ils.item(barcode)
            if item.known:
                items.append(ItemStatus(barcode=barcode, status=item.status, due_date=item.due_date))
        return AvailabilityAnswer(items=tuple(items))

    async def _live(self, question: AnyMessage) -> Wire:
        body = question.body
        assert isinstance(body, LiveQuestion)
        return await self.catalogue.answer(body)

    async def _challenge(self, question: AnyMessage) -> Wire:
        body = question.body
        assert isinstance(body, ChallengeQuestion)
        valid_until = self.office.clock() + CHALLENGE_LIFE
        session = Session(body.session, self.token(), valid_until.isoformat(), None, None)
        await self.journal.run(lambda unit: unit.put_session(session) if unit.session(body.session) is None else None)
        kept = await self.journal.run(lambda unit: unit.session(body.session))
        assert kept is not None
        return ChallengeAnswer(challenge=kept.challenge, valid_until=valid_until)

    async def _sign_in(self, question: AnyMessage) -> Wire:
        body = question.body
        assert isinstance(body, SignInQuestion)
        credentials = self._open(body.sealed)
        used: Session | None = None
        if credentials is not None:
            used = await self.journal.run(partial(self._use, credentials, body.session))
        if credentials is None or used is None:
            return SignInAnswer(signed_in=False, reason="请重新登录")
        card = credentials.card.reveal()
        standing = await self.ils.patron(card, credentials.pin.reveal())
        if not standing.pin_accepted:
            return SignInAnswer(signed_in=False, reason="读者证号或密码不正确")
        known = replace(used, card=card, public_key=json.dumps(credentials.public_key, sort_keys=True))
        await self.journal.run(lambda unit: unit.put_session(known))
        office = self.office
        _, tier = office.directory().policies.tier(standing.patron_type)
        taken = await self.journal.run(lambda unit: unit.slots_taken(card))
        return SignInAnswer(signed_in=True, patron=patron_token(office.token_key, card, office.gateway),
                            items_max=tier.items_max, items_open=standing.charged_items + taken)

    def _open(self, sealed: str) -> Credentials | None:
        try:
            return Credentials.model_validate_json(open_with(self.office.sealing_keys, sealed), strict=True)
        except (TrustError, ValidationError):
            return None

    def _use(self, credentials: Credentials, id_: str, unit: Unit) -> Session | None:
        """Use a challenge up: it opens once, in its time, and only the sign-in it was given for."""
        session = unit.session(id_)
        if session is None or session.card is not None or credentials.challenge != session.challenge:
            return None
        if self.office.clock() > datetime.fromisoformat(session.valid_until):
            return None
        used = replace(session, challenge=f"used {self.token()}")
        unit.put_session(used)
        return used
