"""The curves as small drawings on one page: logarithmic across, since what grows grows by factors."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10

from benchmarks.scaling.measuring import Point
from docs.diagrams.svg import page, words

_WIDE, _HIGH, _PANEL, _TOP, _LEFT = 860.0, 250.0, 430.0, 60.0, 70.0
_ACROSS, _DOWN = 310.0, 150.0
_LABELS = 6
_STYLES = ("system", "outside", "topic")


def drawing(panels: Sequence[tuple[str, Mapping[str, list[Point]]]], day: str) -> str:
    """One panel for each title and its lines by form."""
    parts: list[str] = []
    for number, (title, lines) in enumerate(panels):
        at = (_PANEL * (number % 2), _TOP + _HIGH * (number // 2))
        parts += _panel(title, lines, at)
    rows = (len(panels) + 1) // 2
    return page(f"How it scales, {day}", (_WIDE, _TOP + _HIGH * rows), parts)


def _panel(title: str, lines: Mapping[str, list[Point]], at: tuple[float, float]) -> Iterator[str]:
    yield words(title, (at[0] + 20, at[1] + 12), "name", middle=False)
    points = [point for line in lines.values() for point in line]
    if not points:
        return
    xs = sorted({point.x for point in points})
    top = max(point.y for point in points) * 1.1 or 1.0
    place = _Place(at, (min(xs), max(xs)), top)
    yield from place.axes(xs, points[0].unit)
    for style, (form, line) in zip(_STYLES, lines.items(), strict=False):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, line))
        yield f'<polyline class="edge" points="{path}"/>'
        for x, y in map(place, line):
            yield f'<circle class="box {style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        x, y = place(line[-1])
        yield words(form, (x - 4, y - 9), "small")


class _Place:
    """From a point to where it is drawn."""

    def __init__(self, at: tuple[float, float], across: tuple[float, float], top: float) -> None:
        self._left, self._base = at[0] + _LEFT, at[1] + 30 + _DOWN
        self._low, self._high = across
        self._top = top

    def __call__(self, point: Point) -> tuple[float, float]:
        return self._left + self._share(point.x) * _ACROSS, self._base - point.y / self._top * _DOWN

    def _share(self, x: float) -> float:
        if self._high == self._low:
            return 0.5
        if self._low <= 0:
            return (x - self._low) / (self._high - self._low)
        return log10(x / self._low) / log10(self._high / self._low)

    def axes(self, xs: Sequence[float], unit: str) -> Iterator[str]:
        """The two axes, with the values of x that were measured (of many, the first and the last), and a few of y."""
        right = self._left + _ACROSS
        for part in range(5):
            y = self._base - part / 4 * _DOWN
            yield f'<line class="life" x1="{self._left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield words(short(self._top * part / 4), (self._left - 24, y + 4), "small")
        for x in xs if len(xs) <= _LABELS else (xs[0], xs[-1]):
            yield words(short(x), (self._left + self._share(x) * _ACROSS, self._base + 18), "small")
        yield words(unit, (self._left, self._base + 34), "small", middle=False)


def short(value: float) -> str:
    """A number in a few letters: 12, 1.5k, 10M."""
    for least, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= least:
            return f"{value / least:.3g}{letter}"
    return f"{value:.3g}"
