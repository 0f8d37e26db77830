"""Rates with intervals of 95 %, and what two of them say of each other."""

from collections.abc import Iterable
from math import exp, log, sqrt

import msgspec

Z = 1.959963984540054
FOUR_FIFTHS = 0.8
FEW = 30
"""With fewer than so many behind it, a rate is not compared with others."""


class Rate(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many of so many."""

    hits: int
    of: int
    customers: int | None = None
    """Whose they are, where one has several: what one customer does is alike. None: each stands for itself."""
    effect: float = 1.0
    """How many times the variance is that of as many that are independent (Kish's design effect), at least 1."""

    @classmethod
    def clustered(
        cls, hits: int, of: int, customers: int, hits_squared: int, hits_times_of: int, of_squared: int
    ) -> "Rate":
        """The rate of what customers did several times, with the variance between customers (a ratio estimator's).

        Args:
          hits: Of all customers.
          of: Of all customers.
          customers: Those with any.
          hits_squared: Sum over customers of the square of their hits.
          hits_times_of: Likewise, of the product of both.
          of_squared: Likewise, of the square of what they have hits of.
        """
        if customers < 2:
            return cls(hits, of, customers)
        rate = hits / of
        between = hits_squared - 2 * rate * hits_times_of + rate * rate * of_squared
        alone = hits * (of - hits) / of
        alike = of_squared / of  # as if each customer did always the same
        effect = between / alone if alone else alike
        return cls(hits, of, customers, max(1.0, round(effect, 9)))  # of one each it is 1, and not 1 + 2e-16

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def low(self) -> float:
        """Lower end, by Wilson; 0 of nothing."""
        middle, margin = self._wilson()
        return max(0.0, middle - margin)

    @property
    def high(self) -> float:
        """Upper end, by Wilson; 1 of nothing."""
        middle, margin = self._wilson()
        return min(1.0, middle + margin)

    @property
    def few(self) -> bool:
        """Whether it rests on too little to be compared."""
        return min(self.of, self.of if self.customers is None else self.customers) < FEW

    def _wilson(self) -> tuple[float, float]:
        if not self.of:
            return 0.5, 0.5
        hits, of = self.hits / self.effect, self.of / self.effect
        spread = hits * (of - hits) / of + Z * Z / 4
        return (hits + Z * Z / 2) / (of + Z * Z), Z * sqrt(spread) / (of + Z * Z)


class Ratio(msgspec.Struct, frozen=True):
    """A rate as a part of the highest among its fellows (the adverse impact ratio), with its interval."""

    value: float
    low: float
    high: float
    best: bool = False
    """It is the highest itself."""

    @property
    def below(self) -> bool:
        """Whether it is under four fifths."""
        return self.value < FOUR_FIFTHS

    @property
    def surely_below(self) -> bool:
        """Whether the whole interval is."""
        return self.high < FOUR_FIFTHS


def impact_ratios(rates: Iterable[Rate]) -> list[Ratio | None]:
    """Each rate as a part of the highest; None for those with few behind them, which are no yardstick either.

    The interval is Katz's, of the logarithm of the ratio, with half a hit more where there is none. To choose the
    highest of several as the yardstick makes ratios a little too small.
    """
    given = list(rates)
    able = [rate for rate in given if not rate.few]
    best = max(able, key=lambda rate: rate.hits / rate.of, default=None)
    if best is None or not best.hits or len(able) < 2:
        return [None for _ in given]
    return [None if rate.few else _ratio(rate, best) for rate in given]


def _ratio(rate: Rate, best: Rate) -> Ratio:
    if rate is best:
        return Ratio(1.0, 1.0, 1.0, best=True)
    hits = rate.hits or 0.5
    variance = rate.effect * max(0.0, 1 / hits - 1 / rate.of)
    variance += best.effect * max(0.0, 1 / best.hits - 1 / best.of)
    middle, margin = log(hits / rate.of * best.of / best.hits), Z * sqrt(variance)
    value = min(1.0, rate.hits / rate.of * best.of / best.hits)
    return Ratio(value, exp(middle - margin), exp(middle + margin))
