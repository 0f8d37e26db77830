"""The curves as tables."""

from collections.abc import Iterator, Sequence

from benchmarks.scaling.measuring import Point, by_curve

PANELS = (
    ("Rate against actions of the plan", "actions", "events per CPU s"),
    ("Rate against the share of one customer", "skew", "events per CPU s"),
    ("Memory against customers", "customers", "MB"),
    ("State against customers", "customers", "bytes a customer"),
    ("Memory against events, 20,000 customers", "events", "MB"),
    ("Wall clock against processes", "processes", "wall s"),
)
"""Title, curve and unit of each drawing."""
_UNITS = {
    "actions": ("events per CPU s", "peak MB"),
    "skew": ("events per CPU s", "peak MB"),
    "customers": ("MB", "bytes a customer", "us of CPU an event"),
    "events": ("MB", "bytes a customer"),
    "processes": ("wall s",),
}
_ROWS = 6


def tables(points: Sequence[Point]) -> Iterator[str]:
    """A table for each curve that was measured: a row for each x."""
    for curve, units in _UNITS.items():
        columns = [
            (f"{form}: {unit}", line)
            for unit in units
            for form, line in by_curve(points, curve, unit).items()
        ]
        if columns:
            yield from _table(curve, columns)
            yield ""


def _table(curve: str, columns: Sequence[tuple[str, list[Point]]]) -> Iterator[str]:
    yield f"| {curve} | {' | '.join(name for name, _ in columns)} |"
    yield f"| ---: |{' ---: |' * len(columns)}"
    xs = sorted({point.x for _, line in columns for point in line})
    for x in _some(xs):
        cells = [next((_number(point.y) for point in line if point.x == x), "") for _, line in columns]
        yield f"| {_number(x)} | {' | '.join(cells)} |"


def _some(xs: Sequence[float]) -> Sequence[float]:
    """All of a few; of many, the first, the last and some between."""
    if len(xs) <= _ROWS:
        return xs
    step = (len(xs) - 1) / (_ROWS - 1)
    return [xs[round(step * number)] for number in range(_ROWS)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
