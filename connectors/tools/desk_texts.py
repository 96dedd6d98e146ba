"""What the staff's desk answers, as tables: Chinese first, English second. Pure functions of the desk's JSON."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from connectors.tools.terminal import table
from schemas.lending import Custody
from schemas.lifecycle import LoanStatus

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
    "hand over": "交给读者 hand over to the reader",
    "take back": "收还 take back from the reader",
    "send back": "寄回 send back to its owner",
    "come home": "回馆 come home: back to its shelf",
})
"""What a scan did, and what staff do with the copy."""

_STATUS_ROWS: Mapping[str, str] = MappingProxyType({
    "agency": "成员馆 Agency",
    "link_up": "已连接网关 Connected to the gateway",
    "waiting": "待送达报文 Messages waiting",
    "tasks": "待办 ILS 操作 Tasks at the ILS",
    "statement": "有待答复对账单 Statement to answer",
    "received": "已收报文 Messages received",
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
)
PULL_COLUMNS: Sequence[Column] = (
    *_COPY,
    ("寄往 Send to", lambda loan: loan["pickup"]["agency"]),
    ("取书点 Pickup point", lambda loan: loan["pickup"]["point"]),
)


def worded(value: str | None) -> str:
    """Return a status or custody as staff read it."""
    return f"{WORDS.get(value or '', '')} {value or ''}".strip()


def loans_text(loans: Sequence[Loan], columns: Sequence[Column] = LOAN_COLUMNS) -> str:
    """Return loans as a table."""
    if not loans:
        return "没有 none"
    return table([title for title, _ in columns], [[read(loan) for _, read in columns] for loan in loans])


def status_text(status: Mapping[str, Any]) -> str:
    """Return the connector's state, a line each, and its alarms."""
    text = table(("项目 What", "现状 State"), [(title, _shown(status[key])) for key, title in _STATUS_ROWS.items()])
    alarms = [(alarm["at"], alarm["code"], alarm["detail"]) for alarm in status["alarms"]]
    return f"{text}\n\n{table(('时间 At', '警报 Alarm', '说明 Detail'), alarms)}" if alarms else text


def scan_text(scan: Mapping[str, Any]) -> str:
    """Return what a scan did, and the loan after it."""
    return f"{STEPS.get(scan['step'], scan['step'])}\n{loans_text([scan['loan']])}"


def harvest_text(report: Mapping[str, Any]) -> str:
    """Return what became of the catalogue file's records."""
    return table(("读取 Read", "送出 Sent", "坏记录 Bad"), [(report["read"], report["sent"], report["bad"])])


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    return value
