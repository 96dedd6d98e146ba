"""The readers' JSON interface: a real reader of a real library system, and everything that is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from connectors.agent.link import GatewayLink
from connectors.agent.reception import Reception
from examples.alliance.people import JsonPeer, Refused, SignedInReader
from examples.alliance.readers import Reader, readers_of
from examples.alliance.stock import catalogue_path, read_marc
from federation.gateway import Gateway
from federation.web import readers
from schemas.bib import Bib
from schemas.envelope import ENVELOPE_BYTES_MAX
from schemas.identifiers import AgencyId
from schemas.lending import AmendmentAction
from schemas.messages import MessageType, Refusal
from schemas.problems import ProblemCode
from tests.alliance import FIRST, GATEWAY, HOME, NOW, PICKUP, SEED, Alliance, alliance, body_of, point
from tests.federation.catalogue.books import book
from tests.federation.web.front import Front, front_of, until
from tests.systems import LibrarySystem, library_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOST_BOOK, ODD_BARCODE = "只在本馆的书", "条码写错的书"
ISBN = "9787020002207"
Answer = tuple[int, str]


@dataclass
class Portal:
    """A portal whose home library and first supplier are connected; ``work`` is one that the supplier holds."""

    front: Front
    peer: JsonPeer
    people: tuple[Reader, ...]
    work: str = ""
    barcodes: set[str] = field(default_factory=set)

    @property
    def town(self) -> Alliance:
        return self.front.town

    async def cluster(self, title: str) -> str:
        page = await self.peer.ask("GET", "/api/search", query={"q": title})
        return str(page["hits"][0]["cluster"])

    async def sign_in(self, number: int = 0) -> SignedInReader:
        return await SignedInReader.sign_in(self.peer, HOME, self.people[number])

    async def order(self, reader: SignedInReader) -> dict[str, Any]:
        return await reader.order(await reader.propose(self.work, point(HOME)))

    async def orders(self) -> int:
        counted = await self.town.database.run(lambda unit: unit.messages.count_by_type())
        return counted.get(MessageType.ORDER, 0)

    async def refusal(self, method: str, path: str, body: Any = None, *, token: str | None = None,
                      data: bytes | BytesIO | None = None) -> Answer:
        """Return status and code of what must be a JSON problem and no traceback."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent = json.dumps(body).encode() if data is None and body is not None else data
        async with self.front.http.request(method, path, headers=headers, data=sent) as answer:
            text = await answer.text()
        assert answer.content_type == "application/json", text
        assert "Traceback" not in text
        problem = json.loads(text)
        assert set(problem) == {"code", "meaning", "detail", "may_retry"}
        return answer.status, problem["code"]


@asynccontextmanager
async def at_the_gateway(front: Front, agency: AgencyId, system: LibrarySystem) -> AsyncIterator[None]:
    """Connect a library that answers the gateway's questions out of its own system."""
    member, tokens = front.town[agency], count()
    desk = Reception(member.office, member.journal, system.ils, lambda: f"token {next(tokens)}")
    link = GatewayLink(str(front.http.make_url("/link")), member.office, member.journal, desk.answer, lambda: 0.5)
    running = asyncio.create_task(link.run())
    try:
        await until(lambda: agency in front.links.connected())
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def stock(town: Alliance, agency: AgencyId) -> list[Bib]:
    library = town[agency].library
    return [bib for _, bib in read_marc(library, catalogue_path(town.folder, library)) if bib.items]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Portal]:
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(alliance(tmp_path_factory.mktemp("town")))
        front = await stack.enter_async_context(front_of(town))
        for agency in (HOME, FIRST):
            system = await stack.enter_async_context(library_system(town, town[agency]))
            await stack.enter_async_context(at_the_gateway(front, agency, system))
        portal = Portal(front, JsonPeer(front.http.session, str(front.http.make_url("")).rstrip("/")),
                        readers_of(town[HOME].library, SEED))
        wanted = next(bib for bib in stock(town, FIRST) if len(bib.items) > 1)
        portal.barcodes = {item.barcode for item in wanted.items}

        def catalogue(unit: Any) -> None:
            odd = book(ODD_BARCODE, "某人", isbn=ISBN, record_id="odd", barcodes=("x" * 65,))
            unit.catalogue.upsert(FIRST, [wanted, odd])
            unit.catalogue.upsert(HOME, [book(LOST_BOOK, record_id="own", barcodes=("H1",))])
            unit.catalogue.upsert(PICKUP, [book(ODD_BARCODE, "某人", isbn=ISBN, record_id="good", barcodes=("P1",))])

        await town.database.run(catalogue)
        portal.work = await portal.cluster(wanted.title)
        yield portal


