"""What a connector shows of itself to Prometheus: a table over the desk's status."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from trust.metrics import Kind, Metric, Samples, Status, by, exposition, one, seconds_until
from trust.standing import standing_metrics

_CLOSED = "closed"
"""The breaker's state while the ILS answers."""


def _latencies(status: Status, _now: datetime) -> Samples:
    return by("message", {message: latency["p99"] / 1000
                          for message, latency in status["ils"]["latency_ms"].items()})


METRICS: Sequence[Metric] = (
    *standing_metrics("directory"),
    Metric("delta_directory_vouched_seconds", Kind.GAUGE, "Seconds until nobody vouches for the directory.",
           lambda status, now: one(seconds_until(status["directory"]["vouched_until"], now))),
    Metric("delta_directory_stale", Kind.GAUGE, "Whether nobody vouches for the directory now: new loans wait.",
           lambda status, _now: one(status["directory"]["is_stale"])),
    Metric("delta_link_up", Kind.GAUGE, "Whether the link to the gateway is up.",
           lambda status, _now: one(status["link_up"])),
    Metric("delta_open_loans", Kind.GAUGE, "Loans of this library that have not ended.",
           lambda status, _now: one(status["loans"])),
    Metric("delta_outbox_messages", Kind.GAUGE, "Own messages that the gateway has yet to take over.",
           lambda status, _now: one(status["waiting"])),
    Metric("delta_unconfirmed_messages", Kind.GAUGE, "Own messages that their receivers have yet to confirm.",
           lambda status, _now: one(status["unconfirmed"])),
    Metric("delta_mailbox_received_total", Kind.COUNTER, "Number of the last entry of the mailbox that was taken in.",
           lambda status, _now: one(status["received"])),
    Metric("delta_log_seen_entries", Kind.GAUGE, "Leaves of the evidence log that this library has verified.",
           lambda status, _now: one(status["log_seen"])),
    Metric("delta_alarms_total", Kind.COUNTER, "What a person must see, by its code.",
           lambda status, _now: by("code", Counter(alarm["code"] for alarm in status["alarms"]))),
    Metric("delta_conflicts", Kind.GAUGE, "What staff must settle: entries of delta-connector conflicts.",
           lambda status, _now: one(status["conflicts"])),
    Metric("delta_clock_ahead_seconds", Kind.GAUGE, "How far this machine's clock was ahead of the gateway's.",
           lambda status, _now: one(status["clock"] and status["clock"]["ahead_seconds"])),
    Metric("delta_ils_tasks", Kind.GAUGE, "Loans for which the ILS has something to do.",
           lambda status, _now: one(status["tasks"])),
    Metric("delta_ils_up", Kind.GAUGE, "Whether the ILS is asked; it is left alone for a while after it was away.",
           lambda status, _now: one(status["ils"]["breaker"] == _CLOSED)),
    Metric("delta_ils_answer_p99_seconds", Kind.GAUGE, "How long 99 of 100 answers of the ILS took at most.",
           _latencies),
    Metric("delta_ils_tolerated_total", Kind.COUNTER, "Faults of the ILS's answers that were tolerated.",
           lambda status, _now: by("fault", status["ils"]["tolerances"])),
)


def metrics_text(status: Status, now: datetime) -> str:
    """Return the metrics of what the desk's ``/status`` says."""
    return exposition(METRICS, status, now)
