"""What the gateway shows of itself to Prometheus: a table over the operator's status."""

from collections.abc import Sequence
from datetime import datetime

from schemas.problems import ProblemCode
from trust.metrics import Kind, Metric, Status, by, exposition, one
from trust.standing import standing_metrics

METRICS: Sequence[Metric] = (
    *standing_metrics("trust"),
    Metric("delta_connected_libraries", Kind.GAUGE, "Libraries with a link to this gateway.",
           lambda status, _now: one(len(status["connected"]))),
    Metric("delta_mailbox_entries", Kind.GAUGE, "Messages that a library has yet to take in.",
           lambda status, _now: by("library", status["waiting"])),
    Metric("delta_not_confirmed_messages", Kind.GAUGE, "The gateway's own messages that nobody has confirmed in time.",
           lambda status, _now: one(status[ProblemCode.NOT_CONFIRMED]["count"])),
    Metric("delta_loans", Kind.GAUGE, "Loans by their outcome; open: those that have not ended.",
           lambda status, _now: by("outcome", status["loans"])),
    Metric("delta_messages_total", Kind.COUNTER, "Messages taken over, by their type.",
           lambda status, _now: by("type", status["messages"])),
    Metric("delta_log_entries", Kind.GAUGE, "Leaves of the evidence log.",
           lambda status, _now: one(status["log"])),
    Metric("delta_checkpoint_entries", Kind.GAUGE, "Leaves under the newest checkpoint.",
           lambda status, _now: one(status["checkpoint"]["size"])),
    Metric("delta_final_checkpoint_entries", Kind.GAUGE, "Leaves under the newest checkpoint with enough witnesses.",
           lambda status, _now: one(status["checkpoint"]["final_size"])),
    Metric("delta_checkpoint_witnesses", Kind.GAUGE, "Members that have cosigned the newest checkpoint.",
           lambda status, _now: one(status["checkpoint"]["witnesses"])),
    Metric("delta_silent_witnesses", Kind.GAUGE, "Members that have cosigned nothing for an hour.",
           lambda status, _now: one(len(status["silent_witnesses"]))),
    Metric("delta_transfers_total", Kind.COUNTER, "Transfers in the ledger.",
           lambda status, _now: one(status["ledger"]["transfers"])),
    Metric("delta_pending_fen", Kind.GAUGE, "What is set aside in the ledger, in fen.",
           lambda status, _now: one(status["ledger"]["pending"])),
)


def metrics_text(status: Status, now: datetime) -> str:
    """Return the metrics of what the operator's ``/status`` says."""
    return exposition(METRICS, status, now)
