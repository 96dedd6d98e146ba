"""Single remembered values, and alarms: what a person must see."""

from collections.abc import Mapping

from connectors.agent.tables.base import Tables

DDL = (
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS alarm (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL) STRICT""",
)


class NoteTables(Tables):
    """Facts and alarms."""

    def fact(self, name: str, default: str = "") -> str:
        """Return a single remembered value."""
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_fact(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def alarm(self, at: str, code: str, detail: str) -> None:
        """Keep something that a person must see. Never with a reader's data."""
        self._db.execute("INSERT INTO alarm (at, code, detail) VALUES (?, ?, ?)", (at, code, detail[:500]))

    def alarms(self) -> list[Mapping[str, str]]:
        """Return all alarms, oldest first."""
        return [{"at": at, "code": code, "detail": detail}
                for at, code, detail in self._db.execute("SELECT at, code, detail FROM alarm ORDER BY id")]
