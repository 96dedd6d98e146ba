"""What the staff's desk answers, as tables: Chinese first, English second. Pure functions of the desk's JSON."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from connectors.agent.conflicts import Cause
from connectors.tools.terminal import plain, table
from schemas.lending import Custody
from schemas.lifecycle import LoanStatus
from trust.clocks import ClockState
from trust.standing import day, standing_lines, warning_lines

Loan = Mapping[str, Any]

WORDS: Mapping[str, str] = MappingProxyType({
    LoanStatus.ORDERED: "已下单",
    LoanStatus.RESERVED: "已预留额度",
    LoanStatus.REQUEST_RECEIVED: "供书馆处理中",
    LoanStatus.WILL_SUPPLY: "同意供书",
    LoanStatus.LOANED: "已借出",
    LoanStatus.OVERDUE: "逾期",
    LoanStatus.RECALLED: "催还",
    LoanStatus.UNFILLED: "未能供书",
    LoanStatus.CANCELLED: "已取消",
    LoanStatus.LOAN_COMPLETED: "已完成",
    LoanStatus.COMPLETED_WITHOUT_RETURN: "未还结案",
    LoanStatus.REFUSED: "已拒绝",
    Custody.SUPPLIER: "供书馆",
    Custody.IN_TRANSIT: "运送途中",
    Custody.PICKUP_POINT: "取书点",
    Custody.LOCKER: "智能书柜",
    Custody.READER: "读者",
    Custody.RETURNED_AT: "还书馆",
    Custody.IN_TRANSIT_BACK: "归还途中",
})
"""What staff call a loan's status and the whereabouts of its copy."""

STEPS: Mapping[str, str] = MappingProxyType({
    "dispatch": "寄出 dispatch to the pickup library",
    "arrived": "到馆 arrived: put it on the pickup shelf",
    "load locker": "入柜 load locker: it waits there for its reader",
    "take out": "出柜 take out: it is no longer in the locker",
    "hand over": "交给读者 hand over to the reader",
    "take back": "收还 take back from the reader",
    "send back": "寄回 send back to its owner",
    "come home": "回馆 come home: back to its shelf",
})
"""What a scan did, and what staff do with the copy."""

ACTIONS: Mapping[str, str] = MappingProxyType({
    "checkout": "借出",
    "checkin": "还书",
    "renew": "续借",
    "renew_all": "全部续借",
    "hold": "预约",
    "fee_paid": "缴费",
    "block_patron": "停用读者证",
    "patron_enable": "启用读者证",
    "item_status_update": "更新馆藏状态",
})
"""What a machine was asked for, by SIP2's name."""

CAUSES: Mapping[str, str] = MappingProxyType({
    Cause.SEVERAL_COPIES: "条码对应多册，请看书上馆名标签 several copies have this barcode: look at the owner's label",
    Cause.UNKNOWN_COPY: "没有这册书的未结借阅 no open loan of this copy: whose is it?",
    Cause.UNEXPECTED: "与借阅状态不符 the loan does not allow this now",
    Cause.NOT_RESERVED: "书不是为该读者预留的 it did not wait here for the reader who took it",
    Cause.FOREIGN_CARD: "本馆图书被外馆读者证借走 our copy was lent to another library's card",
    Cause.ILS_REFUSED: "本馆系统拒绝 the ILS refused",
    Cause.ILS_NOT_ASKED: "本馆系统不接受此请求 the ILS cannot be asked this",
    Cause.OUT_OF_ORDER: "离线记录晚到，之后已有操作 an offline record that came after a later one was done",
    Cause.OUTCOME_UNKNOWN: "结果不明，请在本馆系统核对 the outcome is not known: look into the ILS",
    Cause.WRONG_LOCKER: "放入的书柜不是读者的取书点 not the pickup point that the reader chose",
})
"""Why something is on staff's list."""

_STATUS_ROWS: Mapping[str, str] = MappingProxyType({
    "agency": "成员馆 Agency",
    "link_up": "已连接网关 Connected to the gateway",
    "waiting": "待送达报文 Messages waiting",
    "tasks": "待办 ILS 操作 Tasks at the ILS",
    "statement": "有待答复对账单 Statement to answer",
    "received": "已收报文 Messages received",
    "unconfirmed": "待确认报文 Messages not confirmed yet",
    "log_seen": "已核证据日志至 Evidence log seen up to",
})

_CLOCK: Mapping[str, str] = MappingProxyType({
    ClockState.RIGHT: "准 right",
    ClockState.OFF: "不准，请校时 off: set it",
    ClockState.WRONG: "错误，已停止签名 wrong: nothing is signed",
})

Column = tuple[str, Callable[[Loan], object]]

