"""What a program shows of itself to Prometheus: the text exposition format, version 0.0.4.

Each program has a table of metrics, each row a pure function of its status. Never with anything about a reader.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Status = Mapping[str, Any]
"""A program's status, as its JSON has it."""
Samples = Iterable[tuple[Mapping[str, str], float | None]]
"""Labels and values; one that is ``None`` is not known now and is left out."""


class Kind(StrEnum):
    """A counter only grows, until its program or its database begins anew."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True)
class Metric:
    """A row: ``samples`` finds the values in the status; times are measured from the moment it is given."""

    name: str
    kind: Kind
    help: str
    samples: Callable[[Status, datetime], Samples]


def one(value: float | None) -> Samples:
    """Return the only value of a metric without labels."""
    return [({}, value)]


def by(label: str, values: Mapping[str, float]) -> Samples:
    """Return a value for each name of a label, in the order of the names."""
    return [({label: name}, values[name]) for name in sorted(values)]


def seconds_until(moment: str | None, now: datetime) -> float | None:
    """Return how long it is until a moment, less than zero where it has passed."""
    return (datetime.fromisoformat(moment) - now).total_seconds() if moment else None


def exposition(metrics: Iterable[Metric], status: Status, now: datetime) -> str:
    """Return the metrics of a status as text."""
    return "".join(f"{line}\n" for metric in metrics for line in _lines(metric, status, now))


def _lines(metric: Metric, status: Status, now: datetime) -> Iterator[str]:
    yield f"# HELP {metric.name} {_escaped(metric.help)}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples(status, now):
        if value is not None:
            yield f"{metric.name}{_shown(labels)} {float(value):.15g}"


def _shown(labels: Mapping[str, str]) -> str:
    quoted = ",".join(f'{name}="{_escaped(value, quote=True)}"' for name, value in labels.items())
    return f"{{{quoted}}}" if quoted else ""


def _escaped(text: str, *, quote: bool = False) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quote else escaped
