"""Service level objectives and alerts, as data: documents and Terraform are tested against it, in both directions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from models.folds import Counted
from models.observability.ladders import DECISION_COMPUTE, DECISION_LATENCY
from models.observability.metrics import (
    ACCOUNTED,
    HEARTBEATS_ANSWERED,
    SIGNALS_SKIPPED,
    read,
    rejected,
)
from schemas import Reason

Urgency = Literal["page", "ticket"]

WINDOW_DAYS = 28
"""Of every objective: whole weeks, so that each window holds the same days of the week."""

OLDEST_UNACKED = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
LOGGED = "logging.googleapis.com/log_entry_count"
_JOB = "dataflow.googleapis.com/job"
UNDELIVERED = "pubsub.googleapis.com/subscription/num_undelivered_messages"
HEARTBEAT_AGE = "logging.googleapis.com/user/nextbeam_heartbeat_age"
"""A distribution over log lines whose event is `heartbeat`: of a counter of a job the platform makes no objective."""
QUALITY_SCANS = "logging.googleapis.com/user/nextbeam_quality_scans"

TOLD: Mapping[str, tuple[str, tuple[Reason, ...]]] = MappingProxyType(
    {
        "step_failed": ("step_failed", ()),
        "state_unreadable": ("state_unreadable", ()),
        "plan_refused": ("plan_refused", ()),
        "sink_rows_refused": ("dead_letter", (Reason.ROW_INVALID, Reason.ROW_REJECTED)),
        "sink_messages_refused": ("dead_letter", (Reason.RECORD_TOO_LARGE,)),
    }
)
"""Alerts that ring at the first case, each on lines of one event, of these reasons if it names any.

On lines, not on counters: a counter of a job has no series before it first counts, so that from none to one is no
growth; and a bundle that fails takes its counters with it.
"""


@dataclass(frozen=True)
class Objective:
    """One objective: the share of `total` that is good, over the window.

    Either `good` or `bad` names what is counted; the names of several metrics stand for their sum. One without either
    rests on a metric of the platform: `windows` says what of it is good.
    """

    name: str
    goal: float
    promises: str
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    platform: str | None = None
    windows: str = ""


READ = tuple(read(area) for area in ("signals", "outcomes"))
DEAD = (*(rejected(area) for area in ("signals", "outcomes")), ACCOUNTED[Counted.DEAD])

OBJECTIVES = (
    Objective(
        "decision_latency",
        0.99,
        "a decision leaves at most 1 s after its signal was published",
        good=(DECISION_LATENCY.rung(1000),),
        total=(DECISION_LATENCY.total,),
    ),
    Objective(
        "decision_compute",
        0.999,
        "the fold takes at most 50 ms over an event that asks for a decision",
        good=(DECISION_COMPUTE.rung(50),),
        total=(DECISION_COMPUTE.total,),
    ),
    Objective(
        "freshness",
        0.995,
        "the oldest message that waits for the job is younger than 5 s",
        platform=OLDEST_UNACKED,
        windows="windows of 5 min whose mean age is below 5 s",
    ),
    Objective(
        "heartbeat_latency",
        0.99,
        "a heartbeat is answered at most 1 s after it was published",
        platform=HEARTBEAT_AGE,
        windows="heartbeats of at most 1000 ms",
    ),
    Objective(
        "accounted_for",
        0.995,
        "the tables tell one story of each event, and no contact limit is exceeded",
        platform=QUALITY_SCANS,
        windows="hourly scans in which every rule holds",
    ),
    Objective(
        "dead_letters",
        0.999,
        "what comes in becomes no dead letter",
        bad=DEAD,
        total=READ,
    ),
)


@dataclass(frozen=True)
class Burn:
    """An alert on how fast an error budget is spent: both windows have to agree, so that it ends soon after its cause.

    At `rate` 1 the budget lasts the whole window of the objective.
    """

    name: str
    rate: float
    long_s: int
    short_s: int
    urgency: Urgency


BURNS = (
    Burn("fast_burn", 14.4, 3600, 300, "page"),
    Burn("slow_burn", 6.0, 21600, 1800, "ticket"),
)


@dataclass(frozen=True)
class Alert:
    """One alert: what it means, and what it reads."""

    name: str
    urgency: Urgency
    means: str
    metrics: tuple[str, ...] = ()
    """Of ours."""
    platform: str | None = None
    """Metric of the platform, where it rests on one."""


def _told(name: str, urgency: Urgency, means: str) -> Alert:
    """One of `TOLD`."""
    return Alert(name, urgency, means, platform=f"logging.googleapis.com/user/nextbeam_{name}")


CAUSES = (
    Alert("heartbeat_absent", "page", "no heartbeat has been answered for 5 minutes", (HEARTBEATS_ANSWERED,)),
    Alert(
        "accounts_gap",
        "page",
        "what came in is not what was decided, observed, dropped as a duplicate or refused, for 30 minutes",
        (*READ, SIGNALS_SKIPPED, *(rejected(area) for area in ("signals", "outcomes")), *ACCOUNTED.values()),
    ),
    _told("state_unreadable", "page", "the state of a customer cannot be decoded"),
    _told("plan_refused", "ticket", "a worker refused a new plan; the last good one decides on"),
    _told("sink_rows_refused", "ticket", "BigQuery does not take rows of ours"),
    _told("sink_messages_refused", "ticket", "records are too large to publish"),
    _told("step_failed", "page", "a step of the job fails, and its bundle is tried again"),
    Alert("worker_errors", "ticket", "workers log many errors", platform=LOGGED),
    Alert(
        "job_absent",
        "page",
        "no job runs: it was drained, cancelled or never launched",
        platform=f"{_JOB}/system_lag",
    ),
    Alert("job_failed", "page", "the job has failed: nobody decides", platform=f"{_JOB}/is_failed"),
    Alert("backlog_age", "page", "a message has waited for the job for minutes", platform=OLDEST_UNACKED),
    Alert("system_lag", "ticket", "an element has been in the job for long", platform=f"{_JOB}/system_lag"),
    Alert(
        "watermark_age",
        "ticket",
        "the job's event time is behind: sessions end late, and silence is told late",
        platform=f"{_JOB}/data_watermark_age",
    ),
    Alert(
        "at_the_ceiling", "ticket", "the job has all the vCPUs it may", platform=f"{_JOB}/current_num_vcpus"
    ),
    Alert("dead_letters_waiting", "ticket", "dead letters wait to be looked at", platform=UNDELIVERED),
    Alert(
        "undelivered_messages",
        "ticket",
        "a consumer of decisions has refused messages for good",
        platform=UNDELIVERED,
    ),
    Alert(
        "quality_scan_failed",
        "page",
        "something is told twice, a contact limit was exceeded, or a plan's limits are not known",
        platform=QUALITY_SCANS,
    ),
)


def alerts() -> Iterator[Alert]:
    """Every alert: two per objective, then those on causes and on absence."""
    for objective in OBJECTIVES:
        for burn in BURNS:
            yield Alert(
                f"{objective.name}_{burn.name}",
                burn.urgency,
                f"the budget of {objective.name} is spent {burn.rate:g} times too fast",
                (*objective.good, *objective.bad, *objective.total),
                objective.platform,
            )
    yield from CAUSES
