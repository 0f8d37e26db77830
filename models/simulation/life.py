"""What happens to people: life events, what they change, and for how long."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from numpy.random import Generator

from models.simulation.customers import Customer
from models.simulation.draws import generator
from models.times import DAY, Micros

_LOOK_BACK = 60 * DAY
_YEAR = 365.25 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeKind:
    """One kind of event. Rates are per person and year, among those it can happen to."""

    per_year: float
    days: tuple[int, int]
    """How long it shapes behaviour."""
    interest: Mapping[str, float] = field(default_factory=dict)
    """Added to the log-weight of topics meanwhile."""
    intents: Mapping[str, float] = field(default_factory=dict)
    """Added to the weights of what conversations are about."""
    talk: float = 1.0
    """Multiplies conversations meanwhile."""
    known_after: tuple[float, float] = (0.0, 0.0)
    """Days until the bank learns of it: between these."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the bank then knows."""
    facts_after: Mapping[str, Any] = field(default_factory=dict)
    """What it knows when the event is over."""
    ages: tuple[int, int] = (16, 120)
    employment: tuple[str, ...] = ()


LIFE: Mapping[str, LifeKind] = MappingProxyType(
    {
        "moving_home": LifeKind(
            per_year=0.07, days=(30, 90), interest={"mortgages": 1.8, "insurance": 1.0, "account_care": 0.6},
            intents={"change_details": 3.0, "mortgage_query": 2.0}, talk=2.0, known_after=(10, 40),
            facts={"address_confirmed": False}, ages=(18, 80),
        ),
        "new_job": LifeKind(
            per_year=0.1, days=(20, 60), interest={"cards": 0.6, "isas": 0.5, "savings": 0.4},
            known_after=(20, 35), facts={"employment": "employed", "credit_appetite": "medium"}, ages=(18, 64),
        ),
        "marriage": LifeKind(
            per_year=0.02, days=(30, 60), interest={"current_accounts": 1.4, "insurance": 0.8, "loans": 0.5},
            intents={"change_details": 2.0}, ages=(20, 70),
        ),
        "new_baby": LifeKind(
            per_year=0.03, days=(60, 120), interest={"savings": 0.7, "insurance": 1.0, "budgeting": 0.5},
            known_after=(20, 60), facts={"has_children": True}, ages=(20, 46),
        ),
        "bereavement": LifeKind(
            per_year=0.015, days=(60, 150), interest={"account_care": 1.2}, intents={"bereavement": 8.0}, talk=4.0,
            known_after=(1, 14), facts={"bereaved": True}, facts_after={"bereaved": False}, ages=(25, 120),
        ),
        "retirement": LifeKind(
            per_year=0.12, days=(60, 120), interest={"investments": 1.5, "savings": 1.0, "isas": 0.6},
            known_after=(25, 40), facts={"employment": "retired"}, ages=(58, 70),
            employment=("employed", "self_employed"),
        ),
        "financial_difficulty": LifeKind(
            per_year=0.05, days=(60, 180), interest={"money_help": 2.2, "budgeting": 1.2, "loans": 0.8},
            intents={"money_worries": 5.0, "payment_problem": 2.0}, talk=2.5, known_after=(20, 45),
            facts={"financial_difficulty": True, "disposable_income": -120.0, "overdraft_days": 24,
                   "credit_appetite": "none"},
            facts_after={"financial_difficulty": False, "disposable_income": 120.0, "overdraft_days": 6},
            ages=(18, 75),
        ),
        "travel": LifeKind(
            per_year=1.4, days=(7, 16), interest={"insurance": 1.0, "security": 0.3}, ages=(18, 85),
        ),
        "scam": LifeKind(
            per_year=0.012, days=(30, 60), interest={"security": 2.5}, intents={"fraud_worry": 6.0}, talk=4.0,
            known_after=(0.05, 1), facts={"scam_victim_recently": True}, facts_after={"scam_victim_recently": False},
        ),
        "complaint": LifeKind(
            per_year=0.06, days=(10, 40), interest={"account_care": 0.5}, intents={"complaint": 6.0}, talk=3.0,
            facts={"complaint_open": True}, facts_after={"complaint_open": False},
        ),
        "windfall": LifeKind(
            per_year=0.06, days=(14, 40), interest={"savings": 1.4, "investments": 0.9, "isas": 0.8}, ages=(18, 120),
        ),
        "wants_no_marketing": LifeKind(
            per_year=0.08, days=(300, 400),
            facts={"consent_marketing": False, "consent_email": False, "consent_sms": False},
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One event of one customer."""

    kind: str
    begins: Micros
    ends: Micros
    known_at: Micros
    """When the bank learns of it; may be after `ends`."""

    @property
    def spec(self) -> LifeKind:
        """What events of this kind do."""
        return LIFE[self.kind]


def life_of(seed: int, who: Customer, begins: Micros, ends: Micros) -> tuple[LifeEvent, ...]:
    """The customer's events that begin in the 60 days before the period, or in it; by time.

    A longer period adds events at the end and changes none before.
    """
    events = [
        event
        for kind, spec in LIFE.items()
        if _can_happen(spec, who)
        for event in _events_of_kind(generator(seed, "life", who.number, kind), kind, begins, ends)
    ]
    return tuple(sorted(events, key=lambda event: (event.begins, event.kind)))


def _events_of_kind(draws: Generator, kind: str, begins: Micros, ends: Micros) -> Iterator[LifeEvent]:
    spec, at = LIFE[kind], begins - _LOOK_BACK
    low, high = spec.known_after
    while (at := at + int(draws.exponential(_YEAR / spec.per_year))) < ends:
        length = int(draws.integers(spec.days[0], spec.days[1] + 1)) * DAY
        known = at + int((low + (high - low) * draws.random()) * DAY)
        yield LifeEvent(kind, at, at + length, known)


def _can_happen(spec: LifeKind, who: Customer) -> bool:
    low, high = spec.ages
    return low <= who.facts["age"] <= high and (
        not spec.employment or who.facts["employment"] in spec.employment
    )


def news(events: Iterable[LifeEvent], after: Micros, until: Micros) -> list[tuple[Micros, Mapping[str, Any]]]:
    """What the bank learns in (after, until], by time."""
    learned = [
        (at, facts)
        for event in events
        for at, facts in (
            (event.known_at, event.spec.facts),
            (max(event.ends, event.known_at + 1), event.spec.facts_after),
        )
        if facts and after < at <= until
    ]
    return sorted(learned, key=lambda item: item[0])


def active(events: Iterable[LifeEvent], at: Micros) -> tuple[LifeKind, ...]:
    """What shapes behaviour at this time."""
    return tuple(event.spec for event in events if event.begins <= at < event.ends)
