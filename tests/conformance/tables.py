"""The tables of ``docs/protocol.md`` that are made from the code's own tables.

Each stands between ``<!-- name -->`` and ``<!-- end -->``; everything else in the page is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from types import SimpleNamespace
from typing import Any

from schemas.dialogue import DIALOGUE, Kind, Part
from schemas.lending import (
    Action,
    ReasonForMessage,
    RequestingAgencyMessage,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import HANDOVERS, TRANSITIONS, event_of
from schemas.messages import MessageType
from schemas.problems import PROBLEMS

PAGE = "docs/protocol.md"
_NOTHING = "–"
_PLACE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)

Rows = Iterator[tuple[str, ...]]


def fill(page: str) -> str:
    """Return the page with every table as the code has it now."""
    return _PLACE.sub(lambda place: f"<!-- {place[1]} -->\n{_table(TABLES[place[1]]())}<!-- end -->", page)


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = (head, tuple("---" for _ in head), *body)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _dialogue() -> Rows:
    yield "type", "kind", "from", "to", "channel", "relayed", "confirm within", "answers"
    for kind, rule in DIALOGUE.items():
        hours = round(rule.confirm_within.total_seconds() / 3600)
        whom = "the other end" if rule.dst is Part.ANYONE else rule.dst.value
        yield (f"`{kind}`", rule.kind.value, rule.src.value, whom, rule.channel or _NOTHING,
               "yes" if rule.relayed else _NOTHING, f"{hours} h" if rule.kind is Kind.DURABLE else _NOTHING,
               _codes(rule.answers))


def _events() -> Rows:
    yield "message", "event"
    for reason, status in product((ReasonForMessage.STATUS_CHANGE,), SupplierStatus):
        yield f"`SupplyingAgencyMessage` {status}", _event(_supplier(reason, status, answer=None))
    for reason, answer in product((ReasonForMessage.RENEW_RESPONSE, ReasonForMessage.CANCEL_RESPONSE), (True, False)):
        says = _supplier(reason, SupplierStatus.LOANED, answer=answer)
        yield f"`SupplyingAgencyMessage` {reason}, answer {str(answer).lower()}", _event(says)
    for action in Action:
        yield (f"`RequestingAgencyMessage` {action}",
               _event(_message(MessageType.REQUESTING_AGENCY_MESSAGE, RequestingAgencyMessage(action=action))))
    for kind, rule in DIALOGUE.items():
        if rule.channel == "loan" and kind not in {MessageType.SUPPLYING_AGENCY_MESSAGE,
                                                   MessageType.REQUESTING_AGENCY_MESSAGE}:
            yield f"`{kind}`", _event(_message(kind, None))


def _supplier(reason: ReasonForMessage, status: SupplierStatus, *, answer: bool | None) -> Any:
    body = SupplyingAgencyMessage(reason_for_message=reason, status=status, answer=answer)
    return _message(MessageType.SUPPLYING_AGENCY_MESSAGE, body)


def _message(kind: MessageType, body: Any) -> Any:
    return SimpleNamespace(type=kind, body=body)


def _event(message: Any) -> str:
    return str(event_of(message))


def _transitions() -> Rows:
    yield "status", "event → status"
    for status, steps in TRANSITIONS.items():
        moves = sorted((event.value, after.value) for event, after in steps.items())
        yield status.value, "; ".join(f"{event} → {after}" if after != status else event for event, after in moves)


def _handovers() -> Rows:
    yield "from", "who may take over"
    for custody, takers in HANDOVERS.items():
        yield custody.value, ", ".join(sorted(taker.value for taker in takers)) or _NOTHING


def _problems() -> Rows:
    yield "code", "meaning", "again later?", "who acts", "HTTP"
    for code, problem in PROBLEMS.items():
        yield (f"`{code}`", problem.meaning, "yes" if problem.may_retry else "no", problem.who_acts.value,
               str(problem.http_status))


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or _NOTHING


TABLES: Mapping[str, Callable[[], Rows]] = {
    "dialogue": _dialogue, "events": _events, "transitions": _transitions, "handovers": _handovers,
    "problems": _problems,
}
