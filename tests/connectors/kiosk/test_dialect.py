from connectors.kiosk.dialect import neutral, to_ils, to_kiosk
from connectors.kiosk.routing import Copy, Found, Label, Reader
from connectors.sip2.messages import build
from connectors.sip2.profile import Profile
from schemas.identifiers import AgencyId

ME = AgencyId("CN-310110-1-YP")
DATE = "20260901    090000"
ILS, KIOSK = Profile(institution="YPLIB"), Profile(institution="self-check-3")
PLAIN = Found(Reader.OURS, Copy.OWN, Label("c1", None, "c1"), Label("0042", None, "0042"))


def test_our_institution_is_said_in_the_ilss_own_word_and_back_in_the_kiosks():
    request = build("17", transaction_date=DATE, AO="self-check-3", AB="0042")
    asked = to_ils(neutral(request, KIOSK), PLAIN, ILS, ME)
    assert asked.get("AO") == "YPLIB"
    answer = build("18", transaction_date=DATE, AO="YPLIB", AB="0042", BG="YPLIB", AF="YPLIB")
    said = to_kiosk(answer, request, PLAIN, ILS)
    assert (said.get("AO"), said.get("BG"), said.get("AF")) == ("self-check-3", "YPLIB", "YPLIB")


def test_a_branch_of_our_own_keeps_its_institution():
    request = build("17", transaction_date=DATE, AO="branch-7", AB="0042")
    assert to_ils(neutral(request, KIOSK), PLAIN, ILS, ME).get("AO") == "branch-7"


def test_an_institution_that_was_left_out_is_added():
    request = build("17", transaction_date=DATE, AB="0042")
    bare = type(request)("17", request.head, (("AB", "0042"),))
    assert to_ils(bare, PLAIN, ILS, ME).fields == (("AB", "0042"), ("AO", "YPLIB"))


def test_our_own_prefix_is_taken_off_and_put_on_again():
    text = f"{ME}.0042"
    found = Found(Reader.OURS, Copy.OWN, None, Label(text, ME, "0042"))
    request = build("17", transaction_date=DATE, AO="", AB=text)
    assert to_ils(request, found, ILS, ME).get("AB") == "0042"
    assert to_kiosk(build("18", AB="0042", AJ="0042"), request, found, ILS).fields[:2] == (("AB", text), ("AJ", "0042"))


def test_everything_else_passes_in_its_order():
    extra = (("KQ", "A-3"), ("U1", ""), ("ZZ", "x"), ("KQ", "B-1"))
    request = build("17", transaction_date=DATE, AO="", AB="0042")
    request = type(request)("17", request.head, (*extra[:2], *request.fields, *extra[2:]))
    asked = to_ils(request, PLAIN, ILS, ME)
    assert [field for field in asked.fields if field[0] not in ("AO",)] == [
        field for field in request.fields if field[0] not in ("AO",)]
    assert asked.head == request.head
    assert to_kiosk(request, request, PLAIN, ILS).fields == request.fields


def test_the_ilss_terminal_password_is_its_own():
    request = build("11", transaction_date=DATE, AO="", AA="c1", AB="0042", AC="kiosk's")
    assert to_ils(request, PLAIN, Profile(terminal_password="ils's"), ME).get("AC") == "ils's"
    assert to_ils(request, PLAIN, ILS, ME).get("AC") == "kiosk's"


def test_fields_that_the_ils_must_have_or_must_not_have():
    request = build("63", transaction_date=DATE, AO="", AA="c1", AC="x", BP="1")
    ils = Profile(institution="YPLIB", omit=frozenset({"63.AC", "63.BP", "17.AA"}), send_empty=frozenset({"63.AD"}))
    assert to_ils(request, PLAIN, ils, ME).fields == (("AO", "YPLIB"), ("AA", "c1"), ("AD", ""))


def test_an_ils_that_refuses_a_blank_due_date_gets_one():
    request = build("11", transaction_date=DATE, AO="", AA="c1", AB="0042")
    asked = to_ils(request, PLAIN, Profile(send_nb_due_date=True), ME)
    assert asked.fixed["nb_due_date"] == DATE
    assert len(asked.head) == len(request.head)
