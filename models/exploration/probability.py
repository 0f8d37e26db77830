"""The exact probability with which each contender wins a slot, where propensities are drawn.

A contender bids gain x s - price, where s is drawn from a Beta distribution of its own, or is 1 for those that are not
drawn. The best bid wins, equal bids in the order of the contenders; one that its price leaves nothing of does not
compete. So P(i wins) is the integral of the product of the others' distribution functions over i's own.

It is computed along the path (F_1(x), ..., F_n(x)) as the bid x rises: between two points of a grid the path is taken
as straight, and along a straight line the integral of the product is a polynomial, which Gauss-Legendre integrates.
No density is needed, so certainty, jumps and singular ends (p near 0 or 1, little or much evidence) are no special
cases, and all probabilities of a slot add up to one by construction. Grids are made finer until nothing moves.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.exploration.sampling import LEAST, is_drawn
from schemas.decision import Candidate, Decision, Offer

Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float64).max)
_NEVER = 1e-9
"""What is less probable than this does not happen."""
_SETTLED = 2e-5
"""Cells are cut until no probability moves by more."""
_PARTS = 10
"""Of each contender's distribution, in the first grid."""
_MOST_CUTS = 20
_RUNGS = 12
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


class Contender(NamedTuple):
    """Bids gain x s - price, s ~ Beta(wins, losses); fixed (s = 1) where these are 0."""

    gain: float
    price: float = 0.0
    wins: float = 0.0
    losses: float = 0.0

    @classmethod
    def of(
        cls, priority: float, propensity: float, evidence: float, boost: float = 1.0, price: float = 0.0
    ) -> "Contender":
        """The contender whose bid is priority x (s / propensity) x boost - price."""
        if priority <= 0.0 or not is_drawn(propensity, evidence):
            return cls(min(priority * boost, _LARGEST), price)
        gain = min(priority / propensity * boost, _LARGEST)
        return cls(gain, price, propensity * evidence, (1.0 - propensity) * evidence)

    @property
    def drawn(self) -> bool:
        """Whether chance has a say in its bid."""
        return self.gain > 0.0 and self.wins > 0.0 and self.losses > 0.0


def win_probabilities(contenders: Sequence[Contender]) -> list[float]:
    """P(wins the slot) of each contender, to 1e-4; they add up to 1 less P(nobody bids more than its price).

    Args:
      contenders: In the order that decides between equal bids.
    """
    found = [0.0] * len(contenders)
    drawn = [i for i, each in enumerate(contenders) if each.drawn]
    fixed = _best_fixed(contenders)
    playing = sorted(drawn if fixed is None else [*drawn, fixed])
    for i, chance in zip(playing, _Race([contenders[i] for i in playing]).chances(), strict=True):
        found[i] = chance
    return found


def with_probabilities(decision: Decision) -> Decision:
    """The decision with the probability of each offer, from what the record holds; 1 where chance had no say.

    Raises:
      ValueError: The record does not hold what the offer was chosen from.
    """
    offers = tuple([_told(offer, decision.ranked) for offer in decision.offers])
    return msgspec.structs.replace(decision, offers=offers)


def _told(offer: Offer, ranked: Sequence[Candidate]) -> Offer:
    return msgspec.structs.replace(offer, probability=_probability(offer, ranked))


def slot_probabilities(decision: Decision, offer: Offer) -> dict[int, float]:
    """P(wins the slot of `offer`) of each candidate that could have, by rank; empty where chance had no say.

    Raises:
      ValueError: The record does not hold what the offer was chosen from.
    """
    if offer.mandatory or not offer.contenders:
        return {}
    return dict(zip(offer.contenders, _chances(offer, decision.ranked), strict=True))


def _chances(offer: Offer, ranked: Sequence[Candidate]) -> list[float]:
    if not 1 <= min(offer.contenders) <= max(offer.contenders) <= len(ranked):
        raise ValueError(f"offer {offer.rank}: no candidate of rank {max(offer.contenders)}")
    contenders = [ranked[rank - 1] for rank in offer.contenders]
    prices = offer.contender_prices or [candidate.price for candidate in contenders]
    return win_probabilities(
        [
            Contender.of(each.priority, each.propensity, each.evidence or 0.0, each.boost, price)
            for each, price in zip(contenders, prices, strict=True)
        ]
    )


def _probability(offer: Offer, ranked: Sequence[Candidate]) -> float:
    if offer.mandatory or not offer.contenders:
        return 1.0
    chances = _chances(offer, ranked)
    if offer.fallback:
        return min(max(0.0, 1.0 - sum(chances)), 1.0)
    names = [ranked[rank - 1].action for rank in offer.contenders]
    if offer.action not in names:
        raise ValueError(f"offer {offer.rank}: {offer.action!r} is not among its contenders")
    return min(max(chances[names.index(offer.action)], _NEVER), 1.0)  # it happened: weights divide by it


