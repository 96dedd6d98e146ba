"""An order at the Z39.50 face: a reader of this library orders through it, as on the portal's page.

The face takes the page's place: card and PIN are sealed to this library and no other, the order is signed by a key that
is drawn for it, and what follows is what follows every order: the library asks its ILS about the reader, takes a
credit slot and signs the Request. So nobody orders for a reader whose card and PIN he does not have, the hub included.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import ClientError, ClientSession

from connectors.agent.hub import address
from connectors.agent.office import Office
from connectors.z3950.apdu import Credentials, IdPass, OpenAuthentication
from connectors.z3950.errors import DiagnosticError
from schemas.lending import BibRef, PickupPoint, ReaderOrder
from trust.sealing import Secret, SessionKey, seal_to, to_jwk

NOT_AUTHORISED, NOT_NOW = 222, 224
"""Bib-1: the id may not order; immediate execution failed."""
_NOT_SIGNED_IN = frozenset({401, 403})


@dataclass(frozen=True)
class Ordering:
    """Orders from the gateway behind the address of the ``link``. ``pickup`` names the point, the first where empty."""

    http: Callable[[], ClientSession]
    link: str
    office: Office
    pickup: str = ""

    async def order(self, cluster: str, credentials: Credentials | None) -> str:
        """Order a work for the reader whose card and PIN these are, and return the loan's id.

        Raises:
            DiagnosticError: 222 where they are not accepted, 224 where nobody can supply it now.
        """
        card, pin = _card_and_pin(credentials)
        point = self._point()
        async with self.http() as http:
            session, key = await self._sign_in(http, card, pin)
            wish = {"cluster": cluster, "pickup": point.model_dump()}
            proposal = await self._ask(http, "/api/proposals", wish, session)
            order = ReaderOrder(conv=proposal["conv"], home=self.office.me, pickup=point,
                                bib=BibRef.model_validate(proposal["bib"]),
                                created=datetime.fromisoformat(proposal["created"]))
            signed = {"conv": order.conv, "signed_order": key.sign(order.model_dump_json().encode())}
            loan = await self._ask(http, "/api/loans", signed, session)
        return str(loan["conv"])

    async def _sign_in(self, http: ClientSession, card: str, pin: Secret) -> tuple[str, SessionKey]:
        begun = await self._ask(http, "/api/sessions", {"home": self.office.me})
        key = SessionKey.generate(os.urandom)
        secret = {"card": card, "pin": pin.reveal(), "challenge": begun["challenge"],
                  "public_key": dict(key.public_jwk)}
        _, own = self.office.directory().sealing_key(self.office.me, self.office.clock())
        sealed = seal_to(to_jwk(own), json.dumps(secret).encode())
        await self._ask(http, "/api/sessions/sign-in", {"session": begun["session"], "sealed": sealed})
        return str(begun["session"]), key

    def _point(self) -> PickupPoint:
        points = self.office.directory().directory.by_id[self.office.me].pickup_points
        if not points or (self.pickup and self.pickup not in points):
            raise DiagnosticError(NOT_NOW, "the directory knows no such pickup point of this library")
        return PickupPoint(agency=self.office.me, point=self.pickup or points[0])

    async def _ask(self, http: ClientSession, path: str, body: Mapping[str, object], session: str = "") -> Any:
        headers = {"Authorization": f"Bearer {session}"} if session else {}
        try:
            async with http.post(address(self.link, path), json=body, headers=headers, allow_redirects=False) as answer:
                said = json.loads(await answer.read())
        except (ClientError, OSError, TimeoutError, ValueError):
            raise DiagnosticError(NOT_NOW, "the alliance's gateway does not answer now") from None
        if answer.status in _NOT_SIGNED_IN:
            raise DiagnosticError(NOT_AUTHORISED, "card and PIN are not accepted")
        if answer.status >= 400:
            raise DiagnosticError(NOT_NOW, str(said.get("detail", ""))[:200])
        return said


def _card_and_pin(credentials: Credentials | None) -> tuple[str, Secret]:
    """Return what a reader authenticates with: user and password, or ``card/PIN`` in one string."""
    if isinstance(credentials, IdPass) and credentials.user_id and credentials.password:
        return credentials.user_id, Secret(credentials.password)
    if isinstance(credentials, OpenAuthentication):
        card, slash, pin = credentials.token.partition("/")
        if card and slash and pin:
            return card, Secret(pin)
    raise DiagnosticError(NOT_AUTHORISED, "authenticate at Init with a reader's card and PIN")
