"""The report as data: what its page and its text are written from."""

from datetime import date, datetime
from typing import Literal

import msgspec

from models.reporting.rates import Rate, Ratio

Level = Literal["alarm", "note", "good"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the report."""


class Finding(Part, frozen=True, kw_only=True):
    """Something that must not be missed: an alarm, a note, or that all is well."""

    level: Level
    text: str


class Span(Part, frozen=True, kw_only=True):
    """What is reported on."""

    plan: str
    plan_digest: str
    models: tuple[str, ...]
    currency: str
    first: datetime | None
    last: datetime | None
    customers: int
    decisions: int
    offers: int
    value: float
    accounts: str
    """The accounting identity with its numbers."""
    balanced: bool


class Day(Part, frozen=True, kw_only=True):
    """One day."""

    day: date
    decisions: int
    offers: int
    accepted: Rate
    value: float


class Offered(Part, frozen=True, kw_only=True):
    """What was offered under one name, and what came of it."""

    name: str
    about: str
    """What it belongs to."""
    offers: int
    seen: int
    accepted: Rate
    """Of the answered, silence included."""
    value: float
    expected: float
    """Sum of propensity x value."""


class Table(Part, frozen=True, kw_only=True):
    """Offers by one dimension, most first."""

    dimension: str
    rows: tuple[Offered, ...]


class Rule(Part, frozen=True, kw_only=True):
    """Candidates that one rule removed; no rule: outdone by others."""

    rule: str
    candidates: int


class Step(Part, frozen=True, kw_only=True):
    """One stage of the funnel."""

    stage: str
    entered: int
    left: int
    rules: tuple[Rule, ...]


class Breach(Part, frozen=True, kw_only=True):
    """Contacts beyond one limit."""

    limit: str
    contacts: int
    customers: int
    example: str
    """Decision that made one."""


class Pressure(Part, frozen=True, kw_only=True):
    """Customers by their most contacts in seven days."""

    contacts: int
    customers: int
    marketing: int
    """Customers with so much marketing in seven days."""


class Tenth(Part, frozen=True, kw_only=True):
    """Offers in one tenth of propensities."""

    number: int
    predicted_least: float
    predicted: float
    predicted_most: float
    observed: Rate
    as_predicted: bool


class Calibration(Part, frozen=True, kw_only=True):
    """One model over one class of messages."""

    model: str
    message_class: str
    tenths: tuple[Tenth, ...]

    @property
    def answered(self) -> int:
        """Offers behind it."""
        return sum(tenth.observed.of for tenth in self.tenths)

    @property
    def error(self) -> float:
        """Mean distance between predicted and observed, by offers (the expected calibration error)."""
        gaps = (abs(t.predicted - (t.observed.value or 0.0)) * t.observed.of for t in self.tenths)
        return sum(gaps) / self.answered if self.answered else 0.0

    @property
    def agreeing(self) -> int:
        """Tenths whose interval holds what was predicted."""
        return sum(tenth.as_predicted for tenth in self.tenths)


class Compared(Part, frozen=True, kw_only=True):
    """A rate of one cohort beside those of the others."""

    rate: Rate
    ratio: Ratio | None


class Cohort(Part, frozen=True, kw_only=True):
    """How one cohort is treated."""

    name: str
    customers: int
    decisions: int
    offers: int
    value: float
    marketing: Compared
    """Customers who were offered something that is marketing, of those decided for."""
    service: Compared
    """Customers who were told something else."""
    accepted: Compared
    """Positive answers to marketing, of the answered."""


class Cohorts(Part, frozen=True, kw_only=True):
    """All cohorts of one dimension. Care marks overlap; the other dimensions do not, unless a fact changed."""

    dimension: str
    rows: tuple[Cohort, ...]


class Arm(Part, frozen=True, kw_only=True):
    """One experiment arm."""

    name: str
    customers: int
    offers: int
    accepted: Rate
    reach: Rate
    """Customers with a positive response, of the customers."""
    value: float
    value_per_customer: float
    value_low: float | None
    value_high: float | None


class Letters(Part, frozen=True, kw_only=True):
    """Dead letters of one reason and step."""

    reason: str
    step: str
    letters: int


class Report(Part, frozen=True, kw_only=True):
    """All of it."""

    span: Span
    findings: tuple[Finding, ...]
    days: tuple[Day, ...]
    offered: tuple[Table, ...]
    no_action: tuple[tuple[str, int], ...]
    funnel: tuple[Step, ...]
    breaches: tuple[Breach, ...]
    limits: int
    """Contact limits of the plan."""
    pressure: tuple[Pressure, ...]
    calibration: tuple[Calibration, ...]
    cohorts: tuple[Cohorts, ...]
    arms: tuple[Arm, ...]
    letters: tuple[Letters, ...]
