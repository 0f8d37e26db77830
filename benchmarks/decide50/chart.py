"""The rates of a run as bars, on a logarithmic axis: from the naive pipeline to the limit it is three decades."""

from collections.abc import Iterator
from math import ceil, floor, log10

from benchmarks.decide50.jobs import NAIVE
from benchmarks.decide50.report import by_rate
from benchmarks.decide50.results import Results, Spread
from docs.diagrams.svg import SMALL, box, page, words
from docs.diagrams.text import width

_WIDE, _LEFT, _RIGHT, _TOP, _STEP, _BAR = 760.0, 178.0, 130.0, 84.0, 30.0, 18.0
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
    """From half of the least value to a little more than the most, with a line at each decade."""

    def __init__(self, least: float, most: float) -> None:
        self._low, self._high = log10(least / 2), log10(most * 1.2)

    def x(self, value: float) -> float:
        """Where a value is."""
        share = (log10(value) - self._low) / (self._high - self._low)
        return _LEFT + share * (_WIDE - _LEFT - _RIGHT)

    def grid(self, rows: int) -> Iterator[str]:
        """A line for each decade, with what it stands for."""
        bottom = _TOP + rows * _STEP
        for power in range(ceil(self._low), floor(self._high) + 1):
            x = self.x(10.0**power)
            yield f'<line class="life" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8:.1f}" y2="{bottom:.1f}"/>'
            yield words(f"{10.0**power:,.0f}", (x, bottom + 18), "small")


def _row(axis: _Axis, y: float, label: str, rate: Spread, style: str, base: float | None) -> Iterator[str]:
    """A bar to the median, a whisker over the spread, the number, and how many times the naive pipeline it is."""
    half = y + _BAR / 2
    yield words(label, (20, y + 14), "name" if style != "outside" else "", middle=False)
    yield box((_LEFT, y), (axis.x(rate.middle) - _LEFT, _BAR), f"box {style}", radius=2)
    yield (
        f'<line class="edge" x1="{axis.x(rate.least):.1f}" x2="{axis.x(rate.most):.1f}" '
        f'y1="{half:.1f}" y2="{half:.1f}"/>'
    )
    text = f"{rate.middle:,.0f}" + (f" \N{MIDDLE DOT} {rate.middle / base:,.1f} x" if base else "")
    at = axis.x(rate.most) + 6
    yield box((at, y + 1), (width(text, SMALL) + 6, _BAR - 2), "paper", radius=2)
    yield words(text, (at + 3, y + 13), "small", middle=False)


def _legend(results: Results) -> Iterator[str]:
    text = (
        f"{results.lines:,} lines, start-up taken off, equal outputs; logarithmic axis; line: least to most of "
        f"{len(results.jobs[0].runs)} rounds; x: times naive Beam"
    )
    yield words(text, (20, 50), "small", middle=False)
