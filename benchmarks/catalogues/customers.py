"""Customers of a catalogue: who they are, what they do for some weeks, and how they answer what they are offered."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from benchmarks.catalogues.catalogue import BRANDS, PAGES, PRODUCTS, REGIONS, SEGMENTS
from models.decide import Event
from models.times import DAY, MINUTE, Micros, micros, moment
from schemas import Decision, Outcome, OutcomeKind, Signal

START: Micros = 1_772_323_200_000_000
"""2026-03-01, midnight in London."""

_ASKS = (
    ("web", ("web_hero", "web_tiles")),
    ("web", ("web_tiles",)),
    ("web", ()),
    ("app", ("app_carousel",)),
)
_ANSWERS = {
    OutcomeKind.CLICKED: 0.08,
    OutcomeKind.REJECTED: 0.05,
    OutcomeKind.ACCEPTED: 0.01,
    OutcomeKind.BOUNCED: 0.01,
}


def events(number: int, days: int) -> Iterator[Event]:
    """What customer `number` does, in the order of time: a profile, then visits and what the bank's systems see."""
    draws = Random(f"customer {number}")
    name, brand = f"customer-{number:05}", draws.choice(BRANDS)
    about: dict[str, Any] = {"customer_id": name, "brand": brand}
    yield Signal(
        signal_id=f"{name}-profile",
        occurred_at=moment(START),
        type="profile",
        channel="web",
        profile=_facts(draws),
        **about,
    )
    count = 0
    for day in range(1, days):
        if draws.random() < 0.5:
            continue
        at = START + day * DAY + draws.randrange(7 * 60, 22 * 60) * MINUTE
        for _ in range(draws.randint(1, 4)):
            at += draws.randrange(1, 12) * MINUTE + count
            count += 1
            yield _signal(draws, f"{name}-{count}", at, about)


def _facts(draws: Random) -> dict[str, Any]:
    return {
        "segment": draws.choices(SEGMENTS, (55, 20, 5, 12, 8))[0],
        "region": draws.choice(REGIONS),
        "age": draws.randint(18, 90),
        "income": float(round(draws.lognormvariate(10.2, 0.6))),
        "holdings": sorted({f"product-{draws.randrange(PRODUCTS)}" for _ in range(draws.randint(0, 8))}),
        "consent_marketing": draws.random() < 0.9,
        "consent_email": draws.random() < 0.7,
        "consent_sms": draws.random() < 0.5,
        "in_arrears": draws.random() < 0.05,
        "time_zone": draws.choice(("Europe/London", "Europe/Lisbon", "America/New_York")),
        "vulnerable": draws.random() < 0.05,
    }


def _signal(draws: Random, name: str, at: Micros, about: Mapping[str, Any]) -> Signal:
    chance = draws.random()
    kind = "balance_low" if chance < 0.04 else "payment" if chance < 0.15 else "page_view"
    channel, placements = draws.choice(_ASKS) if kind == "page_view" else ("web", ())
    return Signal(
        signal_id=name,
        occurred_at=moment(at),
        type=kind,
        channel=channel,
        page=draws.choice(PAGES) if kind == "page_view" else None,
        placements=placements,
        attributes={"amount": round(draws.lognormvariate(5, 2), 2)} if kind == "payment" else {},
        **about,
    )


def answers(decision: Decision) -> list[Outcome]:
    """How the customer answers the offers of a decision, within the next minutes; to most of them not at all."""
    draws = Random(decision.decision_id)
    found = []
    for offer in decision.offers:
        (kind,) = draws.choices((None, *_ANSWERS), (1 - sum(_ANSWERS.values()), *_ANSWERS.values()))
        if kind is not None:
            found.append(
                Outcome(
                    outcome_id=f"{decision.decision_id}-{offer.rank}",
                    customer_id=decision.customer_id,
                    occurred_at=moment(micros(decision.decided_at) + offer.rank * 1_000_000),
                    kind=kind,
                    decision_id=decision.decision_id,
                    rank=offer.rank,
                )
            )
    return found
