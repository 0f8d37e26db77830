"""A line chart as SVG, readable on light and on dark pages."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 150, 34, 40
_COLOURS = ("#2f6fde", "#c2571a", "#3a8f4d", "#8a4fbf")
_TICKS = 5


class Line(NamedTuple):
    """One series; as many values as there are places on the axis."""

    name: str
    values: Sequence[float]


def draw(xs: Sequence[float], lines: Sequence[Line], *, title: str, across: str) -> str:
    """The chart, from zero up.

    Args:
      xs: Places on the axis, ascending.
      lines: At most four.
      title: What the values are, with their unit.
      across: What `xs` are.
    """
    top, last = _nice(max(max(line.values) for line in lines)), max(xs)
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + wide * x / last, _TOP + high * (1 - y / top)

    parts = [
        _head(title),
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>',
        f'<text x="{_LEFT + wide / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>',
    ]
    for step in range(_TICKS + 1):
        x, y = at(last * step / _TICKS, top * step / _TICKS)
        parts += [
            f'<line x1="{_LEFT}" x2="{_LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#808080" stroke-opacity=".3"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * step / _TICKS:g}</text>',
            f'<text x="{x:.1f}" y="{_TOP + high + 18}" text-anchor="middle">{last * step / _TICKS:.2g}</text>',
        ]
    for line, colour in zip(lines, _COLOURS, strict=False):
        path = " ".join(
            f"{x:.1f},{y:.1f}" for x, y in (at(*pair) for pair in zip(xs, line.values, strict=True))
        )
        end = at(last, line.values[-1])[1]
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>',
            f'<text x="{_LEFT + wide + 8}" y="{end + 4:.1f}" fill="{colour}">{escape(line.name)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _nice(most: float) -> float:
    """A round number, not below the largest value, that divides well."""
    step = 10.0 ** (len(str(int(max(most, 1)))) - 1)
    return next(step * factor for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * factor >= most)


def _head(title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#808080">'
    )
