"""Quotes: what scarce capacity asks of one decision, and what a decision has to tell the book of capacity."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from models.plan.scopes import Members
from models.plan.spec import PlanSpec, VolumeSpec
from models.times import Micros
from schemas.common import Direction
from schemas.decision import Price


class Contact(Protocol):
    """What the book needs to know of a contact; the ledger's spots are such."""

    @property
    def action(self) -> str:
        """Id of the action."""

    @property
    def channel(self) -> str:
        """Where it was offered."""

    @property
    def brand(self) -> str:
        """Who offered it."""


class Volumes(Protocol):
    """Capacity that all customers share, as the ledger sees it. A bundle is one contact: that of its parent.

    A decision asks for one quote, tells what it has `seen` for each slot before it fills it, and takes what it
    offers. The quote is the decision's own: `Quote.offered` keeps it true while the decision makes several offers.
    """

    def quote(self, at: Micros) -> "Quote":
        """What capacity asks of a decision at `at`."""

    def seen(self, at: Micros, channel: str, brand: str, bids: Sequence[tuple[int, float]]) -> None:
        """Who would have liked a slot: the demand that prices follow.

        Args:
          at: Time of the decision.
          channel: Of the slot.
          brand: Of the decision.
          bids: Action index and bid *before* any price, of all whom nothing but price or exhausted capacity stops.
        """

    def take(self, at: Micros, spot: Contact) -> None:
        """A contact was made: it counts, whatever its class and whatever is left."""

    def release(self, at: Micros, spot: Contact) -> None:
        """The contact made at `at` came to nothing; others may have its place."""


class Reach(NamedTuple):
    """What constraints mean in one channel for one brand. Sets of actions are the bits of an integer."""

    constraints: tuple[int, ...]
    """Those that cover anything here, by number, as written."""
    governed: tuple[int, ...]
    """Aligned: the actions covered that may be priced and refused."""
    kind_of: tuple[int, ...]
    """By action: its number in `kinds`."""
    kinds: tuple[tuple[int, ...], ...]
    """Sets of constraints that govern the same actions."""
    exempt: Mapping[int, tuple[int, ...]]
    """By action of an exempt class that uses capacity here: the constraints it counts for, of those above."""


class Coverage:
    """Which contacts each constraint of a plan is about.

    A contact of an exempt class (service, regulatory) counts, for it uses the capacity as any other does; but it is
    never priced or refused.

    Attributes:
      constraints: As written.
      most: Most offers that one decision can make.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile `spec.contact.volumes`."""
        self.constraints: tuple[VolumeSpec, ...] = spec.contact.volumes
        self.most = sum(placement.slots for placement in spec.placements.values())
        self._directions = {name: channel.direction for name, channel in spec.channels.items()}
        self._index = {action.id: index for index, action in enumerate(spec.actions)}
        inside = Members.of(spec)
        self._covered = [inside.indices(constraint.scope) for constraint in self.constraints]
        exempt = frozenset(spec.contact.exempt)
        self._governed = frozenset(
            index for index, action in enumerate(spec.actions) if action.message_class not in exempt
        )
        self._reaches: dict[tuple[str, str], Reach] = {}

    def reach(self, channel: str, brand: str) -> Reach:
        """What the constraints mean in `channel` for `brand`."""
        reach = self._reaches.get((channel, brand))
        if reach is None:
            reach = self._new_reach(channel, brand)
            if brand and channel in self._directions:
                self._reaches[channel, brand] = reach
        return reach

    def counting(self, contact: Contact) -> list[int]:
        """Numbers of the constraints that a contact counts for."""
        action = self._index.get(contact.action)
        return [
            number
            for number, constraint in enumerate(self.constraints)
            if action in self._covered[number] and self._fits(constraint, contact.channel, contact.brand)
        ]

    def counts(self, action: int, channel: str, brand: str) -> list[int]:
        """Numbers of the constraints that an offer counts for, by action index."""
        return [
            number
            for number, constraint in enumerate(self.constraints)
            if action in self._covered[number] and self._fits(constraint, channel, brand)
        ]

    def _fits(self, constraint: VolumeSpec, channel: str, brand: str) -> bool:
        direction = self._directions.get(channel, Direction.INBOUND)
        return (
            (not constraint.channels or channel in constraint.channels)
            and (not constraint.brands or not brand or brand in constraint.brands)
            and (not constraint.directions or direction in constraint.directions)
        )

    def _new_reach(self, channel: str, brand: str) -> Reach:
        here = [
            (number, self._covered[number] & self._governed)
            for number, constraint in enumerate(self.constraints)
            if self._fits(constraint, channel, brand)
        ]
        here = [(number, actions) for number, actions in here if actions]
        kinds: dict[tuple[int, ...], int] = {(): 0}
        kind_of = []
        for action in range(len(self._index)):
            governing = tuple(number for number, actions in here if action in actions)
            kind_of.append(kinds.setdefault(governing, len(kinds)))
        bits = tuple(sum(1 << action for action in actions) for _, actions in here)
        numbers = tuple(number for number, _ in here)
        exempt = {
            action: tuple(number for number in numbers if action in self._covered[number])
            for action in set(self._index.values()) - self._governed
        }
        using = {action: counted for action, counted in sorted(exempt.items()) if counted}
        return Reach(numbers, bits, tuple(kind_of), tuple(kinds), using)


