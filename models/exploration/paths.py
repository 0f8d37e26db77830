"""The integral of the product of the others' distribution functions over each contender's own, for many races.

Each race follows its path (F_1(x), ..., F_n(x)) as the bid x rises. A cell is a piece of one path from bid to bid;
taken as straight it is worth a polynomial's integral. Cells are cut in halves until what cuts move tells what is left.
"""

from typing import NamedTuple

import numpy as np

from models.exploration.laws import Floats, Ints, Laws

NEVER = 1e-9
"""What is less probable than this does not happen."""
_SETTLED = 2e-5
"""Cells are cut until no probability moves by more."""
_CALM = 1e-4
"""Where a half moves by more when it is cut itself, that both cuts agree may be luck."""
_SURE = 1e-6
"""A cell that can be wrong by no more is not cut at all."""
_EDGE = 2.0
"""With less wins or losses a distribution has an edge, or worse, at its end."""
_PARTS = 6
"""Of each contender's distribution, in the first grid, where few compete."""
_POINTS = 60
"""Where many do, their first grid has so many parts together, but never less than two each."""
_MOST_CUTS = 20
_NODES = np.array([0.0, 0.5 - 0.05**0.5, 0.5 + 0.05**0.5, 1.0])
_WEIGHTS = np.array([1.0, 5.0, 5.0, 1.0]) / 12.0
"""Gauss-Lobatto: exact for polynomials to the fifth degree, and both ends of a cell are among its nodes."""


def paths_won(laws: Laws, columns: Ints, start: Floats, at_start: Floats) -> Floats:
    """What each contender wins of each path (n, r), but for what it wins with bids lower than the first.

    Args:
      laws: Of all contenders.
      columns: Who they are (n, r), in the order that decides between equal bids.
      start: The first bid of each path (r,).
      at_start: P(bids no more than that) of each (n, r).
    """
    cells = _first_cells(laws, columns, start, at_start)
    total = np.zeros(columns.shape)
    sure = cells.spread <= _SURE
    _add(total, cells.race[sure], cells.won[:, sure])
    cut = _cut(laws, columns, cells.at(np.flatnonzero(~sure)))
    for _ in range(_MOST_CUTS):
        settled = cut.moved <= _SETTLED
        _add(total, cut.race[settled], cut.won[:, settled])
        cut = cut.at(np.flatnonzero(~settled))
        if not cut.race.size:
            break
        again = _cut(laws, columns, cut.halves)
        halves = again.won[:, : cut.race.size] + again.won[:, cut.race.size :]
        moved = halves - cut.won
        done = np.abs(moved).max(axis=0) <= _SETTLED
        done &= again.moved.reshape(2, -1).max(axis=0) <= _CALM
        # of what a cut of halves moves, a fifteenth is left
        _add(total, cut.race[done], (halves + moved / 15.0)[:, done])
        rough = np.flatnonzero(~done)
        cut = again.at(np.concatenate([rough, rough + cut.race.size]))
    _add(total, cut.race, cut.won)
    return np.maximum(total, 0.0)


class _Cells(NamedTuple):
    """Pieces of paths, (m,) of them."""

    race: Ints
    begin: Floats
    end: Floats
    path: Floats
    """(3, n, m): P(bids no more) at the beginning and the end, and what is won, taken as straight."""
    spread: Floats
    """What is won cannot be further away from that."""

    @classmethod
    def of(cls, race: Ints, begin: Floats, end: Floats, before: Floats, after: Floats) -> "_Cells":
        """Cells from bid to bid (m,), from P(bids no more) to P(bids no more) (n, m)."""
        rise = after - before
        others = _others(before[:, None] + _NODES[:, None] * rise[:, None])
        won = others[:, 0] * _WEIGHTS[0]
        for node in range(1, _NODES.size):
            won += others[:, node] * _WEIGHTS[node]
        spread = (rise * (others[:, -1] - others[:, 0])).max(axis=0)
        return cls(race, begin, end, np.stack([before, after, rise * won]), spread)

    @property
    def won(self) -> Floats:
        """What each contender wins in each (n, m), taken as straight."""
        won: Floats = self.path[2]
        return won

    def at(self, chosen: Ints) -> "_Cells":
        """Some of them."""
        begin, end, path, spread = (part.take(chosen, axis=-1) for part in self[1:])
        return _Cells(self.race[chosen], begin, end, path, spread)


class _Cut(NamedTuple):
    """Cells that were cut in halves, (m,) of them."""

    race: Ints
    won: Floats
    """What each contender wins in each (n, m), as the cut tells."""
    moved: Floats
    """By how much the cut moved that at most (m,)."""
    halves: _Cells
    """The first ones, then the second ones (2 m,)."""

    def at(self, chosen: Ints) -> "_Cut":
        """Some of them."""
        halves = self.halves.at(np.concatenate([chosen, chosen + self.race.size]))
        return _Cut(self.race[chosen], self.won.take(chosen, axis=1), self.moved[chosen], halves)


