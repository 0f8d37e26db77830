"""Small plans and events for tests of sessions, windows and features."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from models.context import ContextFold
from models.context.state import ContextState
from models.folds import Output, advance
from models.plan.spec import PlanSpec
from models.times import NEVER, Micros, moment
from schemas import Outcome, SessionContext, Signal

START: Micros = 1_790_000_000_000_000
"""A Monday in September 2026, 13:33:20 UTC."""

VOCABULARY = {
    "signal_types": ["view", "buy", "drop", "clear", "page_view", "page_ping", "payment", "profile"],
    "attributes": {
        "amount": {"type": "number"},
        "item": {"type": "string"},
        "flag": {"type": "boolean"},
        "page_view_id": {"type": "string"},
    },
    "customer": {
        "age": {"type": "integer"},
        "tier": {"type": "string"},
        "consent": {"type": "boolean"},
        "owned": {"type": "strings"},
    },
}


def plan(
    features: Iterable[Mapping[str, Any]] = (), session: Mapping[str, Any] | None = None, **more: Any
) -> PlanSpec:
    """A plan with one action, and what is given."""
    action = {
        "id": "a",
        "group": "g",
        "value": 1,
        "treatments": [{"id": "t", "placements": ["hero"]}],
    }
    parts = {
        "plan": "nextbeam/1",
        "name": "test",
        "brands": ["north", "south"],
        "channels": {"web": {"direction": "inbound"}, "email": {"direction": "outbound"}},
        "vocabulary": VOCABULARY,
        "placements": {"hero": {"channel": "web"}, "body": {"channel": "email"}, "anywhere": {}},
        "issues": {"i": {}},
        "groups": {"g": {"issue": "i"}},
        "actions": [action],
        "features": list(features),
        "session": session or {},
    }
    return msgspec.convert({**parts, **more}, PlanSpec)


def fold_of(*features: Mapping[str, Any], **more: Any) -> ContextFold:
    """The context fold of `plan(features, **more)`."""
    return ContextFold.of(plan(features, **more), "digest")


def signal(at: Micros, name: str | None = None, kind: str = "view", **more: Any) -> Signal:
    """A signal `at` microseconds after START."""
    fields = {"channel": "web", "brand": "north", "customer_id": "ana"} | more
    return Signal(signal_id=name or f"s{at}", occurred_at=moment(START + at), type=kind, **fields)


def outcome(at: Micros, name: str, kind: str = "Clicked", **more: Any) -> Outcome:
    """An outcome `at` microseconds after START."""
    return Outcome(outcome_id=name, customer_id="ana", occurred_at=moment(START + at), kind=kind, **more)


def run(
    fold: ContextFold, events: Iterable[Signal | Outcome], *, end: bool = False
) -> tuple[ContextState, list[Output]]:
    """State and outputs after the events in the order given, through encoded states as a host would."""
    data, outputs = fold.encode(fold.initial()), []
    for event in events:
        state, new = advance(fold, fold.decode(data), fold.decode_event(fold.encode_event(event)))
        data, outputs = fold.encode(state), outputs + new
    if end:
        state, new = fold.expire(fold.decode(data), NEVER)
        return state, outputs + new
    return fold.decode(data), outputs


def sessions_of(outputs: Iterable[Output]) -> list[SessionContext]:
    """The session records among outputs."""
    return [output for output in outputs if isinstance(output, SessionContext)]


def feature(fold: ContextFold, state: ContextState, at: Micros) -> float:
    """The only feature of the plan, `at` microseconds after START."""
    (value,) = fold.features_at(state, START + at)
    return value
