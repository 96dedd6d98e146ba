"""What a restored database knows of its streams, in SQL. The caller owns the transaction."""

from collections.abc import Sequence
from datetime import datetime

from federation.storage.engine import Connection
from federation.storage.messages import MailboxTable
from schemas.identifiers import AgencyId
from schemas.messages import KnownHead, MessageType


class RestoringTable:
    """See ``federation.restoring.Restoring``."""

    def __init__(self, connection: Connection, mailboxes: MailboxTable) -> None:
        self._db = connection
        self._mailboxes = mailboxes

    def known_heads(self, library: AgencyId, gateway: AgencyId) -> Sequence[KnownHead]:
        """Return where the library's own streams stand, and the gateway's to it."""
        rows = self._db.execute("SELECT src, dst, channel, epoch, seq FROM stream WHERE src = ? "
                                "OR (src = ? AND dst = ?) ORDER BY src, dst, channel", (library, gateway, library))
        return [KnownHead(src=src, dst=dst, channel=channel, epoch=epoch, seq=seq)
                for src, dst, channel, epoch, seq in rows]

    def is_asking(self, now: datetime) -> bool:
        """Whether a library may still give something back in time."""
        return self._db.execute("SELECT 1 FROM awaited WHERE type = ? AND until > ? LIMIT 1",
                                (str(MessageType.RESTORED), now.isoformat())).fetchone() is not None

    def go_on_after(self, library: AgencyId, number: int) -> None:
        """Number what waits for a library, and all that follows, after a number that it has seen."""
        self._mailboxes.go_on_after(library, number)