def _cut(laws: Laws, columns: Ints, cells: _Cells) -> _Cut:
    """Cut each cell where a half of the rise that wins most there is over."""
    before, after, straight = cells.path
    which = columns[:, cells.race]
    bids = _middles(laws, which, cells)
    cut = (bids > cells.begin) & (bids < cells.end) & (cells.spread > _SURE)
    middle = laws.between(which, bids, before, np.where(cut, after, before), NEVER)
    halves = _Cells.of(
        np.concatenate([cells.race, cells.race]),
        np.concatenate([cells.begin, bids]),
        np.concatenate([bids, cells.end]),
        np.concatenate([before, middle], axis=1),
        np.concatenate([middle, after], axis=1),
    )
    moved = np.where(cut, halves.won[:, : bids.size] + halves.won[:, bids.size :] - straight, 0.0)
    # a cut in halves takes three quarters of the error away
    return _Cut(cells.race, straight + moved * (4.0 / 3.0), np.abs(moved).max(axis=0), halves)


def _middles(laws: Laws, which: Ints, cells: _Cells) -> Floats:
    """A bid inside each cell."""
    before, after, straight = cells.path
    most, cell = straight.argmax(axis=0), np.arange(cells.race.size)
    bids = laws.bids(which[most, cell], 0.5 * (before[most, cell] + after[most, cell]))
    inside = (bids > cells.begin) & (bids < cells.end)
    return np.where(inside, bids, 0.5 * cells.begin + 0.5 * cells.end)


def _first_cells(laws: Laws, columns: Ints, start: Floats, at_start: Floats) -> _Cells:
    """The paths from `start` to their ends, in a first grid and the steps of their jumps."""
    race, bids, first = _points(laws, columns, start, at_start)
    which = columns[:, race]
    upto = laws.upto(which, bids)
    moved = np.arange(len(columns))[:, None] >= first
    path = np.where(moved, upto, laws.below(which, bids, upto))
    cell = np.flatnonzero(race[1:] == race[:-1])
    return _Cells.of(race[cell], bids[cell], bids[cell + 1], path[:, cell], path[:, cell + 1])


def _points(laws: Laws, columns: Ints, start: Floats, at_start: Floats) -> tuple[Ints, Floats, Ints]:
    """Points of the paths (p,), in order: race, bid, and the first column that has moved on to P(bids no more).

    Those before it are at P(bids less) still: where bids have a probability of their own, contenders move one by one,
    and who goes first among equals moves last: it wins.
    """
    races = np.arange(start.size)
    inner, grid = _grid(laws, columns, at_start)
    inside = grid > start[inner]
    jumps, jumping, column = _jumps(laws, columns, start)
    race = np.concatenate([races, races, inner[inside], jumps, jumps])
    bids = np.concatenate([start, laws.high[columns].max(axis=0), grid[inside], jumping, jumping])
    still = np.zeros(bids.size - 2 * jumps.size, dtype=np.int64)
    first = np.concatenate([still, np.full(jumps.size, len(columns)), column])
    return _in_order(race, bids, first)


def _grid(laws: Laws, columns: Ints, at_start: Floats) -> tuple[Ints, Floats]:
    """Bids that each contender exceeds with evenly spread probabilities, and its edges: race and bid."""
    column, race = np.nonzero(~laws.fixed[columns])
    who, below = columns[column, race], at_start[column, race]
    parts = np.clip(_POINTS // np.bincount(race, minlength=columns.shape[1]), 2, _PARTS)[race]
    number, each = np.nonzero(np.arange(1, _PARTS)[:, None] < parts)
    levels = below[each] + (1.0 - below[each]) * ((number + 1.0) / parts[each])
    inner = laws.bids(who[each], levels)
    least, most = laws.wins[who] < _EDGE, laws.losses[who] < _EDGE
    races = np.concatenate([race[each], race[least], race[most]])
    return races, np.concatenate([inner, laws.low[who[least]], laws.high[who[most]]])


def _jumps(laws: Laws, columns: Ints, start: Floats) -> tuple[Ints, Floats, Ints]:
    """Bids from `start` on that have a probability of their own: race, bid and column."""
    ends = np.stack([laws.low[columns], laws.high[columns]])
    masses = np.stack([laws.at_low[columns], laws.at_high[columns]])
    end, column, race = np.nonzero((masses > NEVER) & (ends >= start))
    return race, ends[end, column, race], column


def _in_order(race: Ints, bids: Floats, first: Ints) -> tuple[Ints, Floats, Ints]:
    """By race, then by bid, then the last first; each once."""
    order = np.lexsort((-first, bids, race))
    race, bids, first = race[order], bids[order], first[order]
    new = (race[1:] != race[:-1]) | (bids[1:] != bids[:-1]) | (first[1:] != first[:-1])
    kept = np.flatnonzero(np.concatenate([[True], new]))
    return race[kept], bids[kept], first[kept]


def _others(levels: Floats) -> Floats:
    """The product of all others along the first axis."""
    found = np.empty_like(levels)
    product = np.ones_like(levels[0])
    for column, level in enumerate(levels):
        found[column] = product
        product = product * level
    product = levels[-1]
    for column in range(len(levels) - 2, -1, -1):
        found[column] *= product
        product = product * levels[column]
    return found


def _add(total: Floats, race: Ints, won: Floats) -> None:
    """Add what is won (n, m) to its race's (n, r), cell after cell."""
    columns, races = total.shape
    where = np.arange(0, columns * races, races)[:, None] + race
    total += np.bincount(where.ravel(), won.ravel(), columns * races).reshape(total.shape)
