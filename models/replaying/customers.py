"""Customers compared one by one: who gets more, who gets less, and how contacts are spread."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.replaying.comparison import Bin, Distribution, Moved, Pair, Percentile
from models.replaying.tally import CustomerRow, Tally

Floats = NDArray[np.float64]

_PERCENTS = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 100.0)
_EDGES = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610)
_CENT = 0.005
"""Less than half a cent is rounding, no gain."""


class Sides(NamedTuple):
    """One number of every customer, aligned: shape (customers,)."""

    a: Floats
    b: Floats


def aligned(a: Tally, b: Tally) -> dict[str, Sides]:
    """Every field of `CustomerRow` for every customer of either plan."""
    keys = list(dict.fromkeys((*a.customers, *b.customers)))
    tables = [_table(tally, keys) for tally in (a, b)]
    return {
        name: Sides(tables[0][:, column], tables[1][:, column])
        for column, name in enumerate(CustomerRow._fields)
    }


def _table(tally: Tally, keys: Sequence[int]) -> Floats:
    nothing = CustomerRow(0, 0, 0.0, 0.0)
    rows = [tally.customers.get(key, nothing) for key in keys]
    return np.array(rows, dtype=np.float64).reshape(len(keys), len(CustomerRow._fields))


def moved(of: str, sides: Sides, unit: str) -> Moved:
    """Who gains and who loses."""
    change = sides.b - sides.a
    if unit == "value":
        change = np.where(np.abs(change) < _CENT, 0.0, change)
    return Moved(
        of=of,
        unit="value" if unit == "value" else "count",
        gain=int((change > 0).sum()),
        lose=int((change < 0).sum()),
        same=int((change == 0).sum()),
        gained=float(change[change > 0].sum()),
        lost=float(-change[change < 0].sum()),
    )


def distribution(of: str, sides: Sides) -> Distribution:
    """How a count is spread over the customers."""
    a, b = (np.sort(side) for side in sides)
    return Distribution(
        of=of,
        mean=Pair(_mean(a), _mean(b)),
        percentiles=tuple(
            Percentile(percent=percent, pair=Pair(_at(a, percent), _at(b, percent))) for percent in _PERCENTS
        ),
        bins=tuple(_bins(a, b)),
        top_share=Pair(_top_share(a), _top_share(b)),
    )


def _mean(ascending: Floats) -> float:
    return float(ascending.mean()) if len(ascending) else 0.0


def _at(ascending: Floats, percent: float) -> float:
    """The least number that so many percent of the customers do not exceed."""
    if not len(ascending):
        return 0.0
    rank = int(np.ceil(percent / 100.0 * len(ascending)))
    return float(ascending[max(rank, 1) - 1])


def _top_share(ascending: Floats) -> float:
    total = ascending.sum()
    top = int(np.ceil(len(ascending) / 100.0))
    return float(ascending[-top:].sum() / total) if total else 0.0


def _bins(a: Floats, b: Floats) -> Iterator[Bin]:
    """Widening steps, as far as there are customers."""
    most = max((side[-1] for side in (a, b) if len(side)), default=-1.0)
    for index, low in enumerate(_EDGES):
        last = index + 1 == len(_EDGES)
        high = np.inf if last else _EDGES[index + 1]
        if low > most:
            return
        pair = Pair(*(float(((side >= low) & (side < high)).sum()) for side in (a, b)))
        yield Bin(contacts=_label(low, None if last else int(high) - 1), customers=pair)


def _label(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low}-{high}"