class Surcharges(Sequence[float]):
    """The price of a contact by action index; few different ones, so it holds only those."""

    __slots__ = ("_by_kind", "_kind_of")

    def __init__(self, by_kind: Sequence[float], kind_of: Sequence[int]) -> None:
        self._by_kind = by_kind
        self._kind_of = kind_of

    def __getitem__(self, action):  # type: ignore[no-untyped-def]  # Sequence wants slices too; nobody takes any
        return self._by_kind[self._kind_of[action]]

    def __len__(self) -> int:
        return len(self._kind_of)


class Quote:
    """What capacity asks of one decision: mutable, and used for that decision only.

    A surcharge counts against the bid, the sum over all constraints that cover the offer; a negative one is a
    subsidy. Whose bid is then below 0 is not worth the capacity and is not offered, unless it is mandatory. What is
    exhausted is refused, mandatory or not. Neither concerns the exempt classes.

    Attributes:
      prices: To be recorded: of the constraints that ask a price, or have fewer left than one decision could take.
    """

    __slots__ = ("_coverage", "_left", "_prices", "_surcharges", "prices")

    def __init__(self, coverage: Coverage, prices: Sequence[float], left: Sequence[int | None]) -> None:
        """Of the price and of the contacts left (None: any number) of each constraint, as written."""
        self._coverage = coverage
        self._prices = prices
        self._left = list(left)
        self._surcharges: dict[tuple[str, str], Surcharges | None] = {}
        self.prices: tuple[Price, ...] = tuple(
            Price(constraint=constraint.id, price=price, exhausted=rest == 0, left=rest)
            for constraint, price, rest in zip(coverage.constraints, prices, left, strict=True)
            if price or (rest is not None and rest < coverage.most)
        )

    def surcharges(self, channel: str, brand: str) -> Sequence[float] | None:
        """The price of a contact in `channel` by action index, plan currency; None when nothing costs anything."""
        key = channel, brand
        if key not in self._surcharges:
            reach = self._coverage.reach(channel, brand)
            prices = self._prices
            asks = any(prices[number] for number in reach.constraints)
            by_kind = [sum(prices[number] for number in kind) for kind in reach.kinds] if asks else []
            self._surcharges[key] = Surcharges(by_kind, reach.kind_of) if asks else None
        return self._surcharges[key]

    def exhausted(self, channel: str, brand: str) -> list[tuple[str, int]]:
        """Id of each constraint of which nothing is left, and the actions that it refuses in `channel`."""
        left = self._left
        if 0 not in left:
            return []
        reach = self._coverage.reach(channel, brand)
        pairs = zip(reach.constraints, reach.governed, strict=True)
        return [(self._coverage.constraints[number].id, bits) for number, bits in pairs if left[number] == 0]

    def dearest(self, action: int, channel: str, brand: str) -> str | None:
        """Id of the constraint that asks most for an action: the reason when its bid falls below 0."""
        reach = self._coverage.reach(channel, brand)
        asking = [(self._prices[number], -number) for number in reach.kinds[reach.kind_of[action]]]
        price, number = max(asking, default=(0.0, 0))
        return self._coverage.constraints[-number].id if price > 0 else None

    def offered(self, action: int, channel: str, brand: str) -> bool:
        """Count an offer of this decision; whether that used up the last of anything."""
        used_up = False
        for number in self._coverage.counts(action, channel, brand):
            rest = self._left[number]
            if rest:
                self._left[number] = rest - 1
                used_up |= rest == 1
        return used_up


class RecordedQuotes:
    """The quotes that decisions recorded, given back: what a replay decides by."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._numbers = {constraint.id: number for number, constraint in enumerate(coverage.constraints)}
        self._prices: Sequence[Price] = ()

    @classmethod
    def of(cls, spec: PlanSpec) -> "RecordedQuotes":
        """For decisions of this plan."""
        return cls(Coverage(spec))

    def give(self, prices: Sequence[Price]) -> None:
        """What the next decision recorded.

        Raises:
          KeyError: It recorded a constraint that the plan does not have.
        """
        for price in prices:
            self._numbers[price.constraint]
        self._prices = prices

    def quote(self, at: Micros) -> Quote:  # noqa: ARG002  (as Volumes has it)
        """As recorded."""
        asked = [0.0] * len(self._numbers)
        left: list[int | None] = [None] * len(self._numbers)
        for price in self._prices:
            number = self._numbers[price.constraint]
            asked[number] = price.price
            left[number] = 0 if price.exhausted else price.left
        return Quote(self._coverage, asked, left)

    def seen(self, at: Micros, channel: str, brand: str, bids: Sequence[tuple[int, float]]) -> None:
        """Nothing follows from it: the prices are given."""

    def take(self, at: Micros, spot: Contact) -> None:
        """Nothing follows from it."""

    def release(self, at: Micros, spot: Contact) -> None:
        """Nothing follows from it."""
