"""Plots as SVG inside the page: no library, no script; colours are the page's, every text is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup

from models.reporting.rates import Rate
from models.reporting.report import Calibration, Day, Pressure, Step
from pipelines.words import figure
from schemas import Stage

_NOTHING = Markup("")
_NARROW = 0.25
"""A part of the width."""
_LETTER = 7.0
"""Width of a letter under an axis."""


def interval(rate: Rate, most: float, mark: float | None = None) -> Markup:
    """A rate as a dot with its interval, for a cell of a table.

    Args:
      rate: What is drawn.
      most: The value at the right edge.
      mark: A value to compare with, drawn as a thin line.
    """
    value = rate.value
    if value is None or most <= 0:
        return _NOTHING
    parts = [
        _line("whisker", rate.low / most, rate.high / most),
        Markup('<circle class="dot" cx="{}%" cy="8" r="3.5"/>').format(_percent(value / most)),
    ]
    if mark is not None:
        at = _percent(mark / most)
        parts.insert(0, Markup('<line class="mark" x1="{}%" x2="{}%" y1="0" y2="16"/>').format(at, at))
    return _row(parts)


def extent(low: float, value: float, high: float, least: float, most: float) -> Markup:
    """An amount as a dot with its interval, between two edges that may be negative."""
    width = (most - least) or 1.0
    parts = [
        _line("whisker", (low - least) / width, (high - least) / width),
        Markup('<circle class="dot" cx="{}%" cy="8" r="3.5"/>').format(_percent((value - least) / width)),
    ]
    return _row(parts)


def funnel_bar(step: Step, scale: int) -> Markup:
    """A stage of the funnel: how many came, around the middle, and what of them went on, darker."""
    if not scale:
        return _NOTHING
    came = _centred("came", step.entered / scale)
    return _row([came, _centred("went", went_on(step) / scale)], height=20)


def went_on(step: Step) -> int:
    """What did not fall out at a stage: at the last one, what was offered."""
    return step.entered if step.stage == Stage.OUTPUT else step.entered - step.left


def scales(steps: Sequence[Step]) -> list[int]:
    """What the full width of each stage's bar stands for: it begins anew where bars would be too narrow to see."""
    made: list[int] = []
    for step in steps:
        scale = made[-1] if made else step.entered
        narrow = step.entered < scale * _NARROW and step.stage != Stage.OUTPUT
        made.append(step.entered if narrow else scale)
    return made


def _centred(name: str, share: float) -> Markup:
    return Markup('<rect class="{}" x="{}%" y="0" width="{}%" height="20"/>').format(
        name, _percent((1 - share) / 2), _percent(share)
    )


def _line(name: str, start: float, end: float) -> Markup:
    return Markup('<line class="{}" x1="{}%" x2="{}%" y1="8" y2="8"/>').format(
        name, _percent(start), _percent(end)
    )


def _row(parts: Sequence[Markup], *, height: int = 16) -> Markup:
    return Markup('<svg class="cell" width="100%" height="{}" aria-hidden="true">{}</svg>').format(
        height, _NOTHING.join(parts)
    )


def _percent(share: float) -> float:
    return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True)
class Frame:
    """Where the data of a plot with axes lies, in its own units."""

    width: int = 360
    height: int = 220
    left: int = 44
    right: int = 8
    top: int = 10
    bottom: int = 34

    def x(self, share: float) -> float:
        """Of a share of the way from left to right."""
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, share: float) -> float:
        """Of a share of the way up."""
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    def svg(self, label: str, parts: Sequence[Markup]) -> Markup:
        """The plot; `label` says what it shows to those who do not see it."""
        return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
            self.width, self.height, label, _NOTHING.join(parts)
        )

    def grid(self, most: float, words: Sequence[str]) -> list[Markup]:
        """Lines across, with what they stand for."""
        made = []
        for index, word in enumerate(words):
            at = self.y(index / (len(words) - 1))
            made.append(
                Markup(
                    '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick end" x="{}" y="{}">{}</text>'
                ).format(self.left, self.width - self.right, at, at, self.left - 5, at + 4, word)
            )
        return made if most else made[:1]

    def below(self, share: float, word: str) -> Markup:
        """A word under the axis."""
        return Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
            self.x(share), self.height - self.bottom + 15, word
        )

    def title(self, word: str) -> Markup:
        """What the axis below shows."""
        return Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
            self.x(0.5), self.height - 3, word
        )


