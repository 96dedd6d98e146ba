"""The ILS port at servers built on PyPI ``pysip2``: lists in pages, as honest and as odd systems send them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import anyio
import pysip2
import pytest
from anyio.abc import SocketAttribute

from connectors.ils.port import Block, CardItems, CardList, Fees, Payment, Reason, Result
from connectors.ils.sip2 import LIST_ITEMS_MAX, LIST_PAGES_MAX, PAGE_ITEMS, Sip2Ils
from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.profile import Profile
from connectors.sip2.verbs import Verbs

DATE = "20260101    120000"
PROFILE = Profile(institution="YP", send_nb_due_date=True)
Paging = Callable[[tuple[str, ...], int, int], tuple[str, ...]]


def copies(number: int) -> tuple[str, ...]:
    return tuple(f"B{each:05}" for each in range(1, number + 1))


@dataclass
class Peer:
    """What the server has on its one card, and how it pages. A count of None is left blank."""

    charged: tuple[str, ...] = ()
    fines: tuple[str, ...] = ()
    paging: Paging = lambda entries, first, last: entries[first - 1:last]
    count: int | None = -1
    fees: str | None = "0.00"
    status: str = " " * 14
    valid: str | None = "Y"
    said: tuple[str, ...] = ()
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    def counted(self, entries: tuple[str, ...]) -> str:
        count = len(entries) if self.count == -1 else self.count
        return "    " if count is None else f"{count:04}"

    def answer(self, request: Any) -> Any:
        wanted = request.summary.find("Y")
        self.asked.append((request.start_item, request.end_item))
        first, last = int(request.start_item or 1), int(request.end_item or 9999)
        return pysip2.PatronInformationResponse(
            patron_status=self.status, language="019", transaction_date=DATE, hold_items_count="0001",
            overdue_items_count="0000", charged_items_count=self.counted(self.charged),
            fine_items_count=self.counted(self.fines), recall_items_count="0000", unavailable_holds_count="0000",
            institution_id="YP", patron_identifier=request.patron_identifier, personal_name="张伟",
            charged_items_limit="0010", valid_patron=self.valid, fee_amount=self.fees, currency_type="CNY",
            hold_items=("B90000 三体",) if wanted == 0 else (), screen_message=self.said,
            charged_items=self.paging(self.charged, first, last) if wanted == 2 else (),
            fine_items=self.paging(self.fines, first, last) if wanted == 3 else (),
        )  # fmt: skip

    def pay(self, request: Any) -> Any:
        ok = request.transaction_id == "T-1" and request.fee_identifier == "F-9" and request.fee_amount == "0.30"
        return pysip2.FeePaidResponse(payment_accepted="Y" if ok else "N", transaction_date=DATE, institution_id="YP",
                                      patron_identifier=request.patron_identifier, print_line=("Bill not found",))


@asynccontextmanager
async def joined(peer: Peer, profile: Profile = PROFILE) -> AsyncIterator[Sip2Ils]:
    server = pysip2.SIP2Server(encoding="utf-8", institution_id="YP", login_required=True)

    @server.route(pysip2.LOGIN)
    async def login(_request: Any, _context: Any) -> Any:
        return pysip2.LoginResponse(ok="1")

    @server.route(pysip2.PATRON_INFORMATION)
    async def patron(request: Any, _context: Any) -> Any:
        return peer.answer(request)

    @server.route(pysip2.FEE_PAID)
    async def fee_paid(request: Any, _context: Any) -> Any:
        return peer.pay(request)

    # Its own start() never closes the listening socket, which Python reports as a leak.
    async with await server.listen("127.0.0.1", 0) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server._handle_connection)
        port = listener.extra(SocketAttribute.local_port)
        async with Sip2Client("127.0.0.1", port, profile, Credentials("kiosk", "s3cret")) as client:
            yield Sip2Ils(Verbs(client, lambda: datetime.now(UTC)))
        tasks.cancel_scope.cancel()


async def listed(peer: Peer, profile: Profile = PROFILE) -> tuple[tuple[str, ...], bool]:
    async with joined(peer, profile) as ils:
        found = await ils.listed("1", CardList.CHARGED_ITEMS)
    return found.entries, found.is_whole


@pytest.mark.parametrize("number", [0, 1, PAGE_ITEMS - 1, PAGE_ITEMS, PAGE_ITEMS + 1, 3 * PAGE_ITEMS + 7])
@pytest.mark.parametrize("count", [-1, None])
async def test_a_list_comes_whole_page_by_page(number: int, count: int | None) -> None:
    peer = Peer(charged=copies(number), count=count)
    assert await listed(peer) == (copies(number), True)
    assert peer.asked[0] == ("1", str(PAGE_ITEMS))
    assert len(peer.asked) <= number // PAGE_ITEMS + 2


ODD_PAGING: dict[str, Paging] = {
    "ignores BP and BQ": lambda entries, _first, _last: entries,
    "never sends more than ten": lambda entries, first, _last: entries[first - 1:first + 9],
    "begins one early": lambda entries, first, last: entries[max(0, first - 2):last],
    "fills up with blanks": lambda entries, first, last: (entries[first - 1:last] + ("",) * 50)[:50],
}


@pytest.mark.parametrize("paging", ODD_PAGING.values(), ids=ODD_PAGING)
@pytest.mark.parametrize("count", [-1, None])
async def test_an_ils_that_pages_oddly_is_read_to_the_end(paging: Paging, count: int | None) -> None:
    peer = Peer(charged=copies(120), paging=paging, count=count)
    assert await listed(peer) == (copies(120), True)


async def test_an_ils_that_sends_the_same_page_again_and_again_is_asked_twice() -> None:
    peer = Peer(charged=copies(120), paging=lambda entries, _first, _last: entries[:10])
    assert await listed(peer) == (copies(10), False)
    assert len(peer.asked) == 2


@pytest.mark.parametrize(("count", "number"), [(9999, 5), (9999, 0), (3, 2)])
async def test_a_list_that_is_shorter_than_its_count_is_not_whole(count: int, number: int) -> None:
    assert await listed(Peer(charged=copies(number), count=count)) == (copies(number), False)


async def test_a_list_without_end_is_left_in_bounded_time() -> None:
    made_up = iter(range(10**6))
    peer = Peer(paging=lambda _entries, _first, _last: (f"B{next(made_up):07}",), count=9999)
    entries, is_whole = await listed(peer)
    assert (len(entries), len(peer.asked), is_whole) == (LIST_PAGES_MAX, LIST_PAGES_MAX, False)


@pytest.mark.parametrize("count", [-1, None])
async def test_a_list_that_is_too_long_is_cut_and_not_whole(count: int | None) -> None:
    peer = Peer(charged=copies(LIST_ITEMS_MAX + 1), paging=lambda entries, _first, _last: entries, count=count)
    assert await listed(peer) == (copies(LIST_ITEMS_MAX), False)


async def test_an_ils_that_does_not_know_the_card_lists_nothing_about_it() -> None:
    assert await listed(Peer(valid="N")) == ((), False)


async def test_an_ils_that_wants_no_bp_and_bq_gets_none() -> None:
    peer = Peer(charged=copies(3))
    assert await listed(peer, replace(PROFILE, omit=frozenset({"63.BP", "63.BQ"}))) == (copies(3), True)
    assert peer.asked == [(None, None)]


async def test_titles_beside_the_barcodes_are_left_out_and_titles_alone_make_a_card_not_whole() -> None:
    async with joined(Peer(charged=("B1 和珅传", "B2"))) as ils:
        assert await ils.items_of("1") == CardItems(frozenset({"B1", "B2"}), frozenset({"B90000"}), is_whole=True)
    async with joined(Peer(charged=("和珅传", "B2"))) as ils:
        assert await ils.items_of("1") == CardItems(frozenset({"B2"}), frozenset({"B90000"}), is_whole=False)


async def test_a_card_s_flags_counts_fee_and_limit() -> None:
    peer = Peer(charged=copies(3), fees="3.50", status="Y         Y   ", said=("欠费过多",))
    async with joined(peer) as ils:
        standing = await ils.patron("1")
    assert (standing.known, standing.may_borrow, standing.reason) == (True, False, Reason.EXCESSIVE_FEES)
    assert standing.blocks == {Block.CHARGE_DENIED, Block.EXCESSIVE_FINES}
    assert standing.counts == {CardList.HOLD_ITEMS: 1, CardList.OVERDUE_ITEMS: 0, CardList.CHARGED_ITEMS: 3,
                               CardList.FINE_ITEMS: 0, CardList.RECALL_ITEMS: 0, CardList.UNAVAILABLE_HOLD_ITEMS: 0}
    assert (standing.charged_items, standing.charged_items_max, standing.fee_fen) == (3, 10, 350)
    assert standing.words == "欠费过多"
    assert "欠费" not in repr(standing)


@pytest.mark.parametrize(("charged", "has_room"), [(8, True), (9, False), (10, False)])
async def test_what_is_on_hold_takes_room_on_a_card(charged: int, has_room: bool) -> None:
    async with joined(Peer(charged=copies(charged))) as ils:
        assert (await ils.patron("1")).has_room is has_room


async def test_what_an_ils_does_not_count_is_counted_in_its_list() -> None:
    async with joined(Peer(charged=copies(70), count=None)) as ils:
        assert (await ils.patron("1")).charged_items == 70


async def test_a_fee_without_a_sum_is_paid_by_its_id_and_a_refusal_on_paper_is_read() -> None:
    async with joined(Peer(fines=("F-9 0.30",), fees=None)) as ils:
        before = await ils.fees("1")
        assert before == Fees(None, ("F-9 0.30",))
        assert await ils.pay(Payment("1", 30, "T-1", before, fee_id="F-9")) == Result(True)
        refused = await ils.pay(Payment("1", 30, "T-2", before))
    assert (refused.ok, refused.reason, refused.words) == (False, Reason.NOT_OWED, "Bill not found")
