import asyncio

import pytest

from connectors.breaker import BreakerState
from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.codec import Codec
from connectors.sip2.dialect import LearnedDialect
from connectors.sip2.errors import InDoubt, LineDown, LoginRefused, NoAnswer, RequestRefused
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Checksum, ErrorDetection, Login, Profile
from tests.connectors.sip2.scripted import CLOSE, LOGIN_OK, STATUS, greets, scripted

DATE = "20260101    120000"
PROFILE = Profile(location="desk 1")
WARNING = Profile(error_detection=ErrorDetection.WARN)
ITEM = build("17", transaction_date=DATE, AO="YP", AB="B1")
CHECKOUT = build("11", sc_renewal_policy=False, no_block=False, transaction_date=DATE, AO="YP", AA="P1", AB="B1")
ITEM_ANSWER = build(
    "18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE, AB="B1", AJ="T"
)
ANSWER = Codec(PROFILE).encode(ITEM_ANSWER).data
CHECKOUT_DONE = (
    Codec(PROFILE)
    .encode(build("12", ok=True, renewal_ok=False, magnetic_media="U", desensitize=True, transaction_date=DATE))
    .data
)
USER = Credentials("kiosk", "s3cret")


def client(port: int, profile: Profile = PROFILE, **options: object) -> Sip2Client:
    return Sip2Client("127.0.0.1", port, profile, USER, **{"deadline_seconds": 0.2, **options})  # type: ignore[arg-type]


async def test_a_line_begins_with_93_then_99_and_remembers_the_98() -> None:
    async with scripted(greets(lambda frame: ANSWER)) as acs, client(acs.port) as ils:
        assert await ils.request(ITEM) == ITEM_ANSWER
        assert await ils.request(ITEM) == ITEM_ANSWER
        assert acs.ids() == ["93", "99", "17", "17"]
        assert b"CNkiosk|COs3cret|CPdesk 1|AY0AZ" in acs.frames[0]
        assert ils.acs_status is not None
        assert ils.acs_status.fixed["timeout_period"] == "600"


async def test_login_is_left_out_by_profile() -> None:
    async with scripted(greets(lambda frame: ANSWER)) as acs, client(acs.port, Profile(login=Login.NONE)) as ils:
        await ils.request(ITEM)
        assert acs.ids() == ["99", "17"]


async def test_credentials_never_show() -> None:
    assert "s3cret" not in repr(USER)


async def test_a_refused_login_is_named_and_not_tried_again_at_once() -> None:
    async with scripted(lambda frame: b"940\r") as acs, client(acs.port) as ils:
        with pytest.raises(LoginRefused, match="user 'kiosk'"):
            await ils.request(ITEM)
        with pytest.raises(LineDown, match="next try in"):
            await ils.request(ITEM)
        assert acs.ids() == ["93"]


@pytest.mark.parametrize(("max_lines", "lines"), [(1, 1), (2, 1), (3, 2)])
async def test_reads_at_once_share_the_lines_and_leave_the_last_one_to_writes(max_lines: int, lines: int) -> None:
    async with scripted(greets(lambda frame: ANSWER)) as acs, client(acs.port, max_lines=max_lines) as ils:
        answers = await asyncio.gather(*(ils.request(ITEM) for _ in range(20)))
        assert answers == [ITEM_ANSWER] * 20
        assert acs.lines == lines


async def test_a_write_need_not_wait_for_slow_reads() -> None:
    async with (
        scripted(greets(lambda frame: CHECKOUT_DONE if frame[:2] == b"11" else None)) as acs,
        client(acs.port, max_lines=2, deadline_seconds=30) as ils,
    ):
        reads = [asyncio.create_task(ils.request(ITEM)) for _ in range(4)]
        while "17" not in acs.ids():
            await asyncio.sleep(0.01)
        assert (await asyncio.wait_for(ils.request(CHECKOUT), 5)).id == "12"
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_a_late_answer_is_asked_for_by_97_and_the_line_then_dropped() -> None:
    async with scripted(greets(lambda frame: ANSWER if frame[:2] == b"97" else None)) as acs, client(acs.port) as ils:
        assert await ils.request(ITEM) == ITEM_ANSWER
        assert acs.ids() == ["93", "99", "17", "97"]
        assert await ils.request(ITEM) == ITEM_ANSWER
        assert acs.lines == 2


async def test_a_read_without_an_answer_is_asked_once_more_on_a_fresh_line() -> None:
    times = iter([CLOSE, ANSWER])
    async with scripted(greets(lambda frame: next(times))) as acs, client(acs.port) as ils:
        assert await ils.request(ITEM) == ITEM_ANSWER
        assert acs.ids() == ["93", "99", "17"] * 2


