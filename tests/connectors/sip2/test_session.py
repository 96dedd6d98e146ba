import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sip2.codec import Codec
from connectors.sip2.errors import InDoubt, LineError, NoAnswer, OutOfTurn, RequestRefused
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import ErrorDetection, Profile
from connectors.sip2.session import SC_STEPS, AcsSession, Heard, ScSession, Turn

DATE = "20260101    120000"
PROFILE = Profile()
CODEC = Codec(PROFILE)
ITEM = build("17", transaction_date=DATE, AO="YP", AB="B1")
CHECKOUT = build("11", sc_renewal_policy=False, no_block=False, transaction_date=DATE, AO="YP", AA="P1", AB="B1")
ITEM_ANSWER = build(
    "18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE, AB="B1", AJ="珅"
)
CHECKOUT_ANSWER = build(
    "12", ok=True, renewal_ok=False, magnetic_media="U", desensitize=True, transaction_date=DATE, AA="P1", AB="B1"
)
WRONG_SUM = CODEC.encode(ITEM_ANSWER, 0).data[:-5] + b"0000\r"


def asking(message: Message, profile: Profile = PROFILE) -> ScSession:
    session = ScSession(profile)
    session.request(message)
    session.data_to_send()
    return session


def answering(session: AcsSession, data: bytes, answer: Message) -> tuple[int, bytes]:
    """Feed ``data``, answer each request with ``answer``; return how many there were, and all that was sent."""
    executed, sent = 0, b""
    session.feed(data)
    while session.advance():
        if session.request is not None:
            executed += 1
            session.answer(answer)
        sent += session.data_to_send()
    return executed, sent


# The asking side


def test_the_table_covers_every_turn_and_everything_heard() -> None:
    assert {turn: set(steps) for turn, steps in SC_STEPS.items()} == {turn: set(Heard) for turn in Turn}


def test_requests_are_numbered_0_to_9_and_round_again() -> None:
    session = ScSession(PROFILE)
    numbers = []
    for _ in range(12):
        session.request(ITEM)
        numbers.append(CODEC.decode(session.data_to_send()[:-1]).sequence)
        assert session.receive(CODEC.encode(ITEM_ANSWER, numbers[-1]).data) == ITEM_ANSWER
    assert numbers == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_only_one_request_may_be_outstanding() -> None:
    session = asking(ITEM)
    with pytest.raises(OutOfTurn, match="message 17 has no answer yet"):
        session.request(ITEM)


def test_an_answer_may_come_byte_by_byte_and_with_any_number() -> None:
    session = asking(ITEM)
    answers = [session.receive(bytes([byte])) for byte in CODEC.encode(ITEM_ANSWER, 4).data]
    assert answers[:-1] == [None] * (len(answers) - 1)
    assert answers[-1] == ITEM_ANSWER
    assert session.is_idle
    assert session.is_in_step


def test_96_is_answered_with_the_request_without_its_number_at_most_three_times() -> None:
    session = asking(CHECKOUT)
    for _ in range(3):
        assert session.receive(b"96AZFEF6\r") is None
        assert session.data_to_send() == CODEC.encode(CHECKOUT).data
    with pytest.raises(RequestRefused) as refused:
        session.receive(b"96AZFEF6\r")
    assert not refused.value.may_have_happened
    assert session.is_idle
    assert session.is_in_step


def test_a_wrong_checksum_is_asked_for_again_and_never_executed_again() -> None:
    session = asking(ITEM)
    assert session.receive(WRONG_SUM) is None
    assert session.data_to_send() == b"97AZFEF5\r"
    assert session.receive(CODEC.encode(ITEM_ANSWER, 0).data) == ITEM_ANSWER


def test_a_checksum_that_is_always_wrong_ends_by_name_and_not_in_a_loop() -> None:
    session = asking(ITEM)
    for _ in range(3):
        session.receive(WRONG_SUM)
    with pytest.raises(NoAnswer, match="no answer arrived whole"):
        session.receive(WRONG_SUM)
    assert not session.is_in_step


def test_a_profile_may_only_note_a_wrong_checksum() -> None:
    noted: list[tuple[str, str]] = []
    session = ScSession(Profile(error_detection=ErrorDetection.WARN), lambda *found: noted.append(found))
    session.request(ITEM)
    assert session.receive(WRONG_SUM) == ITEM_ANSWER
    assert noted == [("18", "checksum_wrong")]


@pytest.mark.parametrize("trouble", [b"97\r", CODEC.encode(ITEM_ANSWER).data])
def test_the_answer_to_another_question_leaves_a_write_in_doubt(trouble: bytes) -> None:
    session = asking(CHECKOUT)
    with pytest.raises(InDoubt) as doubt:
        session.receive(trouble)
    assert doubt.value.may_have_happened
    assert not session.is_in_step


def test_a_96_to_our_97_leaves_a_write_in_doubt_instead_of_repeating_it() -> None:
    session = asking(CHECKOUT)
    session.receive(b"garbage\r")
    assert session.data_to_send() == b"97AZFEF5\r"
    with pytest.raises(InDoubt):
        session.receive(b"96AZFEF6\r")
    assert session.data_to_send() == b""


def test_an_overdue_answer_is_asked_for_once_and_the_line_then_ends() -> None:
    session = asking(CHECKOUT)
    session.ask_again()
    assert session.data_to_send() == b"97AZFEF5\r"
    assert session.receive(CODEC.encode(CHECKOUT_ANSWER, 0).data) == CHECKOUT_ANSWER
    assert not session.is_in_step
    assert isinstance(asking(CHECKOUT).abandon("the connection broke"), InDoubt)
    assert type(asking(ITEM).abandon("the connection broke")) is NoAnswer