def _best_fixed(contenders: Sequence[Contender]) -> int | None:
    """The first of the best bids that are not drawn, of those that their price leaves something of."""
    bids = [
        (each.gain - each.price, -i)
        for i, each in enumerate(contenders)
        if not each.drawn and not each.gain - each.price <= 0.0 < each.price
    ]
    return -max(bids)[1] if bids else None


class _Race:
    """Contenders with arrays of their parameters (n,): any that are drawn, one at most that is not."""

    def __init__(self, contenders: Sequence[Contender]) -> None:
        rows = np.array(contenders, dtype=np.float64).reshape(len(contenders), 4)
        self.gain, self.price, self.wins, self.losses = rows.T
        self.fixed = np.array([not each.drawn for each in contenders], dtype=np.bool_)
        with np.errstate(over="ignore"):
            self.low = np.where(self.fixed, self.gain, self.gain * LEAST) - self.price
            self.high = np.where(self.fixed, self.gain, self.gain * (1.0 - LEAST)) - self.price
        self.at_low, self.at_high = self._masses()

    def _masses(self) -> tuple[Floats, Floats]:
        """Probability of the lowest and of the highest bid of each: draws are bounded."""
        from scipy.special import betainc  # noqa: PLC0415  (a worker that never explores does without)

        wins, losses = np.where(self.fixed, 1.0, self.wins), np.where(self.fixed, 1.0, self.losses)
        low = np.where(self.fixed, 1.0, betainc(wins, losses, LEAST))
        high = np.where(self.fixed, 0.0, betainc(losses, wins, LEAST))
        return low, high

    def chances(self) -> list[float]:
        """P(wins) of each."""
        found = np.zeros(self.gain.size)
        surely = self.fixed | (self.price <= 0.0)
        least = float(self.low[surely].max(initial=0.0))
        nobody = float(np.prod(self.below(np.array([least]))))
        start = self._start(least)
        rising = np.flatnonzero(self.below(np.array([start]))[0] < 1.0 - _NEVER)
        if rising.size:
            won = self._won(self._cells(start, rising), rising)
            found[rising] = won * ((1.0 - nobody) / max(float(won.sum()), _NEVER))
        return [float(chance) for chance in found]

    def _won(self, cells: "_Cells", rising: NDArray[np.int64]) -> Floats:
        """P(wins) of those that rise over the cells, each cut in halves until that moves nothing."""
        total = np.zeros(rising.size)
        straight = cells.worth()
        for _ in range(_MOST_CUTS):
            bids = self._middles(cells, rising)
            cut = (bids > cells.begin) & (bids < cells.end)
            total += straight[~cut].sum(axis=0)
            cells, straight = cells.at(cut), straight[cut]
            if not cut.any():
                break
            left, right = cells.cut(bids[cut], self.upto(bids[cut])[:, rising])
            first, second = left.worth(), right.worth()
            moved = first + second - straight
            rough = np.abs(moved).max(axis=1) > _SETTLED
            # a cut in halves takes three quarters of the error away
            total += (straight + moved * (4.0 / 3.0))[~rough].sum(axis=0)
            cells = left.at(rough).joined(right.at(rough))
            straight = np.concatenate([first[rough], second[rough]])
        else:
            total += straight.sum(axis=0)
        return np.maximum(total, 0.0)

    def _start(self, least: float) -> float:
        """The highest bid, not below `least`, under which practically nobody wins."""
        beneath, top = least, float(self.high.max(initial=0.0))
        if top <= least or np.prod(self.upto(np.array([least]))[0]) > _NEVER:
            return least
        for _ in range(2):  # coarse is enough: a start that is too low costs a cell, not exactness
            ladder = np.linspace(beneath, top, _RUNGS)
            step = int(np.argmax(np.prod(self.upto(ladder), axis=1) > _NEVER))
            beneath, top = float(ladder[max(step - 1, 0)]), float(ladder[step])
        return beneath

    def upto(self, bids: Floats) -> Floats:
        """P(bids no more than x, or nothing), of each x in `bids` (m,) and each contender: (m, n)."""
        from scipy.special import betainc  # noqa: PLC0415

        x = bids[:, None]
        inside = ~self.fixed & (x > self.low) & (x < self.high)
        rows, columns = np.nonzero(inside)
        draws = np.clip((bids[rows] + self.price[columns]) / self.gain[columns], LEAST, 1.0 - LEAST)
        found = np.where(x >= self.high, 1.0, np.where(x == self.low, self.at_low, 0.0))
        found[rows, columns] = betainc(self.wins[columns], self.losses[columns], draws)
        return found

    def below(self, bids: Floats) -> Floats:
        """P(bids less than x, or nothing), likewise: another number only where a bid has a chance of its own."""
        x = bids[:, None]
        found = self.upto(bids)
        bid = (self.price <= 0.0) | (x > 0.0)
        found = np.where((x == self.high) & ~self.fixed & bid, 1.0 - self.at_high, found)
        return np.where((x == self.low) & bid, 0.0, found)

    def _cells(self, start: float, rising: NDArray[np.int64]) -> "_Cells":
        """The path from `start` to the end, in a first grid and the steps of its jumps."""
        jumps = self._jumps(start, rising)
        ends = np.array([*jumps, start, self.high.max()])
        bids = np.unique(np.concatenate([ends, self._grid(start, rising)]))
        after = self.upto(bids)[:, rising]
        xs, rows, done = [], [], 0
        for bid, members in sorted(jumps.items()):
            at = int(np.searchsorted(bids, bid))
            row = self.below(np.array([bid]))[0, rising]
            steps = [row.copy()]
            for i in reversed(members):  # who goes first among equals moves last: it wins
                row[i] = after[at, i]
                steps.append(row.copy())
            xs += [bids[done:at], np.full(len(steps), bid)]
            rows += [after[done:at], np.array(steps)]
            done = at + 1
        x, path = np.concatenate([*xs, bids[done:]]), np.concatenate([*rows, after[done:]])
        return _Cells(x[:-1], x[1:], path[:-1], path[1:])

    def _jumps(self, start: float, rising: NDArray[np.int64]) -> dict[float, list[int]]:
        """Bids from `start` on that have a probability of their own, and whose they are (positions in `rising`)."""
        found: dict[float, list[int]] = {}
        for position, i in enumerate(rising.tolist()):
            for bid, mass in ((self.low[i], self.at_low[i]), (self.high[i], self.at_high[i])):
                if bid >= start and mass > _NEVER:
                    found.setdefault(float(bid), []).append(position)
        return found

    def _grid(self, start: float, rising: NDArray[np.int64]) -> Floats:
        """Bids above `start` that each contender exceeds with evenly spread probabilities."""
        drawn = rising[~self.fixed[rising]]
        below = self.upto(np.array([start]))[0, drawn]
        levels = below + (1.0 - below) * (np.arange(1, _PARTS)[:, None] / _PARTS)
        bids = self._bids(drawn, levels).ravel()
        return bids[bids > start]

    def _middles(self, cells: "_Cells", rising: NDArray[np.int64]) -> Floats:
        """A bid inside each cell: the middle of the rise that matters most there."""
        rise = np.where(self.fixed[rising], 0.0, cells.after - cells.before)
        which = np.argmax(rise * _others(cells.after), axis=1)
        rows = np.arange(which.size)
        levels = 0.5 * (cells.before[rows, which] + cells.after[rows, which])
        bids = self._bids(rising[which], levels)
        inside = (bids > cells.begin) & (bids < cells.end)
        return np.where(inside, bids, 0.5 * (cells.begin + cells.end))

    def _bids(self, contenders: NDArray[np.int64], levels: Floats) -> Floats:
        """The bids of contenders at levels of their distribution."""
        from scipy.special import betaincinv  # noqa: PLC0415

        draws = betaincinv(self.wins[contenders], self.losses[contenders], levels)
        bids: Floats = np.clip(draws, LEAST, 1.0 - LEAST) * self.gain[contenders] - self.price[contenders]
        return bids


