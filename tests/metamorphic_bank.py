"""A small bank whose plan and history can be changed a little, and what the change does to its contacts.

Requests ask for one placement each, so that all slots of a request are open to the same actions: the statements of
`test_metamorphic_policy` are theorems for such requests, and say where they end.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import yaml
from hypothesis import strategies as st

from models.folds import advance
from models.ledger import key_of
from models.plan.canonical import canonical
from models.plan.compiled import Plan
from models.plan.load import Loaded
from models.plan.spec import PlanSpec
from schemas import Decision, MessageClass, Outcome, OutcomeKind, Signal

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
"""A Monday, nine in the morning."""
DIGEST = "d" * 16
"""Of every plan here, so that the same signal has the same decision id under all of them."""

ACTIONS: Mapping[str, tuple[str, str, float, tuple[str, ...]]] = {
    # group, class, value, placements
    "loan": ("lending", "marketing", 90, ("hero", "tile", "letter")),
    "card": ("lending", "marketing", 70, ("hero", "tile", "letter", "message")),
    "saver": ("deposits", "marketing", 50, ("tile", "letter", "message")),
    "bond": ("deposits", "marketing", 30, ("hero", "tile")),
    "notice": ("care", "service", 40, ("hero", "tile", "letter", "notice")),
    "terms": ("care", "regulatory", 20, ("message", "notice")),
}
MARKETING = tuple(name for name, row in ACTIONS.items() if row[1] == "marketing")
PLACEMENTS = ("hero", "tile", "letter", "message")
"""Those with marketing."""
AGREED: Mapping[str, Any] = {"consent_mail": True, "consent_text": True, "age": 40}

Rules = dict[str, Any]


def bank(*, marketing_only: bool = False, **changes: Any) -> Rules:
    """The plan as its author would write it, some of its parts replaced."""
    rows = {name: row for name, row in ACTIONS.items() if not marketing_only or name in MARKETING}
    return {
        "plan": "nextbeam/1",
        "name": "metamorphic bank",
        "brands": ["harbour", "meadow"],
        "channels": {
            "web": {"direction": "inbound", "response_window": "2d"},
            "mail": {"direction": "outbound", "response_window": "2d"},
            "text": {"direction": "outbound", "response_window": "2d"},
        },
        "vocabulary": {
            "signal_types": ["view", "opt_out", "profile"],
            "attributes": {"action": {"type": "string"}},
            "customer": {"age": {"type": "integer"}, "vip": {"type": "boolean"}},
        },
        "features": [
            {"name": "views_1d", "kind": "count", "where": "signal.type == 'view'", "window": "1d"},
        ],
        "placements": {
            "hero": {"channel": "web"},
            "tile": {"channel": "web", "slots": 2},
            "letter": {"channel": "mail"},
            "message": {"channel": "text", "slots": 2},
            "notice": {"channel": "web", "slots": 2},
        },
        "issues": {"grow": {}, "help": {}},
        "groups": {"lending": {"issue": "grow"}, "deposits": {"issue": "grow"}, "care": {"issue": "help"}},
        "actions": [_action(name, *row) for name, row in rows.items()],
        "contact": {"limits": [], "suppressions": []},
        **changes,
    }


def _action(name: str, group: str, kind: str, value: float, places: Sequence[str]) -> dict[str, Any]:
    said = [{"id": f"{name}-said", "placements": list(places)}]
    return {"id": name, "group": group, "message_class": kind, "value": value, "treatments": said}


def compiled(rules: Rules) -> Plan:
    """The plan, under the digest of all of them."""
    spec = msgspec.convert(rules, PlanSpec)
    return Plan.compile(Loaded(spec, DIGEST, canonical(spec), None))


Event = Signal | Outcome


def signal(number: int | str, hours: float, *, customer: str = "ana", **fields: Any) -> Signal:
    """An event of a customer so many hours after the start; a view unless said otherwise."""
    return Signal(
        **{
            "signal_id": f"s{number}",
            "customer_id": customer,
            "occurred_at": START + timedelta(hours=hours),
            "type": "view",
            "channel": "web",
            "brand": "harbour",
            **fields,
        }
    )


def known(*, customer: str = "ana", **facts: Any) -> Signal:
    """The first event: the customer agrees to marketing."""
    return signal(f"known-{customer}", -1, customer=customer, type="profile", profile={**AGREED, **facts})


def request(number: int | str, hours: float, *placements: str, **fields: Any) -> Signal:
    """A view that asks for a decision."""
    return signal(number, hours, placements=placements or ("hero",), **fields)


def answer(number: int | str, hours: float, to: Decision, rank: int, kind: OutcomeKind) -> Outcome:
    """An outcome of an offer."""
    return Outcome(
        outcome_id=f"o{number}",
        customer_id=to.customer_id,
        household_id=to.household_id,
        occurred_at=START + timedelta(hours=hours),
        kind=kind,
        decision_id=to.decision_id,
        rank=rank,
    )


def outputs(plan: Plan, events: Iterable[Event]) -> list[Any]:
    """All that is said to events in this order."""
    fold, states, found = plan.decide_fold(), {}, []
    for event in events:
        key = key_of(fold, event)
        states[key], said = advance(fold, states.get(key, fold.initial()), event)
        found += said
    return found


def decisions(rules: Rules | Plan, events: Iterable[Event]) -> list[Decision]:
    """What is decided on events in this order."""
    plan = rules if isinstance(rules, Plan) else compiled(rules)
    return [output for output in outputs(plan, events) if isinstance(output, Decision)]


def offered(decision: Decision, *, marketing: bool = True) -> list[str]:
    """The actions offered: those of marketing, or those of the other classes."""
    return [o.action for o in decision.offers if (o.message_class is MessageClass.MARKETING) is marketing]


def pressure(found: Iterable[Decision]) -> list[int]:
    """Marketing contacts up to and including each decision."""
    return list(accumulate(len(offered(decision)) for decision in found))


# Histories: events of one customer in the order of their times.

GAPS = (0.0, 0.2, 1.0, 5.0, 11.0, 24.0)
"""Hours. Limits and pauses are whole hours, so that their edges are hit."""


@st.composite
def histories(draw: st.DrawFn, *, most: int = 24, placements: Sequence[str] = PLACEMENTS) -> list[Signal]:
    """Requests for one placement each, opt-outs, and news about the customer."""
    hours, events = 0.0, [known()]
    for number in range(draw(st.integers(6, most))):
        hours += draw(st.sampled_from(GAPS))
        brand = draw(st.sampled_from(("harbour", "meadow")))
        match draw(st.sampled_from(("ask", "ask", "ask", "ask", "opt out", "news"))):
            case "ask":
                events.append(request(number, hours, draw(st.sampled_from(placements)), brand=brand))
            case "opt out":
                action = draw(st.sampled_from(MARKETING))
                said = {"type": "opt_out", "attributes": {"action": action}}
                events.append(signal(number, hours, brand=brand, **said))
            case "news":
                facts = {"age": draw(st.sampled_from((16, 40))), "vip": draw(st.booleans())}
                events.append(signal(number, hours, brand=brand, type="profile", profile=facts))
    return events


def limit(name: str, at_most: int, hours: int, **more: Any) -> Rules:
    """At most so many contacts of the customer in so many hours."""
    return {"id": name, "at_most": at_most, "per": f"{hours}h", "each": "customer", **more}


def pause(name: str, hours: int, pauses: str = "group", **more: Any) -> Rules:
    """An opt-out pauses for so many hours."""
    said = {"signal": "signal.type == 'opt_out'", "within": "30d", "pause": f"{hours}h", "pauses": pauses}
    return {"id": name, **said, **more}


LIMITS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from((1, 5, 12, 24, 48, 100))), min_size=1, max_size=3
).map(lambda rows: [limit(f"limit-{i}", *row) for i, row in enumerate(rows)])
"""Limits about everything that contact policy governs."""

PAUSES = st.lists(
    st.tuples(
        st.sampled_from((1, 6, 24, 72)), st.sampled_from(("action", "group", "issue", "channel", "all"))
    ),
    max_size=2,
).map(lambda rows: [pause(f"pause-{i}", *row) for i, row in enumerate(rows)])


def written(rules: Rules, folder: Path) -> Path:
    """The plan as a file, as its author writes it."""
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(rules, sort_keys=False), "utf-8")
    return file


def loaded(rules: Rules, folder: Path) -> Plan:
    """The plan from its file: read, checked and compiled, with a digest of its own."""
    return Plan.load(written(rules, folder))


def selling(**contact: Any) -> Rules:
    """A bank that only sells, with this contact policy."""
    return bank(marketing_only=True, contact=contact)


def sold(plan: Rules | Plan, events: Iterable[Event]) -> list[list[str]]:
    """The marketing that each decision offers."""
    return [offered(decision) for decision in decisions(plan, events)]