def test_a_stray_message_puts_the_line_out_of_step() -> None:
    session = asking(ITEM)
    data = CODEC.encode(ITEM_ANSWER, 0).data
    assert session.receive(data + data) == ITEM_ANSWER
    assert not session.is_in_step


def test_an_endless_answer_ends_by_name() -> None:
    session = asking(ITEM)
    with pytest.raises(NoAnswer, match="no terminator"):
        session.receive(b"x" * ((1 << 20) + 1))


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"96\r", b"97\r", WRONG_SUM, b"\r", b"941\r"]), max_size=12))
def test_a_hostile_acs_gets_an_answer_accepted_or_a_line_error(chunks: list[bytes]) -> None:
    session = asking(CHECKOUT)
    sent = 0
    try:
        for chunk in chunks:
            session.receive(chunk)
            sent += session.data_to_send().count(b"\r")
    except LineError:
        assert session.is_idle
    assert sent <= 3


# The answering side


def test_a_request_is_answered_with_its_own_number() -> None:
    executed, sent = answering(AcsSession(PROFILE), CODEC.encode(ITEM, 7).data, ITEM_ANSWER)
    assert (executed, sent) == (1, CODEC.encode(ITEM_ANSWER, 7).data)


def test_a_request_without_a_checksum_is_answered_without_one() -> None:
    assert answering(AcsSession(PROFILE), CODEC.encode(ITEM).data, ITEM_ANSWER)[1] == CODEC.encode(ITEM_ANSWER).data


def test_a_repeated_frame_gets_the_stored_answer_and_is_not_executed_again() -> None:
    session = AcsSession(PROFILE)
    frame = CODEC.encode(CHECKOUT, 3).data
    assert answering(session, frame, CHECKOUT_ANSWER)[0] == 1
    other = build("12", ok=False, transaction_date=DATE)
    assert answering(session, frame + frame, other) == (0, CODEC.encode(CHECKOUT_ANSWER, 3).data * 2)
    assert answering(session, CODEC.encode(CHECKOUT, 4).data, other)[0] == 1


def test_without_a_number_a_write_is_not_executed_twice_and_a_read_may_be() -> None:
    for message, answer, times in ((CHECKOUT, CHECKOUT_ANSWER, 1), (ITEM, ITEM_ANSWER, 2)):
        frame = CODEC.encode(message).data
        assert answering(AcsSession(PROFILE), frame + frame, answer)[0] == times


def test_97_gets_the_last_thing_sent_and_96_before_there_was_one() -> None:
    session = AcsSession(PROFILE)
    assert answering(session, b"97AZFEF5\r", ITEM_ANSWER) == (0, b"96AZFEF6\r")
    sent = answering(session, CODEC.encode(ITEM, 0).data, ITEM_ANSWER)[1]
    assert answering(session, b"97AZFEF5\r97\r", ITEM_ANSWER) == (0, sent * 2)


def test_a_lost_answer_is_found_again_after_a_garbled_97() -> None:
    session = AcsSession(PROFILE)
    frame = CODEC.encode(CHECKOUT, 1).data
    sent = answering(session, frame, CHECKOUT_ANSWER)[1]
    assert answering(session, b"9?\r" + frame, CHECKOUT_ANSWER) == (0, b"96AZFEF6\r" + sent)


@pytest.mark.parametrize(
    "bad", [b"77\r", b"XS\r", b"17\r", b"941\r", b"\xff\xfe\r", CODEC.encode(ITEM, 1).data[:-5] + b"0000\r"]
)
def test_what_cannot_be_executed_gets_96(bad: bytes) -> None:
    assert answering(AcsSession(PROFILE), bad, ITEM_ANSWER) == (0, b"96AZFEF6\r")


def test_96_from_a_kiosk_gets_silence_lest_two_servers_talk_for_ever() -> None:
    assert answering(AcsSession(PROFILE), b"96AZFEF6\r", ITEM_ANSWER) == (0, b"")


def test_an_endless_frame_gets_96_once_and_the_line_goes_on() -> None:
    session = AcsSession(PROFILE, frame_bytes_max=1000)
    assert answering(session, b"x" * 2000, ITEM_ANSWER) == (0, b"96AZFEF6\r")
    assert answering(session, b"x" * 2000, ITEM_ANSWER) == (0, b"")
    assert answering(session, b"x\r" + CODEC.encode(ITEM, 1).data, ITEM_ANSWER)[0] == 1


def test_an_answer_needs_its_request() -> None:
    session = AcsSession(PROFILE)
    with pytest.raises(OutOfTurn):
        session.answer(ITEM_ANSWER)
    session.feed(CODEC.encode(ITEM, 0).data * 2)
    assert session.advance()
    with pytest.raises(OutOfTurn, match="17 is not answered yet"):
        session.advance()
    with pytest.raises(OutOfTurn, match="12 answers nothing"):
        session.answer(CHECKOUT_ANSWER)


@settings(max_examples=150)
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"97\r", CODEC.encode(ITEM, 1).data, b"\r"]), max_size=10).map(
        b"".join
    )
)
def test_a_hostile_kiosk_gets_one_answer_a_frame_whole_and_byte_by_byte(data: bytes) -> None:
    whole, single = AcsSession(PROFILE), AcsSession(PROFILE)
    sent = b"".join(answering(single, bytes([byte]), ITEM_ANSWER)[1] for byte in data)
    assert answering(whole, data, ITEM_ANSWER)[1] == sent
