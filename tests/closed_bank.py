"""A small bank for tests of duty of care, availability and quiet hours: plans and requests in a line each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from models.engagement import EngagementPolicy
from models.gates import Gates
from models.plan.fields import feature_columns
from models.plan.spec import PlanSpec
from schemas import ContextSnapshot, DecisionRequest, SessionSummary

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ACTIONS: Mapping[str, tuple[str, str]] = {
    "loan": ("lending", "marketing"),
    "card": ("lending", "marketing"),
    "saver": ("deposits", "marketing"),
    "fraud-alert": ("care", "service"),
    "terms": ("care", "regulatory"),
}
"""Group and class by action. Each has a treatment ACTION-web for the hero and ACTION-out for mail and text."""
MARKETING = ("loan", "card", "saver")
OTHERS = ("fraud-alert", "terms")


def plan(*, actions: Mapping[str, Mapping[str, Any]] | None = None, **changes: Any) -> PlanSpec:
    """A plan in which `actions` have these keys besides; `treatment` changes their treatment for mail and text."""
    more = actions or {}
    parts: dict[str, Any] = {
        "plan": "nextbeam/1",
        "name": "closed bank",
        "time_zone": "Europe/London",
        "brands": ["harbour", "meadow"],
        "channels": {
            "web": {"direction": "inbound"},
            "mail": {"direction": "outbound"},
            "text": {"direction": "outbound"},
        },
        "vocabulary": {"signal_types": ["page_view"], "customer": {"age": {"type": "integer"}}},
        "placements": {
            "hero": {"channel": "web"},
            "letter": {"channel": "mail"},
            "message": {"channel": "text"},
        },
        "issues": {"grow": {}, "help": {}},
        "groups": {"lending": {"issue": "grow"}, "deposits": {"issue": "grow"}, "care": {"issue": "help"}},
        "actions": [_action(name, more.get(name, {})) for name in ACTIONS],
    }
    return msgspec.convert(parts | changes, PlanSpec)


def _action(name: str, more: Mapping[str, Any]) -> dict[str, Any]:
    group, message_class = ACTIONS[name]
    said = {"id": f"{name}-out", "placements": ["letter", "message"], **more.get("treatment", {})}
    return {
        "id": name,
        "group": group,
        "message_class": message_class,
        "value": 10.0,
        "treatments": [{"id": f"{name}-web", "placements": ["hero"]}, said],
        **{key: value for key, value in more.items() if key != "treatment"},
    }


def request(
    customer: Mapping[str, Any] | None = None, *, at: datetime = NOON, **fields: Any
) -> DecisionRequest:
    """A request of the brand harbour on the web, about a customer with these facts."""
    session = SessionSummary(session_id="s", number=1, started_at=at, last_at=at, events=1)
    context = ContextSnapshot(sequence=1, session=session, customer=dict(customer or {}), features=())
    defaults: dict[str, Any] = {
        "decision_id": "d", "signal_id": "s", "customer_id": "c", "requested_at": at, "brand": "harbour",
        "channel": "web", "direction": "inbound", "placements": ("hero",), "context": context,
        "plan_digest": "p",
    }  # fmt: skip
    return DecisionRequest(**defaults | fields)


def removed(spec: PlanSpec, asked: DecisionRequest) -> dict[str, str]:
    """By action that engagement policy removes: the rule."""
    policy = EngagementPolicy.of(spec, feature_columns(spec))
    return {
        action.id: policy.rules[rule].id
        for action, rule in zip(spec.actions, policy.apply(asked), strict=True)
        if rule >= 0
    }


def gates(spec: PlanSpec) -> Gates:
    """The plan's gates."""
    return Gates.of(spec, feature_columns(spec))


def refused(spec: PlanSpec, asked: DecisionRequest, channel: str) -> dict[str, str]:
    """By action that a gate refuses whole in a channel: the first rule."""
    built, found = gates(spec), {}
    for rule, bits in built.refused(asked, channel):
        for index, action in enumerate(spec.actions):
            if bits >> index & 1:
                found.setdefault(action.id, built.rules[rule][1])
    return found


def refused_treatments(spec: PlanSpec, asked: DecisionRequest, channel: str) -> dict[str, str]:
    """By treatment that a gate refuses in a channel: the rule."""
    built = gates(spec)
    return {
        treatment: built.rules[rule][1]
        for by_treatment in built.refused_treatments(asked, channel).values()
        for treatment, rule in by_treatment.items()
    }