_COPY: Sequence[Column] = (
    ("借阅 Loan", lambda loan: loan["conv"]),
    ("条码 Barcode", lambda loan: loan["barcode"]),
    ("题名 Title", lambda loan: loan["title"]),
)
LOAN_COLUMNS: Sequence[Column] = (
    *_COPY,
    ("状态 Status", lambda loan: worded(loan["status"])),
    ("图书在 Copy with", lambda loan: worded(loan["custody"])),
    ("读者馆 Home", lambda loan: loan["home"]),
    ("供书馆 Supplier", lambda loan: loan["supplier"]),
    ("应还 Due", lambda loan: loan["due_date"]),
    ("须核对 Look at", lambda loan: loan.get("attention")),
)
PULL_COLUMNS: Sequence[Column] = (
    *_COPY,
    ("寄往 Send to", lambda loan: loan["pickup"]["agency"]),
    ("取书点 Pickup point", lambda loan: loan["pickup"]["point"]),
)


def worded(value: str | None) -> str:
    """Return a status or custody as staff read it."""
    return _doubled(WORDS, value)


def loans_text(loans: Sequence[Loan], columns: Sequence[Column] = LOAN_COLUMNS) -> str:
    """Return loans as a table."""
    if not loans:
        return "没有 none"
    return table([title for title, _ in columns], [[read(loan) for _, read in columns] for loan in loans])


def status_text(status: Mapping[str, Any]) -> str:
    """Return the connector's state, a line each, and its alarms."""
    rows = [(title, _shown(status[key])) for key, title in _STATUS_ROWS.items() if key in status]
    if clock := status.get("clock"):
        rows.append(("时钟 Clock", f"{_CLOCK[clock['state']]} ({clock['ahead_seconds']:+} s)"))
    if directory := status.get("directory"):
        rows += [*standing_lines(directory), ("网关担保至 Vouched for until", _vouched(directory))]
    if harvest := status.get("harvest"):
        rows.append(("书目报送 Harvest", harvest_line(harvest)))
    text = table(("项目 What", "现状 State"), rows)
    if directory and (warnings := warning_lines(directory)):
        text = "\n".join((text, "", "提醒 Warnings", *map(plain, warnings)))
    alarms = [(alarm["at"], alarm["code"], alarm["detail"]) for alarm in status["alarms"]]
    return f"{text}\n\n{table(('时间 At', '警报 Alarm', '说明 Detail'), alarms)}" if alarms else text


def scan_text(scan: Mapping[str, Any]) -> str:
    """Return what a scan did, and the loan after it."""
    return f"{STEPS.get(scan['step'], scan['step'])}\n{loans_text([scan['loan']])}"


def conflicts_text(conflicts: Sequence[Mapping[str, Any]]) -> str:
    """Return what staff must settle, as a table."""
    if not conflicts:
        return "没有 none"
    titles = ("编号 ID", "时间 When", "地点 Where", "操作 What", "条码 Barcode", "读者证 Card", "原因 Why",
              "说明 Detail")
    return table(titles, [[each["id"], each["happened_at"], each["place"], _doubled(ACTIONS, each["action"]),
                           each["barcode"], each["card"], CAUSES[each["cause"]], each["detail"]]
                          for each in conflicts])


def handled_text(answer: Mapping[str, Any]) -> str:
    """Return that a conflict is off the list."""
    return f"已处理 handled: {answer['handled']}"


def uncollected_text(stays: Sequence[Mapping[str, Any]]) -> str:
    """Return what is to be taken out of the lockers, as a table."""
    if not stays:
        return "没有 none"
    titles = ("书柜 Locker", "保留至 Kept until", *(title for title, _ in _COPY))
    return table(titles, [[stay["place"], stay["until"], *(read(stay["loan"]) for _, read in _COPY)]
                          for stay in stays])


def reset_text(report: Mapping[str, Any]) -> str:
    """Return how many streams begin anew, and every message that was given up."""
    text = f"重新编号的报文流 streams that begin anew: {report['streams']}"
    if not report["given_up"]:
        return text
    lost = [(message["type"], message["conv"], message["dst"]) for message in report["given_up"]]
    return f"{text}\n\n{table(('作废报文 Given up', '借阅 Loan', '发往 To'), lost)}"


def erased_text(erasure: Mapping[str, Any]) -> str:
    """Return what was erased, and what is kept because it is still needed."""
    return table(("借阅 Loans", "报文 Messages", "登录 Sign-ins", "待办 Conflicts", "保留 Kept"),
                 [tuple(erasure[name] for name in ("loans", "messages", "sessions", "conflicts", "kept"))])


def address_text(answer: Mapping[str, Any]) -> str:
    """Return where to bring a copy, on one line."""
    return f"{answer['conv']}  {plain(answer['address'])}"


def harvest_line(run: Mapping[str, Any]) -> str:
    """Return how the last harvest stands, on one line."""
    if "share" in run:
        return f"进行中 under way {run['share']:.0%}, 已读 read {run['read']}"
    if not run["finished"]:
        return f"中断,将续传 cut, goes on later: {run['problem']}"
    return f"{run['finished'][:16]} 读取 read {run['read']}, 送出 sent {run['sent']}, 坏记录 bad {run['bad']}"


def _doubled(words: Mapping[str, str], value: str | None) -> str:
    return f"{words.get(value or '', '')} {value or ''}".strip()


def _vouched(directory: Mapping[str, Any]) -> str:
    until = day(directory["vouched_until"])
    return f"{until} 已过期 over" if directory["is_stale"] and directory["vouched_until"] else until


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    return value