async def test_a_read_is_not_asked_for_ever() -> None:
    async with scripted(greets(lambda frame: CLOSE)) as acs, client(acs.port) as ils:
        with pytest.raises(NoAnswer) as failed:
            await ils.request(ITEM)
        assert failed.value.may_have_happened
        assert acs.ids().count("17") == 2


@pytest.mark.parametrize("said", [CLOSE, None, b"garbage\r", ANSWER])
@pytest.mark.parametrize(
    "write",
    [
        CHECKOUT,
        build("09", no_block=False, transaction_date=DATE, return_date=DATE, AB="B1"),
        build("37", transaction_date=DATE, fee_type="01", payment_type="00", currency_type="CNY", BK="ours-1"),
    ],
)
async def test_a_write_without_its_answer_is_in_doubt_and_sent_once(said: bytes | None, write: Message) -> None:
    async with scripted(greets(lambda frame: said)) as acs, client(acs.port, deadline_seconds=0.1) as ils:
        with pytest.raises(InDoubt) as doubt:
            await ils.request(write)
        assert doubt.value.may_have_happened
        assert doubt.value.message_id == write.id
        assert acs.ids().count(write.id) == 1


async def test_96_for_ever_ends_as_refused() -> None:
    async with scripted(greets(lambda frame: b"96AZFEF6\r")) as acs, client(acs.port) as ils:
        with pytest.raises(RequestRefused):
            await ils.request(CHECKOUT)
        assert acs.ids().count("11") == 4


async def test_a_server_that_accepts_and_stays_mute_is_down_within_the_deadline() -> None:
    async with scripted(lambda frame: None) as acs, client(acs.port) as ils:
        with pytest.raises(LineDown) as down:
            await asyncio.wait_for(ils.request(CHECKOUT), 2)
        assert not down.value.may_have_happened


async def test_an_acs_that_is_off_line_is_down() -> None:
    off = STATUS.replace(b"98Y", b"98N")
    async with scripted(lambda frame: LOGIN_OK if frame[:2] == b"93" else off) as acs, client(acs.port) as ils:
        with pytest.raises(LineDown, match="off-line"):
            await ils.request(ITEM)


async def test_a_dead_ils_costs_one_try_and_then_fails_at_once_until_a_jittered_pause_is_over() -> None:
    async with scripted(greets(lambda frame: ANSWER)) as acs:
        port = acs.port
    drawn: list[float] = []

    def random() -> float:
        drawn.append(0.0)
        return 0.0

    async with client(port, random=random) as ils:
        for _ in range(3):
            with pytest.raises(LineDown):
                await ils.request(ITEM)
        assert len(drawn) == 1
        await asyncio.sleep(0.15)
        with pytest.raises(LineDown):
            await ils.request(ITEM)
        assert len(drawn) == 2


async def test_when_every_line_is_busy_the_wait_ends_by_name() -> None:
    async with scripted(greets(lambda frame: None)) as acs, client(acs.port, max_lines=1, deadline_seconds=0.1) as ils:
        first, second = await asyncio.gather(ils.request(CHECKOUT), ils.request(CHECKOUT), return_exceptions=True)
        assert isinstance(first, InDoubt)
        assert isinstance(second, LineDown)


async def test_a_cancelled_request_leaves_no_answer_behind_for_the_next() -> None:
    silent = iter([None, ANSWER])
    async with scripted(greets(lambda frame: next(silent))) as acs, client(acs.port, deadline_seconds=5) as ils:
        task = asyncio.create_task(ils.request(ITEM))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ils.request(ITEM) == ITEM_ANSWER
        assert acs.lines == 2


async def test_a_closed_client_asks_nothing_and_keeps_no_line() -> None:
    async with scripted(greets(lambda frame: ANSWER)) as acs:
        async with client(acs.port) as ils:
            await ils.request(ITEM)
        with pytest.raises(LineDown, match="closed"):
            await ils.request(ITEM)
        assert acs.lines == 1


# What the status page shows, and how an ILS is spared


