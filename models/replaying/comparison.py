"""The comparison of two plans over one history: what is shown, printed and written as JSON."""

from typing import Literal

import msgspec

from models.replaying.changes import Change

FEW = 20
"""Below so many on either side a difference says little."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts: immutable, named fields."""


class Pair(msgspec.Struct, frozen=True):
    """One number under plan A and under plan B."""

    a: float
    b: float

    @property
    def change(self) -> float:
        """B minus A."""
        return self.b - self.a

    @property
    def ratio(self) -> float | None:
        """B over A; None where A is 0."""
        return self.b / self.a if self.a else None

    @property
    def few(self) -> bool:
        """Whether both are too small for their difference to say much."""
        return max(self.a, self.b) < FEW


Unit = Literal["count", "value", "share", "mean"]


class Measure(Part, frozen=True, kw_only=True):
    """One headline number. Values are in the plan's currency, shares in [0, 1]."""

    name: str
    unit: Unit
    pair: Pair


class Side(Part, frozen=True, kw_only=True):
    """One of the plans, and how the history's events fared under it."""

    label: Literal["A", "B"]
    path: str
    name: str
    version: str
    digest: str
    currency: str
    decoded: int
    refused: dict[str, int] = {}
    """Lines that are no events under this plan, by reason."""
    skipped: int = 0
    """Rows that the import mapping leaves out."""
    accounted: dict[str, int] = {}
    """Decoded events that were folded: decided, observed, duplicates, dead letters."""
    dead: dict[str, int] = {}
    """Events that folding refused, by reason."""
    outcomes: dict[str, int] = {}
    """Outcomes, by how they relate to the plan's decisions (`models.replaying.counterparts.Link`)."""
    left_out: int = 0
    """Outcomes without a counterpart under this plan."""


class Span(Part, frozen=True, kw_only=True):
    """The history."""

    files: tuple[str, ...]
    lines: int
    customers: int
    first: str | None = None
    last: str | None = None
    """Event times, RFC 3339."""
    live: str | None = None
    """Digest of the plan that was live, as far as it is known."""


class Why(Part, frozen=True, kw_only=True):
    """What explains most of a change in the offers of an action: how much more a rule removes it."""

    stage: str
    rule: str
    removed: Pair


class OfferRow(Part, frozen=True, kw_only=True):
    """Offers of one action, group, channel, ...

    `few` says that the counts are small.
    """

    name: str
    offers: Pair
    customers: Pair
    expected: Pair
    realised: Pair
    positives: Pair
    few: bool
    why: Why | None = None


class Table(Part, frozen=True, kw_only=True):
    """Offers by one dimension, the largest gain first, the largest loss last."""

    dimension: str
    rows: tuple[OfferRow, ...]


class RuleRow(Part, frozen=True, kw_only=True):
    """Candidates that one rule removed."""

    rule: str
    removed: Pair


class StageRow(Part, frozen=True, kw_only=True):
    """Candidates that came to a stage of the funnel, and that left there."""

    stage: str
    entered: Pair
    removed: Pair
    rules: tuple[RuleRow, ...]


class Percentile(Part, frozen=True, kw_only=True):
    """So many percent of the customers have at most this."""

    percent: float
    pair: Pair


class Bin(Part, frozen=True, kw_only=True):
    """Customers with so many contacts."""

    contacts: str
    customers: Pair


class Distribution(Part, frozen=True, kw_only=True):
    """Contacts per customer, of all customers of the history."""

    of: str
    mean: Pair
    percentiles: tuple[Percentile, ...]
    bins: tuple[Bin, ...]
    top_share: Pair
    """Share of all contacts that goes to the one percent of the customers with most."""


class Moved(Part, frozen=True, kw_only=True):
    """How many customers get more or less of something under B, and how much."""

    of: str
    unit: Unit
    gain: int
    lose: int
    same: int
    gained: float
    lost: float


class CohortRow(Part, frozen=True, kw_only=True):
    """One cohort: marketing offers per customer, and what all offers are expected to be worth."""

    dimension: str
    value: str
    customers: Pair
    decisions: Pair
    marketing: Pair
    reached: Pair
    rate: Pair
    """Marketing offers per customer."""
    expected: Pair
    realised: Pair
    few: bool


class NamedPair(Part, frozen=True, kw_only=True):
    """A number with a name."""

    name: str
    pair: Pair


class CareRow(Part, frozen=True, kw_only=True):
    """Marketing while a care mark held."""

    mark: str
    customers: int
    marketing: Pair
    reached: Pair
    more: tuple[NamedPair, ...]
    """Actions that B offers them more often, most first."""
    flagged: bool
    """Whether B markets to them more than A."""


class PriceRow(Part, frozen=True, kw_only=True):
    """What one volume constraint asked."""

    constraint: str
    mean: Pair
    highest: Pair
    exhausted: Pair
    """Share of the decisions at which nothing was left."""


class Finding(Part, frozen=True, kw_only=True):
    """Something the reader must not miss."""

    level: Literal["alarm", "note"]
    text: str


class Comparison(Part, frozen=True, kw_only=True):
    """Plan A and plan B over the same history."""

    sides: tuple[Side, Side]
    history: Span
    findings: tuple[Finding, ...]
    changes: tuple[Change, ...]
    measures: tuple[Measure, ...]
    no_action: tuple[NamedPair, ...]
    offers: tuple[Table, ...]
    funnel: tuple[StageRow, ...]
    limits: tuple[NamedPair, ...]
    distributions: tuple[Distribution, ...]
    moved: tuple[Moved, ...]
    cohorts: tuple[CohortRow, ...]
    care: tuple[CareRow, ...]
    feedback: tuple[NamedPair, ...]
    arms: tuple[NamedPair, ...]
    prices: tuple[PriceRow, ...]

    @property
    def alarmed(self) -> bool:
        """Whether something was found that should stop a release."""
        return any(finding.level == "alarm" for finding in self.findings)
