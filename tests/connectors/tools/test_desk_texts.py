"""The desk's answers as staff read them."""

from connectors.agent.conflicts import Cause
from connectors.agent.custody import Step
from connectors.sip2.messages import MESSAGES, WRITES
from connectors.tools.desk_texts import (
    ACTIONS,
    CAUSES,
    PULL_COLUMNS,
    STEPS,
    WORDS,
    conflicts_text,
    handled_text,
    loans_text,
    scan_text,
    status_text,
    uncollected_text,
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
    assert set(CAUSES) == set(Cause)
    assert set(ACTIONS) == {MESSAGES[id_].name for id_ in WRITES}
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


def test_status_says_how_the_library_stands_with_the_alliance():
    status = {"agency": "CN-SH-YANGPU", "link_up": True, "waiting": 0, "tasks": 0, "statement": False, "received": 9,
              "alarms": [], "unconfirmed": 2, "log_seen": 321, "directory": {
                  "version": 4, "hash": "ab" * 32, "until": "2026-12-31T08:00:00+00:00", "is_stale": True,
                  "vouched_until": "2026-12-01T08:00:00+00:00",
                  "keys": [{"purpose": "sign", "key_id": "cd" * 32, "use_from": "2026-01-01T00:00:00+00:00",
                            "sign_until": "2027-01-01T00:00:00+00:00", "in_use": True, "is_here": False}],
                  "warnings": [{"level": 30, "until": "", "text": "成员名录 directory: 7 天后到期"}]}}
    text = status_text(status)
    for line in ("待确认报文 Messages not confirmed yet 2", "已核证据日志至 Evidence log seen up to 321",
                 "名录版本 Directory version 4 (abababababab)", "2026-12-01 08:00 UTC 已过期 over",
                 "cdcdcdcdcdcd 使用中 in use → 2027-01-01"):
        assert line in " ".join(text.split())
    warnings = text.partition("提醒 Warnings\n")[2].splitlines()
    assert "密钥文件不在本机" in warnings[0]
    assert warnings[1] == "成员名录 directory: 7 天后到期"


CONFLICT = {"id": 7, "noted_at": "2026-09-01T03:00:00+00:00", "happened_at": "2026-09-01T01:00:00+00:00",
            "place": "地铁站书柜\x1b[2J", "action": "checkout", "barcode": "3100001", "card": "310110000001",
            "cause": "ils_refused", "detail": "读者证已停用"}


def test_what_staff_must_settle_says_where_what_and_why_in_chinese_first():
    heading, row = conflicts_text([CONFLICT]).splitlines()
    assert heading.startswith("编号 ID")
    for word in ("7", "2026-09-01T01:00:00+00:00", "借出 checkout", "3100001", "310110000001",
                 "本馆系统拒绝 the ILS refused", "读者证已停用"):
        assert word in row
    assert "\x1b" not in row
    assert conflicts_text([]) == "没有 none"
    assert handled_text({"handled": 7}) == "已处理 handled: 7"


def test_what_is_to_be_taken_out_of_a_locker_says_which_and_since_when():
    stay = {"place": "地铁站书柜", "until": "2026-09-04T01:00:00+00:00", "loan": LOAN}
    heading, row = uncollected_text([stay]).splitlines()
    assert heading.startswith("书柜 Locker")
    assert row.startswith("地铁站书柜")
    assert "3100001" in row
    assert uncollected_text([]) == "没有 none"