async def test_the_breaker_is_seen_open_probed_by_one_and_closed_again() -> None:
    logins = iter([b"940\r"])
    script = greets(lambda frame: ANSWER)
    async with (
        scripted(lambda frame: next(logins, LOGIN_OK) if frame[:2] == b"93" else script(frame)) as acs,
        client(acs.port, random=lambda: 1.0) as ils,
    ):
        with pytest.raises(LoginRefused):
            await ils.request(ITEM)
        status = ils.status()
        assert status.breaker is BreakerState.OPEN
        assert 0 < status.retry_in_seconds <= 0.375
        await asyncio.sleep(0.4)
        outcomes = await asyncio.gather(*(ils.request(CHECKOUT) for _ in range(2)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InDoubt", "LineDown"]
        assert ils.status().breaker is BreakerState.CLOSED
        assert acs.ids().count("93") == 2


async def test_an_ils_that_logs_in_and_never_answers_is_given_up_after_three_silences() -> None:
    async with scripted(greets(lambda frame: None)) as acs, client(acs.port, deadline_seconds=0.05) as ils:
        for _ in range(3):
            with pytest.raises(InDoubt):
                await ils.request(CHECKOUT)
        with pytest.raises(LineDown, match="next try in"):
            await ils.request(CHECKOUT)
        assert acs.ids().count("11") == 3


async def test_a_cancelled_probe_leaves_the_next_one_free_to_try() -> None:
    async with scripted(lambda frame: None) as acs, client(acs.port, random=lambda: 0.0, deadline_seconds=0.1) as ils:
        with pytest.raises(LineDown):
            await ils.request(ITEM)
        await asyncio.sleep(0.15)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ils.request(ITEM), 0.03)
        with pytest.raises(LineDown, match="no line"):
            await ils.request(ITEM)


async def test_an_idle_line_says_99_before_the_server_loses_patience() -> None:
    profile = Profile(heartbeat_seconds=1)
    async with scripted(greets(lambda frame: ANSWER)) as acs, client(acs.port, profile) as ils:
        await ils.request(ITEM)
        async with asyncio.timeout(10):
            while acs.ids() != ["93", "99", "17", "99"]:
                await asyncio.sleep(0.02)
        await ils.request(ITEM)
        assert acs.lines == 1
        assert ils.status().idle_lines == 1


async def test_a_heartbeat_without_an_answer_costs_the_line_and_nothing_else() -> None:
    profile = Profile(heartbeat_seconds=1)
    status = iter([STATUS])
    script = greets(lambda frame: ANSWER)
    async with (
        scripted(lambda frame: next(status, None) if frame[:2] == b"99" else script(frame)) as acs,
        client(acs.port, profile) as ils,
    ):
        await ils.request(ITEM)
        async with asyncio.timeout(10):
            while not ils.counters.quality().counts:
                await asyncio.sleep(0.02)
        assert ils.status().idle_lines == 0
        assert ils.counters.quality().counts["99", "NoAnswer"] == 1
        assert acs.lines == 1


async def test_without_a_heartbeat_each_exchange_has_a_line_of_its_own() -> None:
    profile = Profile(heartbeat_seconds=0)
    async with scripted(greets(lambda frame: ANSWER)) as acs, client(acs.port, profile) as ils:
        for _ in range(2):
            await ils.request(ITEM)
        assert acs.ids() == ["93", "99", "17"] * 2
        assert ils.status().idle_lines == 0


async def test_what_the_profile_calls_unsupported_is_refused_before_it_is_sent() -> None:
    profile = Profile(unsupported=frozenset({"11"}))
    async with scripted(greets(lambda frame: ANSWER)) as acs, client(acs.port, profile) as ils:
        with pytest.raises(RequestRefused, match="unsupported") as refused:
            await ils.request(CHECKOUT)
        assert not refused.value.may_have_happened
        assert acs.frames == []


async def test_tolerances_failures_and_latencies_are_counted_for_the_library() -> None:
    sloppy = ANSWER.removesuffix(b"|\r") + b"\r"
    heard: list[tuple[str, str]] = []
    async with (
        scripted(greets(lambda frame: sloppy if frame[:2] == b"17" else CLOSE)) as acs,
        client(acs.port, WARNING, report=lambda *found: heard.append(found)) as ils,
    ):
        await ils.request(ITEM)
        with pytest.raises(InDoubt):
            await ils.request(CHECKOUT)
        quality = ils.counters.quality()
        assert quality.latencies["17"].count == 1
        assert quality.latencies["17"].max_seconds > 0
        assert quality.counts == {("11", "InDoubt"): 1, ("18", "final_delimiter_missing"): 1}
        assert sorted(quality.counts) == sorted(heard)


async def test_a_checksum_variant_is_learned_on_one_line_used_on_all_and_told_once() -> None:
    odd = Codec(Profile(checksum=Checksum.CODE_POINTS_WITHOUT_TRAILER))
    chinese = build("18", circulation_status="03", transaction_date=DATE, AB="B1", AJ="和珅传")
    told: list[LearnedDialect] = []
    learning = Profile(error_detection=ErrorDetection.LEARN, heartbeat_seconds=0)
    async with scripted(greets(lambda frame: odd.encode(chinese, 4).data)) as acs:
        async with client(acs.port, learning, on_learned=told.append) as ils:
            for _ in range(3):
                assert await ils.request(ITEM) == chinese
            assert ils.status().learned == LearnedDialect(Checksum.CODE_POINTS_WITHOUT_TRAILER)
        assert "97" not in acs.ids()
        assert odd.decode(acs.frames[-1]).checksum == "ok"
        async with client(acs.port, learning, learned=told[0], on_learned=told.append) as ils:
            await ils.request(ITEM)
            assert ils.counters.quality().counts == {}
    assert len(told) == 1
