"""Rows for the analysts' views, made by hand: what a test does not name is plain."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pipelines.locate import OUTPUTS
from pipelines.sql.limits import PLAN_LIMITS, PlanLimit
from pipelines.sql.local import create_limits, create_views, prepare
from schemas import DeadLetter, Decision, Feedback, SessionContext
from schemas.arrow import arrow_schema
from schemas.dead_letter import Reason
from schemas.rows import rows

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday."""

Row = dict[str, Any]


def at(hours: float) -> datetime:
    """So many hours after the start."""
    return START + timedelta(hours=hours)


def offer(action: str = "isa", **fields: Any) -> Row:
    """An offer; its rank is its place in the decision."""
    plain = {
        "placement": "hero", "slot": 1, "action": action, "treatment": f"{action}-tile", "issue": "grow",
        "group": "savings", "channel": "web", "message_class": "marketing", "propensity": 0.1, "context_weight": 1.0,
        "value": 20.0, "lever": 1.0, "priority": 2.0,
    }  # fmt: skip
    return plain | fields


def candidate(action: str, rank: int, stage: str = "Output", **fields: Any) -> Row:
    """An action that engagement policy let through."""
    plain = {
        "action": action, "rank": rank, "propensity": 0.1, "context_weight": 1.0, "value": 20.0, "lever": 1.0,
        "priority": 2.0, "stage": stage,
    }  # fmt: skip
    return plain | fields


def decision(name: str, hours: float = 0.0, offers: Sequence[Row] = (), **fields: Any) -> Decision:
    """A decision of this id."""
    session = {"session_id": "s1", "number": 1, "started_at": START, "last_at": at(hours), "events": 1}
    context = {"sequence": 1, "session": session | fields.pop("session", {}), "customer": {}, "features": []}
    plain = {
        "decision_id": name, "signal_id": f"signal-{name}", "customer_id": "ana", "decided_at": at(hours),
        "brand": "alder", "channel": "web", "direction": "inbound", "page": "home", "placements": ["hero"],
        "offers": [{"rank": rank, **each} for rank, each in enumerate(offers, 1)], "ranked": [], "removed": [],
        "no_action": None, "attributes": {}, "context": context, "ledger_sequence": 1, "ledger_since": START,
        "plan_digest": "plan", "model_digest": "model", "trigger": None,
    }  # fmt: skip
    return msgspec.convert(plain | fields, Decision)


def answer(name: str, outcome: str, hours: float = 1.0, **fields: Any) -> Feedback:
    """What became of the first offer of a decision; `name` is the id of the decision."""
    labels = {"Clicked": True, "Accepted": True, "Conversion": True, "Rejected": False, "NoResponse": False}
    plain = {
        "feedback_id": f"{name}-{outcome}", "decision_id": name, "customer_id": "ana", "rank": 1, "action": "isa",
        "treatment": "isa-tile", "issue": "grow", "group": "savings", "channel": "web", "brand": "alder",
        "placement": "hero", "message_class": "marketing", "outcome": outcome, "occurred_at": at(hours),
        "decided_at": START, "delay_s": hours * 3600, "label": labels.get(outcome),
        "contact": "released" if outcome in ("Bounced", "Expired") else "committed", "propensity": 0.1, "value": None,
        "plan_digest": "plan", "model_digest": "model", "ledger_sequence": 2, "ledger_since": START,
    }  # fmt: skip
    return msgspec.convert(plain | fields, Feedback)


def visit(name: str = "s1", hours: float = 0.0, **fields: Any) -> SessionContext:
    """A session of an hour."""
    plain = {
        "session_id": name, "customer_id": "ana", "number": 1, "started_at": at(hours), "ended_at": at(hours + 1),
        "duration_s": 3600.0, "events": 3, "by_type": [], "channels": ["web"], "brands": ["alder"], "devices": 1,
        "decisions": 1, "features": [],
    }  # fmt: skip
    return msgspec.convert(plain | fields, SessionContext)


def letter(
    reason: Reason = Reason.BAD_TIME, hours: float | None = 0.0, customer: str | None = None
) -> DeadLetter:
    """A refused input of ten bytes."""
    when = None if hours is None else at(hours)
    detail = {"reason": reason, "step": "DecodeSignals", "detail": "$.occurred_at"}
    return DeadLetter.of(b"0123456789", **detail, occurred_at=when, customer_id=customer)


def ask(view: str, *records: msgspec.Struct, limits: Sequence[PlanLimit] = (), sql: str = "") -> list[Row]:
    """The rows of a view over these records, ordered by its first columns; `sql` asks something else of it."""
    with duckdb.connect() as connection:
        prepare(connection)
        for name, contract in OUTPUTS.items():
            own = [rows(contract)(each) for each in records if isinstance(each, contract)]
            connection.register(f"{name}_rows", pa.Table.from_pylist(own, schema=arrow_schema(contract)))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")
        create_limits(connection, limits)
        create_views(connection, [view], [*OUTPUTS, PLAN_LIMITS])
        cursor = connection.execute(sql or f"SELECT * FROM {view} ORDER BY ALL")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def some(found: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """Only these columns."""
    return [tuple(row[name] for name in names) for row in found]