# What everybody may

async def test_every_library_is_shown_and_nobody_else(portal: Portal) -> None:
    shown = await portal.peer.ask("GET", "/api/libraries")
    assert [library["agency"] for library in shown] == [str(agency) for agency in portal.town.members]
    assert shown[0]["pickup_points"] == ["总服务台", "24小时书柜"]
    assert shown[0]["delivering_points"] == ["总服务台"]


async def test_a_search_finds_works_and_who_holds_them(portal: Portal) -> None:
    page = await portal.peer.ask("GET", "/api/search", query={"q": ODD_BARCODE})
    assert page["total"] >= 1
    assert page["hits"][0]["libraries"] == sorted([FIRST, PICKUP])


@pytest.mark.parametrize("query", ["", "%", "\x00", "\"'`", "*", "（", "AND OR NOT", "梦" * 300, "title:x", "-", "^a"])
async def test_any_text_may_be_searched_for(portal: Portal, query: str) -> None:
    page = await portal.peer.ask("GET", "/api/search", query={"q": query})
    assert isinstance(page["total"], int)


async def test_a_query_that_is_no_text_is_searched_for_all_the_same(portal: Portal) -> None:
    async with portal.front.http.get("/api/search?q=%ED%A0%80%FF") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("offset", ["x", "-1", "1.5", "9999999", "²", ""])
async def test_an_offset_is_a_number_of_hits(portal: Portal, offset: str) -> None:
    assert await portal.refusal("GET", f"/api/search?q=x&offset={offset}") == (400, "bad_request")


async def test_a_work_says_who_has_it_on_the_shelf_now(portal: Portal) -> None:
    work = await portal.peer.ask("GET", f"/api/works/{portal.work}")
    assert [(holding["agency"], holding["on_shelf"]) for holding in work["holdings"]] == [(FIRST, True)]
    assert work["holdings"][0]["copies"] == len(portal.barcodes)


async def test_of_a_library_that_does_not_answer_nothing_is_said(portal: Portal) -> None:
    work = await portal.peer.ask("GET", f"/api/works/{await portal.cluster(ODD_BARCODE)}")
    assert {holding["agency"]: holding["on_shelf"] for holding in work["holdings"]} == {FIRST: None, PICKUP: None}


@pytest.mark.parametrize("path", ["/api/works/nothing", "/api/works/%FF", "/api/works/%00", "/api/nothing"])
async def test_what_is_not_there_is_not_found(portal: Portal, path: str) -> None:
    assert await portal.refusal("GET", path) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/loans"), ("GET", "/api/sessions"),
                                               ("PUT", "/envelopes")])
async def test_a_method_that_a_route_does_not_have_is_refused(portal: Portal, method: str, path: str) -> None:
    assert await portal.refusal(method, path) == (405, "bad_request")


# Signing in

async def test_a_reader_signs_in_by_the_home_library_and_the_gateway_learns_a_pseudonym(portal: Portal) -> None:
    reader = await portal.sign_in()
    session = await portal.front.cache.get(f"session {reader.session}")
    assert session is not None
    assert portal.people[0].card not in session
    assert portal.people[0].pin not in session
    assert await portal.peer.ask("GET", "/api/loans", token=reader.session) == []


async def test_a_wrong_pin_signs_nobody_in(portal: Portal) -> None:
    stranger = Reader(portal.people[0].card, "wrong", "", "adult", "")
    with pytest.raises(Refused) as refused:
        await SignedInReader.sign_in(portal.peer, HOME, stranger)
    assert refused.value.status == 401


BAD_BODIES = [b"", b"[]", b"null", b"{", b'{"home":', b'{"home":7}', b"\xff", b'{"home":"x\\ud800"}']


@pytest.mark.parametrize("data", BAD_BODIES)
@pytest.mark.parametrize("path", ["/api/sessions", "/api/sessions/sign-in"])
async def test_a_sign_in_that_is_none_is_a_bad_request(portal: Portal, path: str, data: bytes) -> None:
    assert await portal.refusal("POST", path, data=data) == (400, "bad_request")


@pytest.mark.parametrize("home", ["CN-NOBODY", PICKUP, GATEWAY])
async def test_a_library_that_is_not_connected_vouches_for_nobody(portal: Portal, home: str) -> None:
    assert await portal.refusal("POST", "/api/sessions", {"home": home}) == (503, "library_unreachable")


async def test_a_session_that_nobody_began_is_not_signed_in(portal: Portal) -> None:
    assert await portal.refusal("POST", "/api/sessions/sign-in", {"session": "made up", "sealed": "x"}) == (
        401, "not_signed_in")


