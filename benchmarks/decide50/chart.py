"""The rates of a run as bars, on a logarithmic axis: from the naive pipeline to the limit it is three decades."""

from collections.abc import Iterator
from math import ceil, floor, log10

from benchmarks.decide50.jobs import NAIVE
from benchmarks.decide50.report import by_rate
from benchmarks.decide50.results import Results, Spread
from docs.diagrams.svg import box, page, words

_WIDE, _LEFT, _RIGHT, _TOP, _STEP, _BAR = 760.0, 178.0, 150.0, 84.0, 30.0, 18.0
_LIMIT = "limit of the machine"


def chart(results: Results) -> str:
    """The drawing, for light and for dark pages."""
    rows = [(job.label, rate, "system" if job.ours else "outside") for job, rate in by_rate(results)]
    if results.limits:
        rows.insert(0, (_LIMIT, results.limit, "topic"))
    axis = _Axis(min(rate.least for _, rate, _ in rows), max(rate.most for _, rate, _ in rows))
    naive = results.job(NAIVE)
    base = naive.rate(results.lines).middle if naive else None
    parts = [*_legend(results), *axis.grid(len(rows))]
    for number, (label, rate, style) in enumerate(rows):
        parts += _row(axis, _TOP + number * _STEP, label, rate, style, base)
    high = _TOP + len(rows) * _STEP + 34
    return page(f"decide-50: events per CPU second, {results.day}", (_WIDE, high), parts)


class _Axis:
    """Whole decades, from below the least value to above the most."""

    def __init__(self, least: float, most: float) -> None:
        self._low = floor(log10(max(least, 1.0)))
        self._high = max(ceil(log10(max(most, 1.0))), self._low + 1)

    def x(self, value: float) -> float:
        """Where a value is."""
        share = (log10(max(value, 1.0)) - self._low) / (self._high - self._low)
        return _LEFT + share * (_WIDE - _LEFT - _RIGHT)

    def grid(self, rows: int) -> Iterator[str]:
        """A line for each decade, with what it stands for."""
        bottom = _TOP + rows * _STEP
        for power in range(self._low, self._high + 1):
            x = self.x(10.0**power)
            yield f'<line class="life" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8:.1f}" y2="{bottom:.1f}"/>'
            yield words(f"{10**power:,}", (x, bottom + 18), "small")


def _row(axis: _Axis, y: float, label: str, rate: Spread, style: str, base: float | None) -> Iterator[str]:
    """A bar to the median, a whisker over the spread, the number, and how many times the naive pipeline it is."""
    left, middle, half = axis.x(0), axis.x(rate.middle), y + _BAR / 2
    yield words(label, (20, y + 14), "name" if style != "outside" else "", middle=False)
    yield box((_LEFT, y), (max(1.0, middle - max(left, _LEFT)), _BAR), f"box {style}", radius=2)
    yield (
        f'<line class="edge" x1="{axis.x(rate.least):.1f}" x2="{axis.x(rate.most):.1f}" '
        f'y1="{half:.1f}" y2="{half:.1f}"/>'
    )
    times = f"  {rate.middle / base:,.1f} x" if base else ""
    yield words(f"{rate.middle:,.0f}{times}", (axis.x(rate.most) + 8, y + 14), "small", middle=False)


def _legend(results: Results) -> Iterator[str]:
    text = (
        f"{results.lines:,} lines, start-up taken off, equal outputs; logarithmic axis; line: least to most of "
        f"{len(results.jobs[0].runs)} rounds; x: times naive Beam"
    )
    yield words(text, (20, 50), "small", middle=False)
