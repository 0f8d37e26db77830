"""Who wins, in many races at once: arrays hold all of them, as one race is too small to be worth a call of numpy.

Contenders of a race are columns that are filled up with nobody, whose distribution function is 1 everywhere. Products
go from column to column, and sums from cell to cell, in the order that a race would have alone; so a race's
probabilities are the same to the last bit whatever it is computed beside.
"""

from collections.abc import Iterator

import numpy as np

from models.exploration.laws import Bools, Floats, Ints, Laws
from models.exploration.paths import NEVER, paths_won

_MOST = 8_000
"""Pairs of contenders that are worked on at once, nobody included: as much as caches hold."""


def race_chances(rows: Floats, race: Ints, races: int) -> Floats:
    """P(wins its race) of each contender (k,); those of a race add up to 1 less P(nobody bids more than its price).

    Args:
      rows: Gain, price, wins and losses of each contender (k, 4), race by race; of those that are not drawn, one at
        most in each race.
      race: Of each contender, rising (k,).
      races: How many there are.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        laws = Laws.of(rows)
        least, somebody = _least(laws, race, races)
        start = _start(laws, race, least)
        everyone, x = np.arange(race.size), start[race]
        upto = laws.upto(everyone, x)
        rising = laws.below(everyone, x, upto) < 1.0 - NEVER
        found = np.where(rising, somebody[race], 0.0)  # right already where one is left
        for columns, group in _groups(rising, race, races):
            won = paths_won(laws, columns, start[group], np.append(upto, 1.0)[columns])
            won *= somebody[group] / np.maximum(_sum(won), NEVER)
            there = columns < race.size
            found[columns[there]] = won[there]
    return found


def _least(laws: Laws, race: Ints, races: int) -> tuple[Floats, Floats]:
    """A bid of each race that somebody makes for certain, 0 if nobody does, and P(there is a higher bid, or it)."""
    everyone = np.arange(race.size)
    surely = laws.fixed[everyone] | (laws.price[everyone] <= 0.0)
    least, nobody = np.zeros(races), np.ones(races)
    np.maximum.at(least, race[surely], laws.low[everyone[surely]])
    nobody[race[surely]] = 0.0
    unsure = np.flatnonzero(nobody[race] > 0.0)
    x = least[race[unsure]]
    np.multiply.at(nobody, race[unsure], laws.below(unsure, x, laws.upto(unsure, x)))
    return least, 1.0 - nobody


def _start(laws: Laws, race: Ints, least: Floats) -> Floats:
    """A bid of each race, not below `least`, under which practically nobody wins: somebody is hardly ever below."""
    drawn = np.flatnonzero(~laws.fixed[: race.size])
    start = least.copy()
    np.maximum.at(start, race[drawn], laws.bids(drawn, np.full(drawn.size, NEVER)))
    return start


def _groups(rising: Bools, race: Ints, races: int) -> Iterator[tuple[Ints, Ints]]:
    """Races in which several rise: of races of similar size, who does (n, r), filled up with nobody, and which (r,)."""
    nobody = race.size
    who = np.flatnonzero(rising)
    counts = np.bincount(race[who], minlength=races)
    first = np.cumsum(counts) - counts
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 1]
    while order.size:
        padded = counts[order] ** 2 * np.arange(1, order.size + 1)
        group, order = np.split(order, [max(1, int(np.searchsorted(padded, _MOST, side="right")))])
        place = np.arange(counts[group[-1]])[:, None]
        there = place < counts[group]
        columns = np.full(there.shape, nobody)
        columns[there] = who[(first[group] + place)[there]]
        yield columns, group


def _sum(parts: Floats) -> Floats:
    """Of all rows, one after the other."""
    found: Floats = parts[0].copy()
    for part in parts[1:]:
        found += part
    return found