async def test_sign_ins_at_one_library_are_limited(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SIGN_INS_PER_MINUTE", 0)
    assert await portal.refusal("POST", "/api/sessions", {"home": HOME}) == (429, "too_many_requests")


async def test_a_library_that_answers_a_challenge_with_something_else_is_unreachable(portal: Portal) -> None:
    async with portal.front.connected(PICKUP) as line:
        asked = asyncio.create_task(portal.refusal("POST", "/api/sessions", {"home": PICKUP}))
        question = await line.hear()
        await line.say(question.kind.ANSWER, number=question.number, envelope=question.envelope)
        assert await asked == (503, "library_unreachable")


NEEDS_SESSION = [("POST", "/api/proposals"), ("POST", "/api/loans"), ("GET", "/api/loans"), ("GET", "/api/loans/x"),
                 ("POST", "/api/loans/loan-0001/amendments")]


@pytest.mark.parametrize(("method", "path"), NEEDS_SESSION)
async def test_without_a_session_nothing_of_a_reader_is_shown_or_done(portal: Portal, method: str, path: str) -> None:
    begun = await portal.peer.ask("POST", "/api/sessions", {"home": HOME})
    for token in (None, "made up", begun["session"]):
        assert await portal.refusal(method, path, {}, token=token) == (401, "not_signed_in")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eA==", "bearer x", "Bearer \u00e9"])
async def test_another_authorization_is_no_session(portal: Portal, header: str) -> None:
    async with portal.front.http.get("/api/loans", headers={"Authorization": header}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "not_signed_in")


# Proposing and ordering

async def test_a_proposal_is_what_the_reader_will_sign(portal: Portal) -> None:
    proposal = await (await portal.sign_in()).propose(portal.work, point(PICKUP))
    assert proposal["home"] == HOME
    assert proposal["pickup"] == {"agency": PICKUP, "point": "总服务台"}
    assert [entry["agency"] for entry in proposal["rota"]] == [FIRST]
    assert proposal["created"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"


async def test_a_copy_with_a_barcode_no_message_can_carry_spoils_no_proposal(portal: Portal) -> None:
    proposal = await (await portal.sign_in()).propose(await portal.cluster(ODD_BARCODE), point(HOME))
    assert [entry["agency"] for entry in proposal["rota"]] == [PICKUP]


@pytest.mark.parametrize(("changes", "expected"), [
    ({"cluster": "nothing"}, (404, "not_found")),
    ({"cluster": "x" * 501}, (400, "bad_request")),
    ({"pickup": {"agency": "CN-NOBODY", "point": "总服务台"}}, (400, "bad_request")),
    ({"pickup": {"agency": GATEWAY, "point": "总服务台"}}, (400, "bad_request")),
    ({"pickup": {"agency": PICKUP, "point": "门口的石狮子"}}, (400, "bad_request")),
    ({"pickup": {"agency": PICKUP}}, (400, "bad_request")),
    ({"pickup": None}, (400, "bad_request")),
    ({"quote": {"fee_fen": 0}}, (400, "bad_request")),
], ids=str)
async def test_a_wish_that_cannot_be_proposed_is_refused(portal: Portal, changes: Any, expected: Answer) -> None:
    wish = {"cluster": portal.work, "pickup": {"agency": HOME, "point": "总服务台"}, **changes}
    reader = await portal.sign_in()
    assert await portal.refusal("POST", "/api/proposals", wish, token=reader.session) == expected


async def test_a_work_that_only_the_home_library_has_is_not_lent_to_itself(portal: Portal) -> None:
    reader = await portal.sign_in()
    wish = {"cluster": await portal.cluster(LOST_BOOK), "pickup": {"agency": HOME, "point": "总服务台"}}
    assert await portal.refusal("POST", "/api/proposals", wish, token=reader.session) == (404, "not_found")


async def test_ordering_twice_orders_once(portal: Portal) -> None:
    reader, before = await portal.sign_in(), await portal.orders()
    proposal = await reader.propose(portal.work, point(HOME))
    loans = await asyncio.gather(*(reader.order(proposal) for _ in range(4)))
    assert {loan["conv"] for loan in loans} == {proposal["conv"]}
    assert await portal.orders() == before + 1


async def test_a_proposal_is_its_readers_alone(portal: Portal) -> None:
    mine, other = await portal.sign_in(0), await portal.sign_in(1)
    proposal, before = await mine.propose(portal.work, point(HOME)), await portal.orders()
    signed = {"conv": proposal["conv"], "signed_order": "x"}
    assert await portal.refusal("POST", "/api/loans", signed, token=other.session) == (404, "not_found")
    assert await portal.orders() == before


async def test_an_order_without_a_proposal_is_not_found(portal: Portal) -> None:
    reader = await portal.sign_in()
    signed = {"conv": "loan-never-proposed", "signed_order": "x"}
    assert await portal.refusal("POST", "/api/loans", signed, token=reader.session) == (404, "not_found")


@pytest.mark.parametrize("body", [
    {}, {"conv": "x", "signed_order": ""}, {"conv": "loan-0001", "signed_order": "x" * 8193},
    {"conv": "loan-0001", "signed_order": "", "patron": "me"}], ids=str)
async def test_an_order_that_is_none_is_a_bad_request(portal: Portal, body: Any) -> None:
    reader = await portal.sign_in()
    assert await portal.refusal("POST", "/api/loans", body, token=reader.session) == (400, "bad_request")


async def test_a_body_that_is_too_large_is_refused(portal: Portal) -> None:
    reader = await portal.sign_in()
    assert await portal.refusal("POST", "/api/loans", data=BytesIO(b"x" * 2_000_000), token=reader.session) == (
        413, "bad_request")


# Loans

async def test_a_reader_sees_the_own_loans_in_every_session_and_nobody_elses(portal: Portal) -> None:
    mine, other = await portal.sign_in(2), await portal.sign_in(3)
    loan = await portal.order(mine)
    for session in (mine.session, (await portal.sign_in(2)).session):
        assert [one["conv"] for one in await portal.peer.ask("GET", "/api/loans", token=session)] == [loan["conv"]]
    assert await portal.peer.ask("GET", "/api/loans", token=other.session) == []
    assert await portal.refusal("GET", f"/api/loans/{loan['conv']}", token=other.session) == (404, "not_found")
    assert await portal.refusal("POST", f"/api/loans/{loan['conv']}/amendments", {"signed_amendment": "x"},
                                token=other.session) == (404, "not_found")


async def test_a_loan_shows_no_more_than_a_reader_needs(portal: Portal) -> None:
    reader = await portal.sign_in(4)
    loan = await portal.order(reader)
    shown = await portal.peer.ask("GET", f"/api/loans/{loan['conv']}", token=reader.session)
    assert set(shown) == {"conv", "title", "status", "custody", "stage", "outcome", "supplier", "pickup", "due_date",
                          "renewals", "note"}


async def test_a_signed_wish_reaches_the_home_library_also_after_the_loan_has_ended(portal: Portal) -> None:
    reader = await portal.sign_in(6)
    loan = await portal.order(reader)
    home = portal.town[HOME]
    for _ in range(2):
        await reader.amend(loan["conv"], AmendmentAction.CANCEL, NOW)

    async def told() -> int:
        kept = await portal.town.said(loan["conv"])
        return sum(message.type == MessageType.ORDER_AMENDMENT for message in kept)

    assert await told() == 2
    assert (await home.loan(loan["conv"])).conv == loan["conv"]


# Envelopes over plain HTTP

@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff" * 100, b"x" * 100_000], ids=["", "{}", "ff", "xx"])
async def test_what_is_no_envelope_is_answered_with_a_signed_refusal(portal: Portal, raw: bytes) -> None:
    async with portal.front.http.post("/envelopes", data=raw) as answer:
        assert answer.status == 200
        assert isinstance(body_of(await answer.read()), Refusal)


async def test_an_endless_envelope_is_read_no_further_than_its_limit(portal: Portal,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    read, receive = [], Gateway.receive

    async def noted(gateway: Gateway, raw: bytes) -> bytes:
        read.append(len(raw))
        return await receive(gateway, raw)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65_536

    monkeypatch.setattr(Gateway, "receive", noted)
    with suppress(ConnectionError):
        async with portal.front.http.post("/envelopes", data=endless()) as answer:
            assert body_of(await answer.read()).code is ProblemCode.OVERSIZE
    assert read == [ENVELOPE_BYTES_MAX + 1]


async def test_an_error_nobody_expected_is_hidden_and_noted(portal: Portal, monkeypatch: pytest.MonkeyPatch,
                                                            caplog: pytest.LogCaptureFixture) -> None:
    async def fails(*_arguments: object) -> None:
        raise RuntimeError("card 310110000001")

    monkeypatch.setattr(readers.Readers, "search", fails)
    async with portal.front.http.get("/api/search?q=x") as answer:
        assert answer.status == 500
        assert await answer.json() == {"code": "internal", "detail": "an error of this gateway; it has been noted"}
    assert "GET /api/search failed" in caplog.text
