"""What the portal does for a reader: sign in by the home library, search, propose, order, change, track.

The gateway never sees card or PIN, and cannot order: both are sealed or signed in the reader's page. A session lives
in the cache; when that is lost, readers sign in again and nothing else happens.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from federation.catalogue.facets import Narrowing
from federation.catalogue.suggesting import Suggestion
from federation.catalogue.views import ClusterView, SearchPage
from federation.gateway import Gateway
from federation.loans.ordering import Proposal, candidates, holders, propose_loan
from federation.loans.reaction import Reply
from federation.ports import Cache
from federation.road import Road
from federation.web.link import LibraryUnreachable, Links
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode, MessageHash, PatronToken
from schemas.lending import Order, OrderAmendment, PickupPoint
from schemas.loan import Loan
from schemas.messages import MessageType
from schemas.problems import ProblemCode
from schemas.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    ChallengeAnswer,
    ChallengeQuestion,
    ItemStatus,
    SignInAnswer,
    SignInQuestion,
)
from trust.sealing import Jwk, to_jwk

SESSION_SECONDS = 3600.0
PROPOSAL_SECONDS = 900.0
ANSWER_SECONDS = 5.0
AVAILABILITY_SECONDS = 3.0
AVAILABILITY_CACHED_SECONDS = 20.0
SIGN_INS_PER_MINUTE = 60


class ReaderProblem(Exception):
    """Something a reader's request cannot have; the code has its place in ``schemas.problems``."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class ReaderSession:
    """Who is signed in: a pseudonym at a home library."""

    id: str
    home: AgencyId
    patron: PatronToken


