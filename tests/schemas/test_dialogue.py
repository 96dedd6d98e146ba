"""Who may say what to whom: one row for each type, and rows that fit each other."""

import pytest

from schemas.dialogue import DIALOGUE, Kind, Part, rule_of
from schemas.messages import BODIES, MessageType

LIBRARIES = {Part.LIBRARY, Part.HOME, Part.SUPPLYING, Part.REQUESTING, Part.TAKING, Part.RELYING}
CHANNELS = {"loan", "money", "catalogue"}


def of_kind(kind: Kind) -> list[MessageType]:
    return [name for name in MessageType if rule_of(name).kind is kind]


def test_every_type_has_one_row_and_one_body() -> None:
    assert set(DIALOGUE) == set(MessageType) == set(BODIES)


@pytest.mark.parametrize("name", of_kind(Kind.DURABLE))
def test_a_durable_message_is_numbered_on_a_channel(name: MessageType) -> None:
    assert rule_of(name).channel in CHANNELS


@pytest.mark.parametrize("name", [*of_kind(Kind.QUESTION), *of_kind(Kind.CONTROL)])
def test_questions_and_control_messages_are_in_no_stream_and_never_relayed(name: MessageType) -> None:
    assert (rule_of(name).channel, rule_of(name).relayed) == ("", False)


def test_the_gateway_relays_what_libraries_say_to_each_other_and_nothing_else() -> None:
    assert {name for name in MessageType if rule_of(name).relayed} == {
        MessageType.REQUEST, MessageType.SUPPLYING_AGENCY_MESSAGE, MessageType.REQUESTING_AGENCY_MESSAGE,
        MessageType.CUSTODY_RECEIPT}


@pytest.mark.parametrize("name", of_kind(Kind.QUESTION))
def test_a_question_is_between_a_library_and_the_gateway(name: MessageType) -> None:
    assert {rule_of(name).src, rule_of(name).dst} == {Part.LIBRARY, Part.GATEWAY}


@pytest.mark.parametrize("name", MessageType)
def test_an_answer_goes_back_the_way_its_question_came(name: MessageType) -> None:
    rule = rule_of(name)
    for asked in rule.answers:
        if rule.kind is Kind.QUESTION:
            assert (rule.src, rule.dst) == (rule_of(asked).dst, rule_of(asked).src)
        else:
            assert rule_of(asked).kind is Kind.DURABLE
            assert rule_of(asked).channel == rule.channel


def test_the_gateway_never_speaks_for_a_library() -> None:
    for name in of_kind(Kind.DURABLE):
        rule = rule_of(name)
        assert rule.src in LIBRARIES | {Part.GATEWAY}
        assert Part.GATEWAY not in (rule.src, rule.dst) or rule.src is not rule.dst


def test_only_the_gateway_states_a_place_in_the_log() -> None:
    assert rule_of(MessageType.ACCEPTED).src is Part.GATEWAY
