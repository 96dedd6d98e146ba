"""What the ILS refused, and in which words: for this library's staff, in the journal beside the tasks.

Words may name a reader, so they leave the journal for the desk only: never for the wire, a log or an alarm.
"""

import json
from dataclasses import dataclass, field

from connectors.agent.tables import Task, Unit
from connectors.ils.port import PatronStanding, Result

SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class IlsRefusal:
    """One refusal: of what, for which loan, why as far as the words were understood."""

    conv: str
    verb: str
    barcode: str
    reason: str
    words: str = field(repr=False)


def note_outcome(unit: Unit, task: Task, outcome: Result | PatronStanding) -> None:
    """Mark a task as done; a refusal stays readable with it."""
    unit.mark_done(task.id)
    if outcome.reason is not None:
        said = json.dumps({"refused": outcome.reason, "words": outcome.words})
        unit.connection.execute("UPDATE task SET argument = json_patch(argument, ?) WHERE id = ?", (said, task.id))


def refusals(unit: Unit) -> list[IlsRefusal]:
    """Return the newest refusals, newest first."""
    rows = unit.connection.execute(
        "SELECT conv, verb, coalesce(json_extract(argument, '$.barcode'), ''), json_extract(argument, '$.refused') "
        "AS refused, json_extract(argument, '$.words') FROM task WHERE refused IS NOT NULL ORDER BY id DESC LIMIT ?",
        (SHOWN_MAX,))
    return [IlsRefusal(*row) for row in rows]