@dataclass(frozen=True)
class Readers:
    """The portal's service. ``token`` draws an unguessable string; ``conversation`` a new loan's id."""

    gateway: Gateway
    links: Links
    cache: Cache
    token: Callable[[], str]
    conversation: Callable[[], ConversationId]

    async def begin_sign_in(self, home: AgencyId) -> dict[str, object]:
        """Return a session's name, the home library's challenge, and the key to seal card and PIN to."""
        if not await self.cache.allow(f"sign-in {home}", SIGN_INS_PER_MINUTE, 60.0):
            raise ReaderProblem(ProblemCode.TOO_MANY_REQUESTS, "too many sign-ins at this library just now")
        session = self.token()
        answer = await self._ask(home, MessageType.CHALLENGE_QUESTION, ChallengeQuestion(session=session))
        assert isinstance(answer, ChallengeAnswer)
        await self.cache.put(f"session {session}", json.dumps({"home": home}), SESSION_SECONDS)
        return {"session": session, "challenge": answer.challenge, "sealing_key": self.sealing_key(home)}

    def sealing_key(self, home: AgencyId) -> Jwk:
        """Return the key to which a page seals what only the reader's home library may know."""
        _, key = self.gateway.directory().sealing_key(home, self.gateway.clock())
        return to_jwk(key)

    async def sign_in(self, session: str, sealed: str) -> SignInAnswer:
        """Pass the sealed card and PIN to the home library and keep the pseudonym it answers with."""
        record = await self._record(session)
        home = AgencyId(record["home"])
        answer = await self._ask(home, MessageType.SIGN_IN_QUESTION, SignInQuestion(session=session, sealed=sealed))
        assert isinstance(answer, SignInAnswer)
        if answer.signed_in and answer.patron:
            kept = json.dumps({"home": home, "patron": answer.patron})
            await self.cache.put(f"session {session}", kept, SESSION_SECONDS)
        return answer

    async def session(self, id_: str) -> ReaderSession:
        """Return a signed-in session.

        Raises:
            ReaderProblem: not signed in, or no longer.
        """
        record = await self._record(id_)
        if "patron" not in record:
            raise ReaderProblem(ProblemCode.NOT_SIGNED_IN, "card and PIN have not been accepted yet")
        return ReaderSession(id_, AgencyId(record["home"]), PatronToken(record["patron"]))

    async def search(self, query: str, limit: int, offset: int, narrowing: Narrowing, cities: Mapping[str, str]
                     ) -> SearchPage:
        """Search the union catalogue; ``cities`` tells the city of each library."""
        return await self.gateway.store.run(
            lambda unit: unit.catalogue.search(query, limit, offset, narrowing, cities))

    async def suggest(self, typed: str) -> Sequence[Suggestion]:
        """Return titles and authors that begin with what was typed."""
        return await self.gateway.store.run(lambda unit: unit.catalogue.suggest(typed))

    async def work(self, cluster_id: str, *, live: bool = False
                   ) -> tuple[ClusterView, dict[AgencyId, Sequence[ItemStatus] | None]]:
        """Return one work with what its libraries say of their copies; ``None`` where one did not answer.

        To look at, an answer some seconds old will do; with ``live`` every library is asked now.
        """
        cluster = await self.gateway.store.run(lambda unit: unit.catalogue.cluster(cluster_id))
        if cluster is None:
            raise ReaderProblem(ProblemCode.NOT_FOUND, "no such work in the union catalogue")
        held = holders(cluster)
        answers = await asyncio.gather(*(self._availability(agency, copies, live=live)
                                         for agency, (_, copies) in held.items()))
        return cluster, dict(zip(held, answers, strict=True))

    async def propose(self, session: ReaderSession, cluster_id: str, pickup: PickupPoint) -> tuple[str, Proposal]:
        """Return a new loan's id and what the reader is asked to sign."""
        directory = self.gateway.directory()
        points = {library.agency: library.pickup_points for library in directory.directory.libraries()}
        if pickup.point not in points.get(pickup.agency, ()):
            raise ReaderProblem(ProblemCode.BAD_REQUEST, "no member library runs that pickup point")
        cluster, answers = await self.work(cluster_id, live=True)
        found = await self.gateway.store.run(lambda unit: candidates(unit, directory, cluster, answers))
        proposal = propose_loan(directory, cluster, found, session.home, pickup)
        if not proposal.rota:
            raise ReaderProblem(ProblemCode.NOT_FOUND, "no other library can supply this work now")
        conv = self.conversation()
        kept = Order(session=session.id, signed_order="", bib=proposal.bib, pickup=pickup, rota=proposal.rota,
                     quote=proposal.quote)
        await self.cache.put(f"proposal {session.id} {conv}", kept.model_dump_json(), PROPOSAL_SECONDS)
        return conv, proposal

    async def order(self, session: ReaderSession, conv: ConversationId, signed_order: str) -> Loan:
        """Send the signed order to the home library. Asking twice orders once."""
        kept = await self.cache.get(f"proposal {session.id} {conv}")
        if kept is None:
            raise ReaderProblem(ProblemCode.NOT_FOUND, "this proposal has lapsed; ask for a new one")
        order = Order.model_validate_json(kept).model_copy(update={"signed_order": signed_order})

        def work(road: Road) -> Loan:
            known = road.unit.loans.get(conv)
            if known is not None:
                return known
            road.unit.loans.claim(conv, session.home, session.patron)
            road.say(Reply(MessageType.ORDER, session.home, order, None), conv)
            loan = road.unit.loans.get(conv)
            assert loan is not None
            return loan

        return await self.gateway.act(work)

    async def amend(self, session: ReaderSession, conv: ConversationId, signed_amendment: str) -> MessageHash:
        """Pass the reader's signed wish to renew or cancel to the home library."""
        loan = await self.loan(session, conv)
        body = OrderAmendment(session=session.id, signed_amendment=signed_amendment)
        return await self.gateway.act(
            lambda road: road.say(Reply(MessageType.ORDER_AMENDMENT, loan.home, body, None), conv))

    async def loans(self, session: ReaderSession) -> Sequence[Loan]:
        """Return the reader's loans, the newest first."""
        return await self.gateway.store.run(lambda unit: unit.loans.of_reader(session.home, session.patron))

    async def loan(self, session: ReaderSession, conv: str) -> Loan:
        """Return one loan of this reader; another reader's is not found."""
        for loan in await self.loans(session):
            if loan.conv == conv:
                return loan
        raise ReaderProblem(ProblemCode.NOT_FOUND, "you have no such loan")

    async def _record(self, session: str) -> dict[str, str]:
        text = await self.cache.get(f"session {session}")
        if text is None:
            raise ReaderProblem(ProblemCode.NOT_SIGNED_IN, "sign in first, or again")
        record: dict[str, str] = json.loads(text)
        return record

    async def _ask(self, agency: AgencyId, kind: MessageType, body: ChallengeQuestion | SignInQuestion) -> object:
        try:
            return (await self.links.ask(agency, kind, body, ANSWER_SECONDS)).body
        except LibraryUnreachable as error:
            raise ReaderProblem(ProblemCode.LIBRARY_UNREACHABLE, str(error)) from error

    async def _availability(self, agency: AgencyId, barcodes: Sequence[ItemBarcode], *, live: bool
                            ) -> Sequence[ItemStatus] | None:
        name = f"available {agency} {' '.join(barcodes)}"
        cached = None if live else await self.cache.get(name)
        if cached is not None:
            return AvailabilityAnswer.model_validate_json(cached).items
        question = AvailabilityQuestion(barcodes=tuple(barcodes))
        try:
            body = (await self.links.ask(agency, MessageType.AVAILABILITY_QUESTION, question,
                                         AVAILABILITY_SECONDS)).body
        except LibraryUnreachable:
            return None
        if not isinstance(body, AvailabilityAnswer):
            return None
        await self.cache.put(name, body.model_dump_json(), AVAILABILITY_CACHED_SECONDS)
        return body.items
