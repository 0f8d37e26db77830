"""The distributions of many contenders' bids at once: how probable it is that each bids no more than x.

Everything here is done element by element, so no number depends on what it is computed beside.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.exploration.sampling import LEAST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Laws(NamedTuple):
    """Laws of k contenders, and behind them that of nobody, who never bids: arrays (k + 1,)."""

    gain: Floats
    price: Floats
    wins: Floats
    losses: Floats
    fixed: Bools
    low: Floats
    """The lowest bid, and the highest: draws are bounded."""
    high: Floats
    at_low: Floats
    """Probability of the lowest bid, and of the highest."""
    at_high: Floats

    @classmethod
    def of(cls, rows: Floats) -> "Laws":
        """The laws of contenders (k, 4): gain, price, wins, losses."""
        from scipy.special import betainc  # noqa: PLC0415  (a worker that never explores does without)

        gain, price, wins, losses = np.vstack([rows, np.zeros(4)]).T.copy()
        drawn = (gain > 0.0) & (wins > 0.0) & (losses > 0.0)
        wins, losses = np.where(drawn, wins, 1.0), np.where(drawn, losses, 1.0)
        low = np.where(drawn, gain * LEAST, gain) - price
        high = np.where(drawn, gain * (1.0 - LEAST), gain) - price
        low[-1] = high[-1] = -np.inf
        at_low, at_high = np.ones(gain.size), np.zeros(gain.size)
        at_low[drawn] = betainc(wins[drawn], losses[drawn], LEAST)
        at_high[drawn] = betainc(losses[drawn], wins[drawn], LEAST)
        return cls(gain, price, wins, losses, ~drawn, low, high, at_low, at_high)

    def upto(self, which: Ints, x: Floats) -> Floats:
        """P(bids no more than x, or nothing) of contenders (k,) or (n, k), at bids x (k,), not below 0."""
        found = np.where(x == self.low[which], self.at_low[which], 0.0)
        return self._inside(which, x, found, np.ones_like(found))

    def between(self, which: Ints, x: Floats, before: Floats, after: Floats, least: float) -> Floats:
        """`upto` for bids inside of intervals, from what it is at both ends; `before` where less than `least` apart."""
        return self._inside(which, x, before, np.where(after - before > least, after, before))

    def _inside(self, which: Ints, x: Floats, before: Floats, after: Floats) -> Floats:
        """`upto` where it rises from `before` to `after` between lowest and highest bid, else that."""
        from scipy.special import betainc  # noqa: PLC0415

        high = self.high[which]
        found = np.where(x >= high, after, before)
        inside = np.nonzero((x > self.low[which]) & (x < high) & (after > before))
        who, bids = which[inside], x[inside[-1]]
        draws = _bounded((bids + self.price[who]) / self.gain[who])
        found[inside] = betainc(self.wins[who], self.losses[who], draws)
        return found

    def below(self, which: Ints, x: Floats, upto: Floats) -> Floats:
        """P(bids less than x, or nothing), from `upto`: another number only where a bid has a chance of its own."""
        bid = (self.price[which] <= 0.0) | (x > 0.0)
        highest = (x == self.high[which]) & ~self.fixed[which] & bid
        found = np.where(highest, 1.0 - self.at_high[which], upto)
        return np.where((x == self.low[which]) & bid, 0.0, found)

    def bids(self, which: Ints, levels: Floats) -> Floats:
        """The bids of contenders at levels of their distribution; anything for those that are not drawn."""
        from scipy.special import betaincinv  # noqa: PLC0415

        draws = betaincinv(self.wins[which], self.losses[which], levels)
        bids: Floats = _bounded(draws) * self.gain[which] - self.price[which]
        return bids


def _bounded(draws: Floats) -> Floats:
    """As draws are; several times as quick as `numpy.clip` where there are few."""
    bounded: Floats = np.minimum(np.maximum(draws, LEAST), 1.0 - LEAST)
    return bounded
