"""The best that could have been done, had all requests been known beforehand: a linear programme."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from benchmarks.pacing.streams import Stream
from models.times import duration
from models.volumes.quotes import Coverage
from models.volumes.windows import Calendar, window_of

Index = NDArray[np.int64]


class Rows(NamedTuple):
    """Constraints `A x <= b` as they are put together."""

    row: list[Index]
    column: list[Index]
    sign: list[NDArray[np.float64]]
    bound: list[float]

    def add(self, columns: Index, sign: float, bound: float) -> None:
        """One more."""
        self.row.append(np.full(len(columns), len(self.bound)))
        self.column.append(columns)
        self.sign.append(np.full(len(columns), sign))
        self.bound.append(bound)


def optimum(stream: Stream) -> float:
    """Value of the best fractional choice, which no choice beats.

    A minimum that no choice could meet is left out for that window.
    """
    request, action = np.nonzero(~np.isnan(stream.bids))
    gain = stream.bids[request, action]
    rows = Rows([], [], [], [])
    for number in range(len(stream.times)):
        rows.add(np.flatnonzero(request == number), 1.0, 1.0)
    _volumes(stream, request, action, rows)
    matrix = coo_matrix(
        (np.concatenate(rows.sign), (np.concatenate(rows.row), np.concatenate(rows.column))),
        shape=(len(rows.bound), len(gain)),
    )
    solved = linprog(-gain, A_ub=matrix.tocsr(), b_ub=rows.bound, bounds=(0, 1), method="highs")
    if not solved.success:
        raise RuntimeError(solved.message)
    return -float(solved.fun)


def _volumes(stream: Stream, request: Index, action: Index, rows: Rows) -> None:
    coverage = Coverage(stream.spec)
    times = np.array(stream.times)[request]
    for number, constraint in enumerate(coverage.constraints):
        inside = np.array([number in coverage.counts(int(a), "email", "bank") for a in action])
        window = window_of(constraint, stream.spec.time_zone)
        if isinstance(window, Calendar):
            spans = sorted({window.span(int(at)) for at in times})
        else:
            length = duration(constraint.per or "")
            spans = [window.span(0)._replace(begins=int(at) - length + 1, ends=int(at) + 1) for at in times]
        for span in spans:
            columns = np.flatnonzero(inside & (times >= span.begins) & (times < span.ends))
            if constraint.at_most is not None:
                rows.add(columns, 1.0, constraint.at_most)
            if constraint.at_least is not None and len(set(request[columns])) >= constraint.at_least:
                rows.add(columns, -1.0, -constraint.at_least)
