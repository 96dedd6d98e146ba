"""The server, asked by YAZ's client and by hostile origins."""

import asyncio
import logging
import re

import pytest

from connectors.z3950 import codec, oid
from connectors.z3950.apdu import (
    Apdu,
    Close,
    CloseReason,
    ElementSetNames,
    InitRequest,
    InitResponse,
    PresentRequest,
    PresentResponse,
    PresentStatus,
    Range,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.apdu_sets import ScanRequest, ScanResponse, SortRequest, SortResponse
from connectors.z3950.ber import Limits, context
from connectors.z3950.client import Z3950Client
from connectors.z3950.errors import TargetClosed, TargetDiagnostic, UnsupportedApdu
from connectors.z3950.pqf import parse
from connectors.z3950.query import Term, encode_query, encode_start_point
from connectors.z3950.server import Server, ServerOptions, ServiceOptions, serve
from connectors.z3950.service import Service
from connectors.z3950.session import OriginSession
from tests.peers import require_program

from .peers import Shelf

TITLES = ("三体", "三体II 黑暗森林", "三体III 死神永生", "流浪地球")


async def yaz_client(server: Server, *commands: str) -> str:
    """Give ``commands`` to yaz-client and return what it prints, its ``\\XE4`` escapes undone."""
    process = await asyncio.create_subprocess_exec(
        require_program("yaz-client"),
        f"127.0.0.1:{server.port}/Default",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate("\n".join([*commands, "quit", ""]).encode())
    return re.sub(rb"\\X([0-9A-F]{2})", lambda escape: bytes.fromhex(escape[1].decode()), output).decode()


async def test_yaz_client_opens_searches_presents_and_closes():
    shelf = Shelf(*TITLES)
    async with await serve("127.0.0.1", 0, shelf) as server:
        output = await yaz_client(server, "find @attr 1=4 三体", "format sutrs", "show 1+3", "close")
    assert "Connection accepted by v3 target." in output
    assert "Number of hits: 3" in output
    assert shelf.asked == ["@attr 1=4 三体"]
    for title in TITLES[:3]:
        assert title in output
    assert "Reason: finished" in output


async def test_yaz_client_is_told_why_it_gets_nothing():
    async with await serve("127.0.0.1", 0, Shelf(*TITLES)) as server:
        output = await yaz_client(
            server, "find 三体", "show 4", "format xml", "show 1", "find @set nowhere", "base other", "find x"
        )
    assert "[13] Present request out of range" in output
    assert "[239] Record syntax not supported" in output
    assert "[30] Specified result set does not exist" in output
    assert "[235] Database does not exist" in output


async def test_yaz_client_refines_and_deletes_its_result_sets():
    async with await serve("127.0.0.1", 0, Shelf(*TITLES)) as server:
        output = await yaz_client(server, "find 三体", "find @and @set 1 森林", "delete 1", "find @set 1")
    assert "Number of hits: 3, setno 1" in output
    assert "Number of hits: 1, setno 2" in output
    assert "1 status=0" in output
    assert "[30] Specified result set does not exist" in output


async def test_yaz_client_gets_a_small_set_with_the_search_itself():
    async with await serve("127.0.0.1", 0, Shelf(*TITLES)) as server:
        output = await yaz_client(server, "format sutrs", "ssub 3", "lslb 4", "find 三体")
    assert "records returned: 3" in output
    assert "死神永生" in output


async def raw(server: Server, octets: bytes) -> list[Apdu]:
    """Send ``octets`` and return what the server answers until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(octets)
    session = OriginSession(Limits())
    session.request(INIT)
    answers = []
    async with asyncio.timeout(5):
        while data := await reader.read(9999):
            session.feed(data)
            while (apdu := session.next()) is not None:
                answers.append(apdu)
                if isinstance(apdu, Close):
                    writer.close()
    writer.close()
    return answers


BITS = frozenset({0, 1, 2})
INIT = InitRequest(protocol_version=BITS, options=BITS, preferred_message_size=0, exceptional_record_size=0)
SEARCH = SearchRequest(database_names=("Default",), query=encode_query(Term("三体"), "utf-8"))
SCAN = ScanRequest(
    database_names=("Default",), start_point=encode_start_point(Term("x"), "utf-8"), number_of_terms_requested=9
)
SORT = SortRequest(input_result_set_names=("a",), sorted_result_set_name="a", sort_sequence=(context(5), []))


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        codec.encode(SEARCH),
        b"\xb4\x80" + b"\x30\x80" * 1000,
        b"\xb4\x84\x7f\xff\xff\xff",
        b"\xbc\x00",
        b"\0\0",
    ],
)
async def test_a_hostile_origin_gets_a_close_with_the_reason_and_others_are_served(octets: bytes):
    async with await serve("127.0.0.1", 0, Shelf(*TITLES)) as server:
        [close] = await raw(server, octets)
        assert isinstance(close, Close)
        assert close.close_reason == CloseReason.PROTOCOL_ERROR
        assert close.diagnostic_information
        async with Z3950Client("127.0.0.1", server.port, "Default") as client:
            assert await client.search(parse("三体")) == 3


async def test_an_unsupported_apdu_in_an_open_association_gets_a_close():
    async with await serve("127.0.0.1", 0, Shelf(*TITLES)) as server:
        accepted, close = await raw(server, codec.encode(INIT) + b"\xbc\x00")
    assert isinstance(accepted, InitResponse)
    assert isinstance(close, Close)
    assert "[28]" in (close.diagnostic_information or "")


async def test_an_idle_origin_is_closed():
    async with await serve("127.0.0.1", 0, Shelf(), ServerOptions(idle_seconds=0.1)) as server:
        [close] = await raw(server, b"")
    assert isinstance(close, Close)
    assert close.close_reason == CloseReason.LACK_OF_ACTIVITY


async def test_one_connection_too_many_is_told_to_come_again():
    async with (
        await serve("127.0.0.1", 0, Shelf(*TITLES), ServerOptions(connections_max=1)) as server,
        Z3950Client("127.0.0.1", server.port, "Default") as first,
    ):
        with pytest.raises(TargetClosed, match="try again later"):
            await Z3950Client("127.0.0.1", server.port, "Default").connect()
        assert await first.search(parse("三体")) == 3


async def test_a_fault_of_the_backend_is_diagnostic_2_and_stays_in_our_log(caplog: pytest.LogCaptureFixture):
    async with (
        await serve("127.0.0.1", 0, Shelf(*TITLES)) as server,
        Z3950Client("127.0.0.1", server.port, "Default") as client,
    ):
        with caplog.at_level(logging.CRITICAL, "connectors.z3950.service"), pytest.raises(TargetDiagnostic) as caught:
            await client.search(parse("boom"))
        assert (caught.value.code, caught.value.text) == (2, "")
        assert await client.search(parse("三体")) == 3


async def test_a_server_that_closes_ends_the_associations_under_way():
    server = await serve("127.0.0.1", 0, Shelf(*TITLES))
    async with Z3950Client("127.0.0.1", server.port, "Default") as client:
        await server.close()
        with pytest.raises(TargetClosed):
            await client.search(parse("三体"))


def service(**options: int) -> Service:
    return Service(Shelf(*TITLES), ServiceOptions(**options))  # type: ignore[arg-type]


async def answered(served: Service, *requests: Apdu) -> Apdu:
    """Return the answer to the last of ``requests``."""
    *_, last = [await served.answer(request) for request in (INIT, *requests)]
    return last


def search(words: str, **parameters: object) -> SearchRequest:
    query = encode_query(parse(words), "utf-8")
    return SearchRequest(database_names=("Default",), query=query, **parameters)  # type: ignore[arg-type]


def present(start: int, number: int, **parameters: object) -> PresentRequest:
    return PresentRequest(
        result_set_start_point=start,
        number_of_records_requested=number,
        **parameters,  # type: ignore[arg-type]
    )


async def test_init_agrees_on_the_smaller_sizes_and_the_common_options():
    request = InitRequest(
        protocol_version=frozenset({0, 1, 2, 7}),
        options=frozenset({0, 1, 7, 8, 10, 14}),
        preferred_message_size=5000,
        exceptional_record_size=10**12,
    )
    response = await service().answer(request)
    assert isinstance(response, InitResponse)
    assert response.result
    assert response.protocol_version == {0, 1, 2}
    assert response.options == {0, 1, 14}
    assert (response.preferred_message_size, response.exceptional_record_size) == (5000, 4 * 1024 * 1024)


async def test_an_origin_without_a_version_in_common_is_refused():
    request = InitRequest(
        protocol_version=frozenset({5}), options=BITS, preferred_message_size=1, exceptional_record_size=1
    )
    response = await service().answer(request)
    assert isinstance(response, InitResponse)
    assert not response.result


@pytest.mark.parametrize(
    ("small", "large", "medium", "returned"),
    [(0, 1, 0, 0), (3, 4, 0, 3), (2, 4, 2, 2), (2, 3, 2, 0), (0, 9, 99, 3), (0, 9, -1, 0)],
)
async def test_small_sets_come_whole_medium_ones_in_part_large_ones_not(
    small: int, large: int, medium: int, returned: int
):
    request = search(
        "三体", small_set_upper_bound=small, large_set_lower_bound=large, medium_set_present_number=medium
    )
    response = await answered(service(), request)
    assert isinstance(response, SearchResponse)
    assert (response.result_count, response.number_of_records_returned) == (3, returned)
    assert response.next_result_set_position == (0 if returned == 3 else returned + 1)


async def test_the_oldest_result_set_goes_where_one_too_many_is_made():
    served = service(result_sets_max=2)
    named = [search("三体", result_set_name=name) for name in ("a", "b", "a", "c")]
    gone = await answered(served, *named, present(1, 1, result_set_id="b"))
    assert gone.non_surrogate_diagnostic.condition == 30
    assert (await served.answer(present(1, 1, result_set_id="a"))).number_of_records_returned == 1


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (present(0, 1), 13),
        (present(3, 2), 13),
        (present(1, -1), 13),
        (present(1, 10**30), 13),
        (present(1, 1, result_set_id="other"), 30),
        (present(1, 1, additional_ranges=(Range(1, 1),)), 243),
        (present(1, 1, preferred_record_syntax=oid.XML), 239),
        (search("x", result_set_name="default", replace_indicator=False), 21),
        (SearchRequest(database_names=("a", "b"), query=SEARCH.query), 111),
        (SearchRequest(database_names=("Default",), query=(context(21), b"")), 108),
        (SearchRequest(database_names=("Default",), query=(context(21), [(context(104), [])])), 107),
        (search("@and @set default @and @set default @set default"), 5),
    ],
)
async def test_each_refusal_has_its_diagnostic(request_: Apdu, code: int):
    served = service(result_sets_max=2, query_terms_max=2)
    response = await answered(served, search("三体"), search("三体", result_set_name="second"), request_)
    assert isinstance(response, SearchResponse | PresentResponse)
    assert response.non_surrogate_diagnostic is not None
    assert response.non_surrogate_diagnostic.condition == code


async def test_a_present_stops_where_the_message_is_full():
    served = Service(Shelf(*("x" * 1000 for _ in range(5))), ServiceOptions(message_bytes_max=2500))
    response = await answered(served, search("x"), present(2, 4, element_set_names=ElementSetNames("F")))
    assert isinstance(response, PresentResponse)
    assert response.present_status == PresentStatus.PARTIAL_MESSAGE_SIZE
    assert (response.number_of_records_returned, response.next_result_set_position) == (2, 4)


@pytest.mark.parametrize(("size", "number", "condition"), [(3000, 1, None), (3000, 2, 16), (9000, 1, 17)])
async def test_a_large_record_must_be_asked_for_alone(size: int, number: int, condition: int | None):
    served = Service(Shelf("x" * size, "x"), ServiceOptions(message_bytes_max=2000, record_bytes_max=5000))
    response = await answered(served, search("x"), present(1, number))
    assert isinstance(response, PresentResponse)
    assert response.records is not None
    assert getattr(response.records[0].record, "condition", None) == condition


async def test_scan_and_sort_are_declined_by_diagnostic_and_the_rest_by_name():
    scanned = await answered(service(), SCAN)
    assert isinstance(scanned, ScanResponse)
    assert scanned.entries is not None
    assert scanned.entries.diagnostics
    sorted_ = await answered(service(), SORT)
    assert isinstance(sorted_, SortResponse)
    assert sorted_.diagnostics
    with pytest.raises(UnsupportedApdu):
        await answered(service(), scanned)
