"""Every metric of ours, in one table: code counts by it; dashboard, objectives, alerts and documents are tested by it.

Names are unique by themselves: the monitoring of Dataflow knows a counter by its name only
(`dataflow.googleapis.com/job/user_counter`, label `metric_name`), not by its namespace.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from models.folds import Counted, Noticed
from models.observability.ladders import LADDERS, Ladder
from schemas.dead_letter import Reason

NAMESPACE = "nextbeam"
"""Beam's namespace of all of them."""


class Kind(StrEnum):
    """What a metric is to Beam. Counters only: of them every runner keeps all."""

    COUNTER = "counter"


class Reader(StrEnum):
    """Who rests on a metric."""

    ACCOUNTS = "accounts"
    """The summary of a run and of a local job."""
    DASHBOARD = "dashboard"
    SLO = "slo"
    ALERT = "alert"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
      name: As monitoring knows it.
      unit: What one is; for ladders the unit of the bounds is in the name.
      counts: What it counts.
      readers: Who rests on it.
    """

    name: str
    unit: str
    counts: str
    readers: tuple[Reader, ...] = ()
    kind: Kind = Kind.COUNTER


_A, _D, _S, _L = Reader.ACCOUNTS, Reader.DASHBOARD, Reader.SLO, Reader.ALERT

AREAS = ("signals", "outcomes")
DECODING_REASONS: tuple[Reason, ...] = tuple(
    reason
    for reason in Reason
    if reason
    not in {
        Reason.TOO_LATE,
        Reason.UNATTRIBUTED,
        Reason.STATE_UNREADABLE,
        Reason.HOUSEHOLD_FULL,
        Reason.ROW_INVALID,
        Reason.ROW_REJECTED,
        Reason.RECORD_TOO_LARGE,
    }
)
"""Why a payload can fail to be an event."""


def read(area: str) -> str:
    """The metric of what came in."""
    return f"{area}_read"


def rejected(area: str, reason: Reason | None = None) -> str:
    """The metric of what could not be decoded, all or for one reason."""
    return f"{area}_rejected" if reason is None else f"{area}_rejected_{reason}"


SIGNALS_SKIPPED = "signals_skipped"
ACCOUNTED: Mapping[Counted, str] = MappingProxyType(
    {
        Counted.DECIDED: "events_decided",
        Counted.OBSERVED: "events_observed",
        Counted.DUPLICATE: "events_duplicate",
        Counted.DEAD: "events_dead_lettered",
    }
)
NOTICED: Mapping[Noticed, str] = MappingProxyType({Noticed.ERASED: "customers_erased"})
HEARTBEATS_ANSWERED = "heartbeats_answered"
STATE_UNREADABLE = "state_unreadable"
ROWS_REFUSED = "sink_rows_refused"
MESSAGES_REFUSED = "sink_messages_refused"
SINK_RETRIES = "sink_retries"
PLAN_RELOADED = "plan_reloaded"
PLAN_REFUSED = "plan_refused"

_SLO_RUNGS = {"decision_latency_le_1000ms", "decision_compute_le_50ms"}


def _decoding() -> Iterator[Metric]:
    for area in AREAS:
        yield Metric(read(area), "payloads", f"{area} that came in", (_A, _D, _S, _L))
        yield Metric(
            rejected(area), "payloads", f"{area} that could not be decoded: dead letters", (_A, _D, _S, _L)
        )
    yield Metric(SIGNALS_SKIPPED, "rows", "rows that the import mapping leaves out by its own rule", (_A, _L))
    for area in AREAS:
        for reason in DECODING_REASONS:
            yield Metric(rejected(area, reason), "payloads", f"those of {rejected(area)} with this reason")


def _folding() -> Iterator[Metric]:
    told = {
        Counted.DECIDED: "events that asked for a decision and got one",
        Counted.OBSERVED: "events that were recorded",
        Counted.DUPLICATE: "events dropped as seen before",
        Counted.DEAD: "events refused after decoding, with a reason: dead letters",
    }
    for way, name in ACCOUNTED.items():
        readers = (_A, _D, _S, _L) if way is Counted.DEAD else (_A, _D, _L)
        yield Metric(name, "events", told[way], readers)
    yield Metric(
        NOTICED[Noticed.ERASED],
        "customers",
        "customers erased by a signal: an observed event that was no repeat",
    )
    yield Metric(
        HEARTBEATS_ANSWERED, "heartbeats", "synthetic signals that came through and were answered", (_D, _L)
    )
    yield Metric(STATE_UNREADABLE, "events", "events and timers that met a state nobody could decode", (_D,))


def _around() -> Iterator[Metric]:
    yield Metric(ROWS_REFUSED, "rows", "rows that BigQuery did not or would not take: dead letters", (_D,))
    yield Metric(MESSAGES_REFUSED, "records", "records too large for a message: dead letters", (_D,))
    yield Metric(SINK_RETRIES, "requests", "requests to BigQuery that were tried again", (_D,))
    yield Metric(
        PLAN_RELOADED, "plans", "plans that took the place of another while running, once per worker", (_D,)
    )
    yield Metric(PLAN_REFUSED, "plans", "plans that were not good enough to, once per worker", (_D,))


def _rungs(ladder: Ladder) -> Iterator[Metric]:
    objective = any(name in _SLO_RUNGS for name in ladder.names())
    for bound in ladder.bounds:
        name = ladder.rung(bound)
        yield Metric(
            name,
            "decisions",
            f"those of {ladder.total} of at most {bound} {ladder.unit}",
            (_D, _S) if name in _SLO_RUNGS else (_D,),
        )
    yield Metric(ladder.total, "decisions", ladder.counts, (_D, _S) if objective else (_D,))


def _table() -> Iterator[Metric]:
    yield from _decoding()
    yield from _folding()
    yield from _around()
    for ladder in LADDERS:
        yield from _rungs(ladder)


METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _table()})
"""The table, by name."""


def read_by(reader: Reader) -> frozenset[str]:
    """Names of the metrics that somebody rests on."""
    return frozenset(name for name, metric in METRICS.items() if reader in metric.readers)
