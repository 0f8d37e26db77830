"""The book of capacity: contacts of all customers, counted and priced."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from models.plan.spec import PlanSpec
from models.times import Micros
from models.volumes.pacing import Pacer
from models.volumes.quotes import Contact, Coverage, Quote, Reach
from models.volumes.windows import Window, window_of

Past = Literal["nothing", "unknown"]


class VolumeBook:
    """All volume constraints of a plan, over all customers. Mutable; not for several threads at once.

    `at_most` is a guarantee: no governed message is quoted capacity in a window, of the kind written, in which so
    many contacts were made and not released, in whatever order of event time they come. Prices only make capacity
    last and go to the highest bids. What the book holds does not grow with customers: at most 65,536 steps of time
    per constraint, and the demand of two windows.

    The same calls in the same order give the same quotes; there is no clock but that of the events.
    """

    def __init__(self, spec: PlanSpec, past: Past, pacer: Callable[..., Pacer] = Pacer) -> None:
        self._coverage = Coverage(spec)
        ceiling = _ceiling(spec)
        self._windows: list[Window] = []
        self._pacers: list[Pacer] = []
        for constraint in self._coverage.constraints:
            window = window_of(constraint, spec.time_zone)
            self._windows.append(window)
            self._pacers.append(pacer(constraint, window, ceiling))
        self._exempt = {
            action.id for action in spec.actions if action.message_class in frozenset(spec.contact.exempt)
        }
        self._first = {index for index, action in enumerate(spec.actions) if action.mandatory}
        self._prices = [0.0] * len(self._pacers)
        self._told: tuple[Micros, str, str, frozenset[int]] = 0, "", "", frozenset()
        """The slot seen last, and the constraints whose demand for it is known."""
        self._clock: Micros | None = None
        self._past = past

    @classmethod
    def of(cls, spec: PlanSpec, *, past: Past = "nothing") -> "VolumeBook":
        """The book of a plan, before its first event.

        Args:
          spec: A checked plan.
          past: What was spent before the first event: nothing; or nobody knows, and then a constraint is exhausted
            until nothing from before that event can count any more.
        """
        return cls(spec, past)

    def quote(self, at: Micros) -> Quote:
        """What capacity asks of a decision at `at`, and how much of it there is."""
        clock = self._now(at)
        self._prices = [pacer.price(clock) for pacer in self._pacers]
        left = [
            _left(pacer.at_most, window.fullest(at))
            for pacer, window in zip(self._pacers, self._windows, strict=True)
        ]
        return Quote(self._coverage, self._prices, left)

    def seen(self, at: Micros, channel: str, brand: str, bids: Sequence[tuple[int, float]]) -> None:
        """Note what capacity is worth for a slot: by how much the best bid that uses it beats all that do not.

        Where an exempt message has the slot if that bid does not, and uses as much, no price saves capacity: such a
        slot is no demand of an `at_most`.
        """
        reach = self._coverage.reach(channel, brand)
        clock, told = self._now(at), []
        best = self._best(reach, bids)
        exempt = self._exempt_bids(reach, bids)
        for number in reach.constraints:
            using, other = self._rivals(reach, best, number)
            anyway = exempt.get(number, -math.inf) >= other
            if using == -math.inf or (using <= other and anyway) or other == math.inf:
                continue
            told.append(number)
            if not anyway or using == math.inf:
                self._pacers[number].observe(at, clock, using - other)
            elif self._pacers[number].at_most is None:
                self._pacers[number].observe(at, clock, math.inf)
        self._told = at, channel, brand, frozenset(told)

    def _best(self, reach: Reach, bids: Sequence[tuple[int, float]]) -> list[float]:
        """The best bid of each kind; mandatory actions come at any price."""
        best = [-math.inf] * len(reach.kinds)
        for action, bid in bids if reach.constraints else ():
            kind = reach.kind_of[action]
            best[kind] = math.inf if action in self._first else max(best[kind], bid)
        return best

    def _exempt_bids(self, reach: Reach, bids: Sequence[tuple[int, float]]) -> dict[int, float]:
        """By constraint: the best bid of an exempt message that counts for it."""
        found: dict[int, float] = {}
        for action, bid in bids if reach.exempt else ():
            for number in reach.exempt.get(action, ()):
                worth = math.inf if action in self._first else bid
                found[number] = max(found.get(number, worth), worth)
        return found

    def _rivals(self, reach: Reach, best: Sequence[float], number: int) -> tuple[float, float]:
        """The best bids, net of the prices of other constraints, that one governs and that it does not."""
        using, other = -math.inf, 0.0
        for governing, bid in zip(reach.kinds, best, strict=True):
            net = bid - sum(max(0.0, self._prices[each]) for each in governing if each != number)
            if number in governing:
                using = max(using, net)
            else:
                other = max(other, net)
        return using, other

    def take(self, at: Micros, spot: Contact) -> None:
        """A contact was made.

        One of an exempt class comes at any price, so that there is less for others; but not where it has a slot that
        others wanted and did not get: their demand is known, and one slot is not wanted twice.
        """
        clock = self._now(at)
        *slot, known = self._told
        told = known if slot == [at, spot.channel, spot.brand] else ()
        for number in self._coverage.counting(spot):
            self._windows[number].add(at)
            if spot.action in self._exempt and number not in told:
                self._pacers[number].observe(at, clock, math.inf)

    def release(self, at: Micros, spot: Contact) -> None:
        """The contact made at `at` came to nothing."""
        for number in self._coverage.counting(spot):
            self._windows[number].remove(at)

    def _now(self, at: Micros) -> Micros:
        if self._clock is None:
            self._clock = at
            if self._past == "unknown":
                for window in self._windows:
                    window.unknown_before(at)
        elif at > self._clock:
            self._clock = at
        return self._clock


def _left(at_most: int | None, fullest: int | None) -> int | None:
    if at_most is None:
        return None
    return 0 if fullest is None else max(0, at_most - fullest)


def _ceiling(spec: PlanSpec) -> float:
    """More than any priority can be under the plan, with any context weight and boost that applies once."""
    levers = [
        spec.issues[spec.groups[action.group].issue].lever_percent
        + spec.groups[action.group].lever_percent
        + action.lever_percent
        for action in spec.actions
    ]
    weights = [weight.percent for weight in spec.arbitration.context_weights]
    weights += [weight.percent for action in spec.actions for weight in action.context_weights]
    boost = math.prod(1.0 + max(0.0, influence.percent) / 100.0 for influence in spec.arbitration.influences)
    value = max(1.0, *(action.value for action in spec.actions))
    return (
        1.0
        + value
        * max(1.0, 1.0 + max(levers) / 100.0)
        * (1.0 + sum(max(0.0, weight) for weight in weights) / 100.0)
        * boost
    )
