import pytest

from connectors.sip2.codec import Codec
from connectors.sip2.messages import REQUESTS, build
from connectors.sip2.profile import Profile
from connectors.sip2.refusal import refusal

DATE = "20260101    120000"


@pytest.mark.parametrize("message_id", sorted(REQUESTS - {"97"}))
def test_every_request_has_a_no_of_its_own_kind(message_id: str) -> None:
    request = build(message_id, AO="YP", AA="P1", AB="B1")
    answer = refusal(request, "closed", DATE)
    assert answer.id == request.spec.answer
    decoded = Codec(Profile()).decode(Codec(Profile()).encode(answer, 1).data[:-1])
    assert (decoded, decoded.problems) == (answer, ())
    for name in ("ok", "payment_accepted", "end_session", "item_properties_ok", "on_line_status"):
        if name in answer.spec.by_name:
            assert answer.flag(name) is False
    if "AF" in answer.spec.codes:
        assert answer.get("AF") == "closed"
    if "AA" in answer.spec.required:
        assert answer.get("AA") == "P1"


def test_a_denied_patron_may_do_nothing() -> None:
    answer = refusal(build("63", AA="P1", language="019"), "closed", DATE)
    assert answer.fixed["patron_status"] == "YYYY          "
    assert answer.fixed["language"] == "019"
    assert answer.get("BL") == "N"


def test_97_has_no_answer_of_its_own() -> None:
    assert refusal(build("97"), "closed", DATE).id == "96"
