"""What there is in Pub/Sub and BigQuery, by name and setting: one list, for every way to create it. Only data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas.derive import GENERATED

SIGNALS, OUTCOMES = "signals", "outcomes"
DECISIONS, FEEDBACK = "decisions", "feedback"
DEAD_LETTER = "dead-letter"
"""What the pipeline could not process, in the envelope of `DeadLetter`."""
UNDELIVERED = "undelivered"
"""What a consumer of ours refused again and again, as it was: no envelope, so not among the dead letters."""

HEARTBEATS = "heartbeats"
"""Answers to heartbeats: no channel reads them."""

DAY = timedelta(days=1)
_LABELS = {"app": "nextbeam"}


@dataclass(frozen=True)
class Names:
    """How everything is called. A prefix keeps several sets apart in one project, e.g. those of tests."""

    project: str
    dataset: str = "nextbeam"
    prefix: str = ""

    def topic(self, name: str) -> str:
        """The full name of a topic, e.g. of `SIGNALS`."""
        return f"projects/{self.project}/topics/{self.prefix}{name}"

    def subscription(self, name: str) -> str:
        """The full name of a subscription, e.g. of `signals-decisioning`."""
        return f"projects/{self.project}/subscriptions/{self.prefix}{name}"

    def schema(self, contract: str) -> str:
        """The full name of a contract's Pub/Sub schema, e.g. of `signal`."""
        return f"projects/{self.project}/schemas/{self.prefix}{contract}"

    def table(self, name: str) -> str:
        """The full name of a table, as SQL has it."""
        return f"{self.project}.{self.dataset}.{name}"


@dataclass(frozen=True)
class Topic:
    """A stream of messages; `contract` is what one holds, None for what is not ours."""

    name: str
    contract: str | None
    retention: timedelta | None = None
    """How long what was published can be played again, whoever has read it."""


@dataclass(frozen=True)
class Subscription:
    """Who reads a topic. Neither ordered nor exactly-once: readers of ours are idempotent, and both cost latency."""

    name: str
    topic: str
    ack_deadline_s: int = 60
    retention: timedelta = 7 * DAY
    attempts: int | None = None
    """Deliveries before a message goes to `UNDELIVERED`; None: the reader itself never refuses one."""
    expires: timedelta | None = None
    """It is deleted when nobody has read it for so long; None: never."""


@dataclass(frozen=True)
class Table:
    """Rows of one contract, partitioned by day.

    `partitioned_by` is the column of the event time; None: the day of arrival.
    """

    name: str
    contract: str
    partitioned_by: str | None
    clustered_by: tuple[str, ...]

    def columns(self) -> list[dict[str, Any]]:
        """The derived BigQuery columns."""
        found: list[dict[str, Any]] = json.loads(derived(f"{self.contract}.bigquery.json"))
        return found


TOPICS = (
    Topic(SIGNALS, "signal", retention=7 * DAY),
    Topic(OUTCOMES, "outcome", retention=7 * DAY),
    Topic(DECISIONS, "decision"),
    Topic(FEEDBACK, "feedback"),
    Topic(DEAD_LETTER, "dead_letter"),
    Topic(UNDELIVERED, None),
    Topic(HEARTBEATS, "heartbeat"),
)

# Of the pipeline's own two: it acknowledges what it has made a dead letter, so nothing is ever refused.
SUBSCRIPTIONS = (
    Subscription("signals-decisioning", SIGNALS),
    Subscription("outcomes-decisioning", OUTCOMES),
    Subscription("decisions-channels", DECISIONS, ack_deadline_s=30, attempts=5),
    Subscription("dead-letter-review", DEAD_LETTER, ack_deadline_s=600),
    Subscription("undelivered-review", UNDELIVERED, ack_deadline_s=600),
    Subscription("heartbeats-watch", HEARTBEATS, ack_deadline_s=10, retention=DAY / 24),
)

TABLES = (
    Table("decisions", "decision", "decided_at", ("customer_id", "brand", "channel")),
    Table("feedback", "feedback", "occurred_at", ("customer_id", "brand", "action")),
    Table("sessions", "session_context", "ended_at", ("customer_id",)),
    # Their event time is what may be wrong with them: BigQuery refuses rows of years to come in a partition.
    Table("dead_letters", "dead_letter", None, ("reason", "step")),
)


@dataclass(frozen=True)
class Resources:
    """Everything to create, under its names."""

    names: Names
    topics: tuple[Topic, ...] = TOPICS
    subscriptions: tuple[Subscription, ...] = SUBSCRIPTIONS
    tables: tuple[Table, ...] = TABLES
    labels: Mapping[str, str] = field(default_factory=lambda: dict(_LABELS))
    location: str = "europe-west2"

    @classmethod
    def of(
        cls, names: Names, *, watchers: Iterable[str] = (), labels: Mapping[str, str] | None = None
    ) -> "Resources":
        """Those of the pipeline; each watcher, e.g. a live page, reads along under `<topic>-<watcher>`.

        What watchers have not read is kept for an hour only, and their subscriptions go when they have been away a day.
        """
        along = tuple(
            Subscription(f"{topic.name}-{watcher}", topic.name, retention=DAY / 24, expires=DAY)
            for watcher in watchers
            for topic in TOPICS
            if topic.contract
        )
        return cls(names, subscriptions=SUBSCRIPTIONS + along, labels={**_LABELS, **(labels or {})})

    def contracts(self) -> tuple[str, ...]:
        """What the topics hold, each with a Pub/Sub schema."""
        return tuple(topic.contract for topic in self.topics if topic.contract)


def derived(name: str) -> str:
    """The text of a file derived from the contracts."""
    return (GENERATED / name).read_text("utf-8")
