"""What the answers of a peer teach about its checksums: against peers that compute them in each of the ways."""

from itertools import product

import pytest

from connectors.sip2.codec import Codec
from connectors.sip2.dialect import Dialect, LearnedDialect
from connectors.sip2.messages import build
from connectors.sip2.profile import Checksum, ErrorDetection, Profile
from connectors.sip2.session import ScSession

DATE = "20260101    120000"
LEARNING = Profile(error_detection=ErrorDetection.LEARN)
ASCII = build("94", ok=True)
CHINESE = build(
    "18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE, AB="B", AJ="珅"
)
ITEM = build("17", transaction_date=DATE, AB="B")
VARIANTS = [variant for variant in Checksum if variant is not Checksum.NONE]


def says(variant: Checksum, message: object, sequence: int | None = 4) -> bytes:
    return Codec(Profile(checksum=variant)).encode(message, sequence).data[:-1]  # type: ignore[arg-type]


def hear(dialect: Dialect, *frames: bytes) -> None:
    for frame in frames:
        dialect.hear(dialect.codec.decode(frame))


@pytest.mark.parametrize(("configured", "real"), list(product(VARIANTS, VARIANTS)))
def test_each_variant_is_learned_from_the_first_chinese_answer_whatever_the_profile_says(
    configured: Checksum, real: Checksum
) -> None:
    told: list[LearnedDialect] = []
    dialect = Dialect(Profile(checksum=configured, error_detection=ErrorDetection.LEARN), on_learned=told.append)
    hear(dialect, says(real, ASCII), says(real, CHINESE), says(real, CHINESE))
    assert dialect.learned == LearnedDialect(real)
    assert told == [LearnedDialect(real)]
    assert dialect.codec.encode(CHINESE, 1).data == says(real, CHINESE, 1) + b"\r"


def test_ascii_alone_leaves_bytes_and_characters_possible_and_concludes_nothing() -> None:
    dialect = Dialect(LEARNING)
    hear(dialect, *[says(Checksum.BYTES, ASCII)] * 9)
    assert dialect.learned is None
    hear(dialect, says(Checksum.CODE_POINTS, CHINESE))
    assert dialect.learned == LearnedDialect(Checksum.CODE_POINTS)


def test_what_was_learned_before_is_used_from_the_first_message() -> None:
    told: list[LearnedDialect] = []
    known = LearnedDialect(Checksum.CODE_POINTS_WITHOUT_TRAILER)
    dialect = Dialect(LEARNING, known, told.append)
    assert dialect.codec.decode(says(known.checksum, CHINESE)).checksum == "ok"
    hear(dialect, says(known.checksum, CHINESE))
    assert told == []


def test_a_peer_that_changes_its_ways_is_learned_anew() -> None:
    told: list[LearnedDialect] = []
    dialect = Dialect(LEARNING, on_learned=told.append)
    hear(dialect, says(Checksum.BYTES, CHINESE), says(Checksum.CODE_POINTS, CHINESE))
    assert [learned.checksum for learned in told] == [Checksum.BYTES, Checksum.CODE_POINTS]


def test_nonsense_teaches_nothing() -> None:
    dialect = Dialect(LEARNING)
    hear(dialect, b"941AY1AZ0000", b"941", b"941AZ1234", b"941AY1AZFFFF")
    assert dialect.learned is None
    assert dialect.codec.profile == LEARNING


@pytest.mark.parametrize("detection", [ErrorDetection.STRICT, ErrorDetection.WARN])
def test_a_profile_that_does_not_learn_stays_as_it_is(detection: ErrorDetection) -> None:
    dialect = Dialect(Profile(error_detection=detection), LearnedDialect(Checksum.CODE_POINTS))
    hear(dialect, says(Checksum.CODE_POINTS, CHINESE))
    assert dialect.learned is None
    assert dialect.codec.profile.checksum is Checksum.BYTES


def test_while_learning_a_wrong_checksum_is_noted_and_never_asked_again() -> None:
    noted: list[tuple[str, str]] = []
    session = ScSession(LEARNING, lambda *found: noted.append(found))
    for wrong in (b"0000", b"FFFF", b"1234"):
        session.request(ITEM)
        session.data_to_send()
        answer = says(Checksum.BYTES, CHINESE)[:-4] + wrong + b"\r"
        assert session.receive(answer) == CHINESE
        assert session.data_to_send() == b""
    assert noted == [("18", "checksum_wrong")] * 3
