"""The desk's answers as staff read them."""

from connectors.agent.custody import Step
from connectors.tools.desk_texts import (
    PULL_COLUMNS,
    STEPS,
    WORDS,
    harvest_text,
    loans_text,
    scan_text,
    status_text,
    worded,
)
from schemas.lending import Custody
from schemas.lifecycle import LoanStatus

LOAN = {"conv": "loan-0000-0001", "barcode": "3100001", "title": "三体\x1b[2J", "status": "WillSupply",
        "custody": "supplier", "home": "CN-JS-SUZHOU", "supplier": "CN-SH-YANGPU", "due_date": None,
        "pickup": {"agency": "CN-JS-SUZHOU", "point": "总服务台"}}


def test_every_status_custody_and_step_has_a_chinese_word():
    assert set(WORDS) == {*LoanStatus, *Custody}
    assert set(STEPS) == set(Step)
    assert worded("WillSupply") == "同意供书 WillSupply"
    assert worded(None) == ""


def test_loans_are_a_table():
    heading, row = loans_text([LOAN]).splitlines()
    assert heading.startswith("借阅 Loan")
    assert "三体 [2J" in row
    assert "供书馆 supplier" in row
    assert loans_text([]) == "没有 none"


def test_the_pull_list_says_where_to_send():
    assert loans_text([LOAN], PULL_COLUMNS).splitlines()[1].endswith("CN-JS-SUZHOU  总服务台")


def test_a_scan_says_what_to_do_with_the_copy():
    assert scan_text({"step": "dispatch", "loan": LOAN}).startswith("寄出 dispatch")


def test_status_names_what_is_open_and_what_is_alarming():
    status = {"agency": "CN-SH-YANGPU", "link_up": False, "waiting": 3, "tasks": 0, "statement": True, "received": 9,
              "alarms": []}
    text = status_text(status)
    assert "已连接网关 Connected to the gateway  否 no" in text
    assert "警报" not in text
    alarm = {"at": "2026-09-01T00:00:00Z", "code": "not_confirmed", "detail": "Request 1234"}
    assert status_text({**status, "alarms": [alarm]}).endswith("2026-09-01T00:00:00Z  not_confirmed  Request 1234")


def test_a_harvest_is_counted():
    assert harvest_text({"read": 12, "sent": 10, "bad": 2}).splitlines()[1].split() == ["12", "10", "2"]
