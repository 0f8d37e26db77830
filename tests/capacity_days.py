"""Two days of customers who look at something, for the plan tests/plans/capacity."""

from pathlib import Path

import numpy as np

from models.plan.compiled import Plan
from models.times import DAY, HOUR, Micros, moment
from schemas import Outcome, OutcomeKind, Signal
from transforms.plan_source import PlanSource

PATH = Path(__file__).parent / "plans" / "capacity"
SOURCE = PlanSource(str(PATH))
PLAN = Plan.load(PATH)
MIDNIGHT: Micros = 1_795_219_200_000_000
"""Saturday 21 November 2026, 00:00 in London."""

Event = Signal | Outcome


def days(seed: int, *, customers: int = 300, length: int = 2 * DAY, step: int = 1) -> list[Event]:
    """Views, one to three of each customer, and answers to some; in the order of event time.

    `step`: Times are multiples of it, so that many are equal where it is large.
    """
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for number in range(customers):
        customer = f"c{number}"
        facts = {"worth": float(rng.uniform(0, 100))}
        for view in range(rng.integers(1, 4)):
            at = MIDNIGHT + int(rng.integers(0, length)) // step * step
            name = f"{customer}-{view}"
            events.append(_view(name, customer, at, facts))
            if rng.random() < 0.2:
                events.append(
                    _answer(name, customer, at + int(rng.integers(1, 12 * HOUR)) // step * step, rng)
                )
    fold = PLAN.decide_fold()
    return sorted(events, key=fold.order)


def _view(name: str, customer: str, at: Micros, facts: dict[str, float]) -> Signal:
    return Signal(
        signal_id=name,
        customer_id=customer,
        occurred_at=moment(at),
        type="view",
        brand="north",
        channel="web",
        profile=facts,
    )


def _answer(name: str, customer: str, at: Micros, rng: np.random.Generator) -> Outcome:
    kinds = [OutcomeKind.DELIVERED, OutcomeKind.BOUNCED, OutcomeKind.CLICKED]
    return Outcome(
        outcome_id=f"{name}-answer",
        customer_id=customer,
        occurred_at=moment(at),
        kind=kinds[int(rng.integers(0, 3))],
        action="letter",
    )
