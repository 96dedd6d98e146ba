"""The journal's tables, by subject, and the ``Unit`` that offers them. The caller owns the transaction."""

from connectors.agent.tables.loans import Task
from connectors.agent.tables.readers import Session, Slot
from connectors.agent.tables.unit import DDL, SCHEMA_VERSION, Unit
from connectors.agent.tables.waiting import Early, Gap, Postponed

__all__ = ["DDL", "SCHEMA_VERSION", "Early", "Gap", "Postponed", "Session", "Slot", "Task", "Unit"]
