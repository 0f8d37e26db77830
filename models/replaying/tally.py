"""What a plan did over a history, counted: small, and two of them add up, so that a history can be folded in parts."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

import msgspec

from models.replaying.cohorts import Cell
from models.replaying.counterparts import Link
from schemas import MessageClass, Stage

Key = TypeVar("Key", bound=Hashable)

MARKETING, SERVICE, REGULATORY = MessageClass.MARKETING, MessageClass.SERVICE, MessageClass.REGULATORY
ALL = "all"


class OfferKey(NamedTuple):
    """What an offer was, where and for whom it was made."""

    action: str
    group: str
    issue: str
    message_class: str
    channel: str
    brand: str
    placement: str


class Sums(msgspec.Struct, gc=False):
    """Sums over offers. Values are in the plan's currency."""

    offers: int = 0
    expected: float = 0.0
    realised: float = 0.0
    positives: int = 0

    def add(self, other: "Sums") -> None:
        """Add another's."""
        self.offers += other.offers
        self.expected += other.expected
        self.realised += other.realised
        self.positives += other.positives


class CellSums(msgspec.Struct, gc=False):
    """Sums over the decisions for one cohort. Customers are counted once each."""

    customers: int = 0
    decisions: int = 0
    offers: int = 0
    marketing: int = 0
    reached: int = 0
    """Customers with marketing."""
    expected: float = 0.0
    realised: float = 0.0

    def add(self, other: "CellSums") -> None:
        """Add another's."""
        self.customers += other.customers
        self.decisions += other.decisions
        self.offers += other.offers
        self.marketing += other.marketing
        self.reached += other.reached
        self.expected += other.expected
        self.realised += other.realised


class PriceSums(msgspec.Struct, gc=False):
    """What one volume constraint asked over the decisions."""

    decisions: int = 0
    total: float = 0.0
    highest: float = 0.0
    exhausted: int = 0

    def add(self, other: "PriceSums") -> None:
        """Add another's."""
        self.decisions += other.decisions
        self.total += other.total
        self.highest = max(self.highest, other.highest)
        self.exhausted += other.exhausted


class CustomerRow(NamedTuple):
    """One customer under one plan."""

    contacts: int
    marketing: int
    expected: float
    realised: float


@dataclass
class Tally:
    """What one plan did."""

    decisions: int = 0
    candidates: int = 0
    """Decisions times actions."""
    no_action: Counter[str] = field(default_factory=Counter)
    arms: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    """How events were accounted for, by `models.folds.Counted`."""
    dead: Counter[str] = field(default_factory=Counter)
    """Events that folding refused, by reason."""
    links: Counter[Link] = field(default_factory=Counter)
    """Outcomes, by how they relate to the plan's decisions."""
    feedback: Counter[str] = field(default_factory=Counter)
    offers: dict[OfferKey, Sums] = field(default_factory=lambda: defaultdict(Sums))
    reached: Counter[Cell] = field(default_factory=Counter)
    """Customers by dimension and value of their offers; (all, all): any offer."""
    removed: dict[tuple[Stage, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Candidates that left the funnel, by stage and rule, by action."""
    removals: Counter[tuple[Stage, str, tuple[str, ...]]] = field(default_factory=Counter)
    """Actions that left together, not yet in `removed`."""
    cohorts: dict[Cell, CellSums] = field(default_factory=lambda: defaultdict(CellSums))
    marked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Marketing offers while a care mark held, by mark and action."""
    prices: dict[str, PriceSums] = field(default_factory=lambda: defaultdict(PriceSums))
    customers: dict[int, CustomerRow] = field(default_factory=dict)
    """By 64 bits of a hash of the customer's id."""

    def settled(self) -> "Tally":
        """Itself, with `removals` counted into `removed`: few sets of actions leave together, but often."""
        for (stage, rule, actions), count in self.removals.items():
            by_action = self.removed[stage, rule]
            for action in actions:
                by_action[action] += count
        self.removals.clear()
        return self

    def alike(self, other: "Tally") -> bool:
        """Whether all that the plan did is the same; how outcomes were named does not count."""
        return all(
            getattr(self, each.name) == getattr(other, each.name)
            for each in fields(self)
            if each.name != "links"
        )

    def add(self, other: "Tally") -> None:
        """Add what was counted over other customers; both are settled."""
        self.decisions += other.decisions
        self.candidates += other.candidates
        for mine, more in self._counters(other):
            mine.update(more)
        for rule, actions in other.removed.items():
            self.removed[rule].update(actions)
        _add_sums(self.offers, other.offers)
        _add_sums(self.cohorts, other.cohorts)
        _add_sums(self.prices, other.prices)
        self.customers.update(other.customers)

    def _counters(self, other: "Tally") -> Iterator[tuple[Counter[Any], Counter[Any]]]:
        for name in ("no_action", "arms", "counted", "dead", "links", "feedback", "reached", "marked"):
            yield getattr(self, name), getattr(other, name)


Part = TypeVar("Part", Sums, CellSums, PriceSums)


def _add_sums(mine: dict[Key, Part], more: dict[Key, Part]) -> None:
    for key, sums in more.items():
        mine[key].add(sums)


def grouped(offers: Iterable[tuple[OfferKey, Sums]], dimension: str) -> dict[str, Sums]:
    """Sums over offers by one of the fields of `OfferKey`."""
    found: dict[str, Sums] = defaultdict(Sums)
    for key, sums in offers:
        found[getattr(key, dimension)].add(sums)
    return found