class _Cells(NamedTuple):
    """Straight pieces of the path: from bid to bid (m,), from P(bids no more) to P(bids no more) (m, r)."""

    begin: Floats
    end: Floats
    before: Floats
    after: Floats

    def worth(self) -> Floats:
        """The integral of the product of the others over each contender's own rise (m, r), taken as straight."""
        rise = self.after - self.before
        total = np.zeros_like(rise)
        for node, weight in zip((_NODES + 1.0) / 2.0, _WEIGHTS / 2.0, strict=True):
            total += weight * _others(self.before + node * rise)
        return rise * total

    def at(self, chosen: NDArray[np.bool_]) -> "_Cells":
        """Some of them."""
        return _Cells(*(part[chosen] for part in self))

    def cut(self, bids: Floats, rows: Floats) -> tuple["_Cells", "_Cells"]:
        """The parts of each cell before and after a bid inside of it."""
        return _Cells(self.begin, bids, self.before, rows), _Cells(bids, self.end, rows, self.after)

    def joined(self, more: "_Cells") -> "_Cells":
        """These and others."""
        return _Cells(*(np.concatenate(pair) for pair in zip(self, more, strict=True)))


def _others(levels: Floats) -> Floats:
    """The product of each row without the element itself; 0 where that is 0."""
    found = np.zeros_like(levels)
    np.divide(np.prod(levels, axis=1)[:, None], levels, out=found, where=levels > 0.0)
    return found