def reliability(of: Calibration) -> Markup:
    """What was predicted against what was observed, by tenths, beside the line on which both are the same."""
    frame = Frame(height=300)
    most = _round_up(max([t.observed.high for t in of.tenths] + [t.predicted for t in of.tenths]))
    parts = frame.grid(most, [figure(most * part / 4, "share") for part in range(5)])
    parts.append(
        Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            frame.x(0), frame.y(0), frame.x(1), frame.y(1)
        )
    )
    for tenth in of.tenths:
        x = frame.x(tenth.predicted / most)
        parts.append(
            Markup(
                '<line class="whisker{}" x1="{}" x2="{}" y1="{}" y2="{}"/><circle class="dot{}" cx="{}" cy="{}" r="4"/>'
            ).format(
                "" if tenth.as_predicted else " off",
                x,
                x,
                frame.y(tenth.observed.low / most),
                frame.y(tenth.observed.high / most),
                "" if tenth.as_predicted else " off",
                x,
                frame.y((tenth.observed.value or 0.0) / most),
            )
        )
    parts += [frame.below(part / 4, figure(most * part / 4, "share")) for part in range(5)]
    parts.append(frame.title("predicted; upwards: observed"))
    return frame.svg(f"Reliability of {of.message_class}: observed against predicted, by tenths", parts)


def columns(days: Sequence[Day]) -> Markup:
    """Offers by day."""
    return _columns(
        [(f"{day.day.day} {day.day:%b}" if len(days) <= 10 else f"{day.day:%d}", day.offers) for day in days],
        "Offers by day",
        "",
    )


def pressure(rows: Sequence[Pressure]) -> Markup:
    """Customers by their contacts in the fullest seven days."""
    return _columns(
        [(name, customers) for name, customers, _ in binned(rows)],
        "Customers by contacts in their fullest seven days",
        "contacts in the fullest 7 days; upwards: customers",
    )


def binned(rows: Sequence[Pressure], bins: int = 12) -> list[tuple[str, int, int]]:
    """Not more than so many classes of equal width: what they are called, customers by contacts, and by marketing."""
    if not rows:
        return []
    width = -(-(rows[-1].contacts + 1) // bins)
    made = []
    for start in range(0, rows[-1].contacts + 1, width):
        inside = [row for row in rows if start <= row.contacts < start + width]
        name = str(start) if width == 1 else f"{start}–{start + width - 1}"
        made.append((name, sum(row.customers for row in inside), sum(row.marketing for row in inside)))
    return made


def _columns(values: Sequence[tuple[str, int]], label: str, title: str) -> Markup:
    frame = Frame(width=400, height=170, bottom=34 if title else 20)
    most = max((number for _, number in values), default=0)
    parts = frame.grid(most, ["0", f"{most / 2:,.0f}", f"{most:,}"]) if most else []
    step = 1 / max(1, len(values))
    room = (frame.width - frame.left - frame.right) / _LETTER
    shown = max(1, ceil(sum(len(name) + 1 for name, _ in values) / room))
    for index, (name, number) in enumerate(values):
        left, right = frame.x(index * step + step * 0.12), frame.x((index + 1) * step - step * 0.12)
        top = frame.y(number / most if most else 0)
        parts.append(
            Markup('<rect class="column" x="{}" y="{}" width="{}" height="{}"/>').format(
                left, top, round(right - left, 1), round(frame.y(0) - top, 1)
            )
        )
        if index % shown == 0:
            parts.append(frame.below((index + 0.5) * step, name))
    if title:
        parts.append(frame.title(title))
    return frame.svg(label, parts)


def _round_up(value: float) -> float:
    """A share that is not smaller, and whose quarters are easily read."""
    steps = (0.004, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.16, 0.2, 0.24, 0.32, 0.4, 0.6, 0.8)
    return next((step for step in steps if step >= value), 1.0)
