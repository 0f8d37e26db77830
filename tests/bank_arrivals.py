"""Events of the small bank of `tests/plans/small`: repeated, out of order, late, with answers to decisions."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from hypothesis import strategies as st

from models.identity import decision_id
from schemas import Outcome, OutcomeKind, Signal
from transforms.plan_source import PlanSource

PLAN = PlanSource(str(Path(__file__).parent / "plans" / "small" / "plan.yaml"))
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
CUSTOMERS = ("ana", "béla", "chen")

Option = TypeVar("Option")
Choose = Callable[[Sequence[Option]], Option]

_ACTIONS = ("personal-loan", "credit-card", "easy-saver", "student-saver", "payment-help", "terms-change")
_KINDS = ("page_view", "page_view", "page_view", "click", "payment", "opt_out", "profile")
_PLACES = (
    ("web", ("hero", "sidebar")),
    ("web", ("sidebar",)),
    ("web", ()),
    ("app", ("app_card",)),
    ("app", ()),
)
_RESPONSES = tuple(kind for kind in OutcomeKind if kind is not OutcomeKind.NO_RESPONSE)
_PAUSES = (timedelta(0), timedelta(seconds=20), timedelta(minutes=40), timedelta(hours=6), timedelta(days=1))
_DELAYS = (*[timedelta(0)] * 6, timedelta(minutes=5), timedelta(hours=3))


@st.composite
def bank_arrivals(draw: st.DrawFn, most: int = 30) -> list[Signal | Outcome]:
    """Events of three customers over some days, some of them more than once."""

    def choose(options):
        return draw(st.sampled_from(options))

    return _arrivals(choose, draw(st.integers(0, most)), CUSTOMERS, _PAUSES)


def busy_days(count: int, *, customers: int = 40, seed: int = 7) -> list[Signal | Outcome]:
    """About so many events of some customers: a fixed sample that has some of everything."""
    names = [f"c{number}" for number in range(customers)]
    return _arrivals(random.Random(seed).choice, count, names, (timedelta(minutes=1), timedelta(minutes=20)))


def _arrivals(
    choose: Choose, count: int, customers: Sequence[str], pauses: Sequence[timedelta]
) -> list[Signal | Outcome]:
    digest = PLAN.load().plan.digest
    events: list[Signal | Outcome] = [_known(customer) for customer in customers]
    owners: list[str] = []
    now = START
    for index in range(count):
        now += choose(pauses)
        at = now - choose(_DELAYS)
        if index and choose((True, False, False)):
            asked = max(0, index - choose((1, 2, 5, 9)))
            events.append(_outcome(choose, index, owners[asked], at, decision_id(f"s{asked}", digest)))
        else:
            events.append(_signal(choose, index, choose(customers), at))
        owners.append(events[-1].customer_id)
    return events + [choose(events) for _ in range(choose((0, 2, 5)))]


def _known(customer: str) -> Signal:
    """The customer agrees to marketing and is 35."""
    return Signal(
        signal_id=f"p-{customer}",
        customer_id=customer,
        occurred_at=START,
        type="profile",
        channel="web",
        brand="harbour",
        profile={"consent_marketing": True, "age": 35, "holdings": ("current",)},
    )


def _signal(choose: Choose, index: int, customer: str, at: datetime) -> Signal:
    kind = choose(_KINDS)
    channel, placements = choose(_PLACES)
    attributes = {
        "page_view": {"product": choose(("loan", "card")), "dwell_ms": 900},
        "payment": {"amount": choose((12.5, 2500.0)), "failed": choose((True, False, False))},
        "opt_out": {"action": choose(_ACTIONS)},
    }
    return Signal(
        signal_id=f"s{index}",
        customer_id=customer,
        occurred_at=at,
        type=kind,
        channel=channel,
        brand=choose(("harbour", "meadow")),
        page=choose(("loans", "home", None)),
        device_id=choose(("d1", "d2", None)),
        placements=placements if kind in {"page_view", "click"} else (),
        attributes=attributes.get(kind, {}),
        profile=_profile(choose) if kind == "profile" else None,
    )


def _profile(choose: Choose) -> dict[str, object]:
    return {
        "consent_marketing": choose((True, True, True, False, None)),
        "age": choose((17, 20, 35, 80)),
        "segment": choose(("mass", "student", None)),
        "holdings": choose(((), ("loan",), ("savings", "card"))),
        "vulnerable": choose((False, False, True, None)),
    }


def _outcome(choose: Choose, index: int, customer: str, at: datetime, decided: str) -> Outcome:
    by_id = choose((True, True, False))
    return Outcome(
        outcome_id=f"o{index}",
        customer_id=customer,
        occurred_at=at,
        kind=choose(_RESPONSES),
        decision_id=decided if by_id else None,
        rank=choose((1, 1, 2, None)) if by_id else None,
        action=choose(_ACTIONS) if not by_id else None,
    )
