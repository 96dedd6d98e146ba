"""What all groups of tables share: the connection of one transaction."""

import sqlite3


class Tables:
    """One subject's tables, in a transaction that the caller owns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
