"""Alarms about troubles that are found again at every look: a person is told once, and while they last every hour."""

from datetime import datetime, timedelta

from connectors.agent.tables import Unit
from schemas.problems import ProblemCode

TELL_AGAIN = timedelta(hours=1)


def tell(unit: Unit, now: datetime, code: ProblemCode, detail: str, subject: str = "") -> None:
    """Note an alarm, unless one of its kind, and about the same subject, was noted within the hour."""
    fact = f"told {code} {subject}".strip()
    told = unit.fact(fact)
    if not told or now >= datetime.fromisoformat(told) + TELL_AGAIN:
        unit.set_fact(fact, now.isoformat())
        unit.alarm(now.isoformat(), code, detail)
