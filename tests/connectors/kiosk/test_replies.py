"""Where a machine is told to put a copy: alert type (CV), destination (CT) and bin (CL), by what the copy is."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from connectors.kiosk.config import Kiosk
from connectors.kiosk.doubt import Finding
from connectors.kiosk.replies import Replies
from connectors.kiosk.routing import Copy, Found, Label, Reader
from connectors.kiosk.texts import Text
from connectors.sip2.messages import MESSAGES, WRITES, build
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode
from schemas.lending import Custody, PickupPoint
from schemas.lifecycle import LoanStatus
from schemas.loan import Loan

ME, OWNER, OTHER = AgencyId("CN-310110-1-YP"), AgencyId("CN-330100-1-HZ"), AgencyId("CN-320100-1-NJ")
KIOSK = Kiosk.model_validate({"port": 0, "place": "1F", "alliance_bin": "A", "staff_bin": "S",
                              "sort_bins": {OWNER: "B1"}})
SAY = Replies(KIOSK, ME, datetime(2026, 9, 1, 1, tzinfo=UTC))
RETURN = build("09", no_block=False, AO="YP", AB="0042")
LOAN = Loan(ConversationId("loan-0001"), ME, PickupPoint(agency=ME, point="总服务台"), status=LoanStatus.LOANED,
            custody=Custody.RETURNED_AT, holder=ME, supplier=OWNER, barcode=ItemBarcode("0042"), title="三体",
            due_date=date(2026, 10, 1))
ASTRAY = replace(LOAN, custody=Custody.IN_TRANSIT, holder=OWNER, pickup=PickupPoint(agency=OTHER, point=""))


def found(owner=None, *loans):
    return Found(Reader.OURS, Copy.UNKNOWN, None, Label("0042", owner, "0042"), loans)


@pytest.mark.parametrize(("answer", "alert", "to", "bin_"), [
    (SAY.goes_home(RETURN, LOAN), "04", OWNER, "B1"),
    (SAY.goes_home(RETURN, replace(LOAN, supplier=OTHER)), "04", OTHER, "A"),
    (SAY.goes_home(RETURN, replace(LOAN, supplier=ME)), None, None, None),
    (SAY.hold_here(RETURN, replace(LOAN, custody=Custody.PICKUP_POINT)), "01", None, "S"),
    (SAY.hold_here(RETURN, replace(LOAN, custody=Custody.LOCKER)), "01", None, "S"),
    (SAY.taken_out(RETURN, LOAN), "04", OWNER, "B1"),
    (SAY.taken_out(RETURN, replace(LOAN, supplier=ME)), "99", None, "S"),
    (SAY.taken_in(RETURN, found(OWNER), Text.ACCEPTED), "04", OWNER, "B1"),
    (SAY.taken_in(RETURN, found(), Text.TO_STAFF), "99", None, "S"),
    (SAY.taken_in(RETURN, found(ME), Text.ACCEPTED), "99", None, "S"),
    (SAY.taken_in(RETURN, found(OWNER, ASTRAY), Text.ACCEPTED), "02", OTHER, "A"),
    (SAY.taken_in(RETURN, found(None, ASTRAY, LOAN), Text.TO_STAFF), "99", None, "S"),
])
def test_where_a_returned_copy_goes(answer, alert, to, bin_):
    assert (answer.flag("ok"), answer.flag("resensitize"), answer.flag("alert")) == (True, True, alert is not None)
    assert (answer.get("CV"), answer.get("CT"), answer.get("CL")) == (alert, to, bin_)
    assert alert in (None, "01", "02", "04", "99")
    assert not {"AA", "CY", "DA"} & {code for code, _ in answer.fields}, "no reader is named to a machine"
    assert answer.spec.required <= {code for code, _ in answer.fields}


def test_the_owner_of_a_copy_that_waits_here_is_said():
    assert SAY.hold_here(RETURN, LOAN).get("AQ") == OWNER
    assert SAY.taken_in(RETURN, found(OWNER, ASTRAY), Text.ACCEPTED).get("AQ") == OWNER


def test_a_machine_without_bins_is_told_of_none():
    bare = replace(SAY, kiosk=Kiosk.model_validate({"port": 0, "place": "1F"}))
    assert bare.goes_home(RETURN, LOAN).get("CL") is None
    assert bare.goes_home(RETURN, LOAN).get("CT") == OWNER


@pytest.mark.parametrize("id_", sorted(WRITES - {"01", "19", "25"}))
def test_a_yes_that_was_found_out_is_a_whole_answer_of_its_kind(id_):
    request = build(id_, AO="YP", AA="c1", AB="0042", BK="7") if id_ not in ("65", "37") else build(
        id_, AO="YP", AA="c1", BK="7")
    answer = SAY.done(request, Finding(True, renewed=("0042",), unrenewed=("0043", "0044")))
    spec = MESSAGES[request.spec.answer or ""]
    assert answer.id == spec.id
    assert len(answer.head) == spec.width
    assert spec.required <= {code for code, _ in answer.fields}
    assert answer.flag("payment_accepted" if id_ == "37" else "ok") is True
    if id_ == "65":
        assert (answer.count("renewed_count"), answer.count("unrenewed_count")) == (1, 2)
