"""The shipped bank in tests: its plan, and requests of customers whose circumstances a test names."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from models.engagement import EngagementPolicy
from models.gates import Gates
from models.plan.compiled import Plan
from models.plan.fields import feature_columns
from models.plan.load import load_plan
from models.plan.spec import PlanSpec
from schemas import ContextSnapshot, DecisionRequest, Direction, SessionSummary

FOLDER = Path(__file__).resolve().parent.parent / "models" / "catalogues" / "uk_bank"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

COMFORTABLE: Mapping[str, Any] = {
    "status": "active", "age": 40, "region": "wales", "uk_resident": True, "employment": "employed",
    "income_band": "50k_80k", "homeowner": True, "has_children": True, "brands": ("alderbrook",),
    "tenure_years": 8.0, "holdings": ("current_account",), "consent_marketing": True, "consent_email": True,
    "consent_sms": True, "vulnerable": False, "bereaved": False, "in_arrears": False,
    "financial_difficulty": False, "breathing_space": False, "complaint_open": False,
    "scam_victim_recently": False, "balance": 3_000.0, "savings_balance": 30_000.0,
    "disposable_income": 1_200.0, "card_utilisation": 0.2, "overdraft_days": 0, "credit_appetite": "high",
    "isa_allowance_left": 20_000.0, "card_expires_days": 400, "app_registered": True, "paperless": True,
    "address_confirmed": True, "mobile_confirmed": True, "identity_check_due": False,
    "new_card_inactive": False, "notice_owed": "none", "time_zone": "Europe/London",
}  # fmt: skip
"""A customer whom the bank may offer nearly anything."""


@cache
def spec() -> PlanSpec:
    """The plan as shipped."""
    return load_plan(FOLDER).spec


@cache
def policy() -> EngagementPolicy:
    """Its engagement policy, compiled."""
    return EngagementPolicy.of(spec(), feature_columns(spec()))


def request(
    customer: Mapping[str, Any], features: Mapping[str, float] | None = None, **fields: Any
) -> DecisionRequest:
    """A request of this customer; features not named are 0."""
    values = tuple((features or {}).get(name, 0.0) for name in feature_columns(spec()))
    session = SessionSummary(session_id="s", number=1, started_at=NOON, last_at=NOON, events=3)
    known = {name: value for name, value in customer.items() if value is not None}
    context = ContextSnapshot(sequence=1, session=session, customer=known, features=values)
    defaults = {
        "decision_id": "d", "signal_id": "s", "customer_id": "c", "requested_at": NOON, "brand": "alderbrook",
        "channel": "web", "direction": Direction.INBOUND, "placements": ("web_home_hero",),
        "context": context, "plan_digest": "p",
    }  # fmt: skip
    return DecisionRequest(**defaults | fields)


def verdicts(asked: DecisionRequest) -> dict[str, str | None]:
    """By action: the rule that removes it, or None."""
    rules = policy().rules
    removed = policy().apply(asked)
    actions = [action.id for action in spec().actions]
    return {
        action: rules[index].id if index >= 0 else None
        for action, index in zip(actions, removed, strict=True)
    }


@cache
def gates() -> Gates:
    """Its gates, compiled."""
    return Gates.of(spec(), feature_columns(spec()))


def offerable(asked: DecisionRequest, channel: str, **scope: str) -> set[str]:
    """Actions let through that no gate refuses in this channel, neither whole nor in all their treatments."""
    refused, parts = gates().refused(asked, channel), gates().refused_treatments(asked, channel)
    said = {name for name, place in spec().placements.items() if place.channel == channel}
    found = set()
    for index, action in enumerate(spec().actions):
        open_here = [
            treatment.id
            for treatment in action.treatments
            if said.intersection(treatment.placements) and treatment.id not in parts.get(index, {})
        ]
        if open_here and not any(bits >> index & 1 for _, bits in refused):
            found.add(action.id)
    return found & let_through(asked, **scope)


def let_through(asked: DecisionRequest, **scope: str) -> set[str]:
    """Actions no rule removes, of those in the scope: issue=, group= or message_class=."""
    kept = {action for action, rule in verdicts(asked).items() if rule is None}
    return kept & {action.id for action in spec().actions if _within(action, scope)}


def _within(action: Any, scope: Mapping[str, str]) -> bool:
    facts = {
        "issue": spec().groups[action.group].issue,
        "group": action.group,
        "message_class": action.message_class.value,
    }
    return all(facts[name] == value for name, value in scope.items())


def plan_with(folder: Path, **changes: Any) -> Plan:
    """A copy of the bank in `folder`, its plan.yaml changed: maps are merged, all else is replaced."""
    shutil.copytree(FOLDER, folder)
    file = folder / "plan.yaml"
    plan = yaml.safe_load(file.read_text("utf-8"))
    file.write_text(yaml.safe_dump(_merged(plan, changes), sort_keys=False), "utf-8")
    return Plan.load(folder)


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, Mapping)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
