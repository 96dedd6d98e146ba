"""The people of the sample alliance, as programs: readers at the portal, staff at their desks, the operator.

They use what real people's pages use: the portal's JSON interface, the desks' and the operator's sockets. The reader
seals card and PIN and signs orders here, as the page does in the browser.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession, UnixConnector

from examples.alliance.readers import Reader
from schemas.identifiers import AgencyId
from schemas.lending import AmendmentAction, BibRef, PickupPoint, ReaderAmendment, ReaderOrder
from trust.sealing import Secret, SessionKey, seal_address, seal_to


class Refused(Exception):
    """The other side said no; ``code`` is its problem code."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = str(problem.get("code"))


@dataclass(frozen=True)
class JsonPeer:
    """A JSON interface behind a base URL."""

    http: ClientSession
    base: str

    async def ask(self, method: str, path: str, body: object = None, *, token: str | None = None,
                  query: dict[str, str] | None = None) -> Any:
        """Return the JSON answer, or the bytes of one that is none.

        Raises:
            Refused: the other side answered with a problem.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, self.base + path, json=body, headers=headers, params=query) as answer:
            raw = await answer.read()
            if answer.content_type != "application/json":
                return raw
            document = json.loads(raw)
        if answer.status >= 400:
            raise Refused(answer.status, document)
        return document


def over_socket(socket: Path) -> JsonPeer:
    """Return the interface behind a Unix socket; its ``http`` is the caller's to close."""
    return JsonPeer(ClientSession(connector=UnixConnector(str(socket))), "http://local")


@dataclass(frozen=True)
class SignedInReader:
    """A reader with a session: may order, renew, cancel and look."""

    portal: JsonPeer
    home: AgencyId
    session: str
    key: SessionKey = field(repr=False)

    @classmethod
    async def sign_in(cls, portal: JsonPeer, home: AgencyId, reader: Reader) -> Self:
        """Seal card and PIN to the home library and sign in.

        Raises:
            Refused: the home library does not know card and PIN, or cannot be reached.
        """
        begun = await portal.ask("POST", "/api/sessions", {"home": home})
        key = SessionKey.generate(os.urandom)
        secret = {"card": reader.card, "pin": reader.pin, "challenge": begun["challenge"],
                  "public_key": dict(key.public_jwk)}
        sealed = seal_to(begun["sealing_key"], json.dumps(secret).encode())
        await portal.ask("POST", "/api/sessions/sign-in", {"session": begun["session"], "sealed": sealed})
        return cls(portal, home, begun["session"], key)

    async def propose(self, cluster: str, pickup: PickupPoint) -> dict[str, Any]:
        """Ask what a work would cost and who could supply it."""
        wish = {"cluster": cluster, "pickup": pickup.model_dump()}
        proposal: dict[str, Any] = await self.portal.ask("POST", "/api/proposals", wish, token=self.session)
        return proposal

    async def order(self, proposal: dict[str, Any], address: Secret | None = None) -> dict[str, Any]:
        """Sign what was proposed and order it, to be collected, or brought to an address that is sealed here."""
        sealed = seal_address(proposal["sealing_key"], proposal["conv"], address) if address else None
        order = ReaderOrder(conv=proposal["conv"], home=self.home, bib=BibRef.model_validate(proposal["bib"]),
                            pickup=PickupPoint.model_validate(proposal["pickup"]),
                            created=datetime.fromisoformat(proposal["created"]), address=sealed)
        signed = {"conv": proposal["conv"], "signed_order": self.key.sign(order.model_dump_json().encode())}
        loan: dict[str, Any] = await self.portal.ask("POST", "/api/loans", signed, token=self.session)
        return loan

    async def amend(self, conv: str, action: AmendmentAction, now: datetime) -> None:
        """Sign a wish to renew or cancel."""
        wish = ReaderAmendment(conv=conv, action=action, created=now.replace(microsecond=0))
        signed = {"signed_amendment": self.key.sign(wish.model_dump_json().encode())}
        await self.portal.ask("POST", f"/api/loans/{conv}/amendments", signed, token=self.session)
