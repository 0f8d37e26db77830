"""Pacing: the price at which capacity lasts, and goes to those to whom it is worth most.

The price is the least at which no more contacts are expected to be wanted, over the time that capacity has to last,
than there is capacity. For a minimum it is the smallest subsidy at which enough are expected. Expectations change
with each tick of event time; in between, prices follow what is left.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from models.plan.spec import VolumeSpec
from models.times import Micros
from models.volumes.demand import BOUNDS, RATIO, SIDE, SIZE, UNKNOWN, Demand
from models.volumes.windows import Window

TICKS = 192
"""Ticks in a window."""
NEWS = 1.1
"""When demand has grown by this factor within a tick, the next begins at once."""
PRIOR = 0.01
"""Before anything is known, so much of capacity is believed to have been wanted, and at such a rate that half of
capacity is enough: until demand proves otherwise, capacity is ample."""
DOUBT = 0.8
"""Of the supply that is expected, a minimum counts on this share, less two standard deviations."""


class Pacer:
    """The price of one constraint."""

    def __init__(self, constraint: VolumeSpec, window: Window, ceiling: float) -> None:
        """Before anything is known.

        Args:
          constraint: As written.
          window: Its contacts; the caller counts them.
          ceiling: More than any bid: the subsidy where a minimum comes first.
        """
        self.at_most = constraint.at_most
        self.at_least = constraint.at_least
        self._window = window
        self._ceiling = ceiling
        prior = max(2.0, PRIOR * (self.at_most or 0))
        share = prior / (self.at_most / (2.0 * UNKNOWN)) if self.at_most else PRIOR
        self.demand = Demand(prior if self.at_most else 0.0, share)
        self._begun = 0
        self._due = -(2**62)
        self._enough = 0
        self._wanted: list[list[float]] = []
        """Per horizon: contacts wanted at the bound of each bucket, dearest first, hence ascending."""
        self._ahead: tuple[Micros, ...] = ()

    def observe(self, at: Micros, clock: Micros, worth: float) -> None:
        """Somebody wanted a contact at `at`, and not at any price above `worth`."""
        self.demand.observe(self._window.span(clock), at, worth)

    def price(self, clock: Micros) -> float:
        """The price at `clock`, the latest time of any event; plan currency."""
        if clock >= self._due or self.demand.count >= self._enough:
            self._tick(clock)
        price = 0.0
        horizons = self._window.horizons(clock)
        for horizon, begun, wanted in zip(horizons, self._ahead, self._wanted, strict=True):
            if self.at_most is not None:
                share = horizon / begun if begun else 0.0
                left = self.at_most - self._window.spent(clock, horizon)
                price = max(price, _scarce(wanted, share, max(0, left)))  # exempt messages may use more
        if self.at_least is not None:
            price -= self._subsidy(clock, horizons)
        return price

    def _tick(self, clock: Micros) -> None:
        span = self._window.span(clock)
        self.demand.enter(span, clock)
        self._ahead = self._window.horizons(clock)
        self._wanted = [
            np.cumsum(self.demand.ahead(clock, horizon)[::-1]).tolist() for horizon in self._ahead
        ]
        length = span.ends - span.begins
        self._due = min(clock + max(1, length // TICKS), span.ends)
        self._enough = int(self.demand.count * NEWS) + 8

    def _subsidy(self, clock: Micros, horizons: Sequence[Micros]) -> float:
        """What must be added to bids so that the minimum is met."""
        assert self.at_least is not None
        if not self.demand.whole:  # nobody knows yet what is to come: the minimum comes first
            met = self._window.spent(clock, 0) >= self.at_least
            return 0.0 if met else self._ceiling
        subsidy = 0.0
        for horizon, begun, wanted in zip(horizons, self._ahead, self._wanted, strict=True):
            needed = self.at_least - self._window.spent(clock, horizon)
            share = horizon / begun if begun else 0.0
            subsidy = max(subsidy, _lacking(wanted, share, needed, self._ceiling))
        return subsidy


def _scarce(wanted: Sequence[float], share: float, left: int) -> float:
    """The least price at which no more than `left` are wanted.

    Where many are worth the same, that price is above all of them and leaves capacity unused. While whole contacts
    remain beyond those that better bids are expected to want, it is therefore one bucket lower: who comes first has it.
    """
    if share <= 0 or wanted[SIDE - 1] * share <= left:
        return 0.0
    fitting = bisect_right(wanted, left / share, 0, SIDE)
    better = wanted[fitting - 1] * share if fitting else 0.0
    if left - better >= 1.0:
        fitting += 1
    return BOUNDS[SIZE - fitting] if fitting else BOUNDS[SIZE - 1] * RATIO


def _lacking(wanted: Sequence[float], share: float, needed: int, ceiling: float) -> float:
    """The smallest subsidy at which at least `needed` are wanted, with doubt."""
    if needed <= 0:
        return 0.0
    # Solve DOUBT x - 2 sqrt(x) >= needed for the expectation x.
    root = (1.0 + (1.0 + DOUBT * needed) ** 0.5) / DOUBT
    position = bisect_left(wanted, root * root / share) if share > 0 else SIZE
    if position >= SIZE:
        return ceiling
    return max(0.0, -BOUNDS[SIZE - 1 - position])
