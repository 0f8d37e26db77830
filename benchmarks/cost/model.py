"""The arithmetic, and nothing else: traffic, prices and sizes in; workers and dollars out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

HOURS = 730.0
"""Of a month."""
_SECONDS = HOURS * 3600
_GB, _GIB, _TIB = 1e9, 2.0**30, 2.0**40
_LONG_TERM_MONTHS = 3.0
"""After so long a partition that nobody changed costs less."""


def _said(default: float, text: str) -> Any:
    return field(default=default, metadata={"text": text})


@dataclass(frozen=True)
class Traffic:
    """One event on average: what it is, what follows from it. Sizes in bytes."""

    event: float = _said(0, "a signal or outcome as a message")
    shuffled: float = _said(0, "a signal or outcome as it is shuffled")
    state: float = _said(0, "the state of a customer")
    decisions: float = _said(0, "decisions an event")
    decision: float = _said(0, "a decision as a message")
    decision_row: float = _said(0, "a decision as a row")
    feedback: float = _said(0, "feedback an event")
    feedback_message: float = _said(0, "feedback as a message")
    feedback_row: float = _said(0, "feedback as a row")
    sessions: float = _said(0, "sessions an event")
    session_row: float = _said(0, "a session as a row")

    @property
    def rows(self) -> float:
        """Bytes of rows an event."""
        return (
            self.decisions * self.decision_row
            + self.feedback * self.feedback_row
            + self.sessions * self.session_row
        )

    @property
    def messages(self) -> float:
        """Bytes of messages that an event leads to."""
        return self.decisions * self.decision + self.feedback * self.feedback_message


@dataclass(frozen=True)
class Assumptions:
    """What cannot be measured here: list prices in USD, to be checked against the price list, and a way to run."""

    cpu_ms: float = _said(0, "CPU of an event in a worker, ms")
    utilisation: float = _said(
        0.6, "share of the workers' CPU that is used; the rest is for peaks and catching up"
    )
    vcpus: float = _said(4, "vCPUs of a worker")
    memory_gb: float = _said(16, "GB of memory of a worker")
    disk_gb: float = _said(30, "GB of disk of a worker")
    least_workers: float = _said(2, "workers at the least")
    readers: float = _said(1, "subscriptions that read decisions and feedback")
    replay_days: float = _said(7, "days that signals and outcomes can be played again")
    kept_months: float = _said(25, "months that rows are kept")
    vcpu_hour: float = _said(0.069, "Dataflow streaming, a vCPU-hour")
    gb_hour: float = _said(0.003557, "Dataflow streaming, a GB-hour of memory")
    disk_gb_hour: float = _said(0.000054, "Dataflow, a GB-hour of disk")
    streaming_gb: float = _said(0.018, "Streaming Engine, a GB processed")
    pubsub_tib: float = _said(40.0, "Pub/Sub, a TiB published or delivered")
    retained_gib: float = _said(0.27, "Pub/Sub, a GiB-month retained")
    insert_gb: float = _said(0.05, "BigQuery streaming inserts, a GB (Storage Write API: 0.025)")
    stored_gb: float = _said(0.02, "BigQuery, a GB-month in the first 90 days")
    long_stored_gb: float = _said(0.01, "BigQuery, a GB-month after them")


@dataclass(frozen=True)
class Cost:
    """A month at one rate."""

    per_second: float
    workers: int
    decisions: float
    """A month."""
    usd: Mapping[str, float]
    """A month, by what it is for."""

    @property
    def total(self) -> float:
        """USD a month."""
        return sum(self.usd.values())

    @property
    def per_million(self) -> float:
        """USD a million decisions."""
        return self.total / self.decisions * 1e6 if self.decisions else math.nan


def cost(per_second: float, traffic: Traffic, given: Assumptions) -> Cost:
    """What a month costs once tables have grown as old as they get.

    Args:
      per_second: Signals and outcomes a second, on average.
      traffic: What one is and leads to.
      given: Prices, and how the job is run.

    Raises:
      ValueError: A number is one that nothing can be computed with.
    """
    if per_second <= 0 or not 0 < given.utilisation <= 1 or given.vcpus <= 0 or given.cpu_ms <= 0:
        raise ValueError("rate, CPU, vCPUs and utilisation are above 0, and utilisation is at most 1")
    events = per_second * _SECONDS
    workers = max(
        math.ceil(per_second * given.cpu_ms / 1000 / given.vcpus / given.utilisation),
        int(given.least_workers),
    )
    return Cost(
        per_second=per_second,
        workers=workers,
        decisions=events * traffic.decisions,
        usd={
            "workers": workers * HOURS * _worker_hour(given),
            "Streaming Engine": events * _processed(traffic) / _GB * given.streaming_gb,
            "Pub/Sub": _pubsub(events, traffic, given),
            "BigQuery inserts": events * traffic.rows / _GB * given.insert_gb,
            "BigQuery storage": _stored(events * traffic.rows / _GB, given),
        },
    )


def _worker_hour(given: Assumptions) -> float:
    return (
        given.vcpus * given.vcpu_hour + given.memory_gb * given.gb_hour + given.disk_gb * given.disk_gb_hour
    )


def _processed(traffic: Traffic) -> float:
    """Bytes an event that pass Streaming Engine: read, shuffled, state written, rows shuffled once more."""
    return traffic.event + traffic.shuffled + traffic.state + traffic.rows


def _pubsub(events: float, traffic: Traffic, given: Assumptions) -> float:
    came, left = events * traffic.event, events * traffic.messages
    moved = came * 2 + left * (1 + given.readers)
    kept = came * given.replay_days * 24 / HOURS
    return moved / _TIB * given.pubsub_tib + kept / _GIB * given.retained_gib


def _stored(gb_a_month: float, given: Assumptions) -> float:
    young = min(given.kept_months, _LONG_TERM_MONTHS)
    old = given.kept_months - young
    return gb_a_month * (young * given.stored_gb + old * given.long_stored_gb)


def with_values(given: Assumptions, values: Mapping[str, float | None]) -> Assumptions:
    """The assumptions with some said otherwise; None is not said."""
    known = {each.name for each in fields(given)}
    return replace(
        given, **{name: value for name, value in values.items() if name in known and value is not None}
    )
