"""Who says what to whom, from top to bottom."""

from collections.abc import Iterator, Mapping
from typing import Any

from docs.diagrams.svg import NORMAL, PAD, SMALL, Point, arrow, box, label, page, words
from docs.diagrams.text import lines, width

_TOP, _HIGH, _STEP = 56.0, 44.0, 40.0


def draw(drawing: Mapping[str, Any]) -> str:
    """The SVG of a sequence.

    Raises:
      ValueError: A text does not fit between those who speak.
    """
    column, members = drawing["column"], drawing["members"]
    across = {who["id"]: 2 * PAD + column * (n + 0.5) for n, who in enumerate(members)}
    down = [_TOP + _HIGH + _STEP * (n + 1) for n in range(len(drawing["steps"]))]
    bottom = down[-1] + _STEP
    parts: list[str] = []
    for who in members:
        x = across[who["id"]]
        parts.append(f'<line class="life" x1="{x}" x2="{x}" y1="{_TOP + _HIGH}" y2="{bottom - 10}"/>')
        parts += _head(who, x, column - 2 * PAD)
    for step, y in zip(drawing["steps"], down, strict=True):
        parts += _step(step, across, y, column)
    return page(drawing["title"], (column * len(members) + 4 * PAD, bottom), parts)


def _head(who: Mapping[str, Any], x: float, room: float) -> Iterator[str]:
    name = lines(who["name"], NORMAL, room - 2 * PAD, bold=True)
    yield box((x - room / 2, _TOP), (room, _HIGH), f"box {who['kind']}")
    for number, line in enumerate(name):
        yield words(line, (x, _TOP + 26 - 7 * (len(name) - 1) + 15 * number), "name")


def _step(step: Mapping[str, Any], across: Mapping[str, float], y: float, column: float) -> Iterator[str]:
    start, end = across[step["from"]], across[step["to"]]
    if start == end:
        room, at = column - 2 * PAD, (start, y)
        yield from _note(lines(step["text"], SMALL, room), at)
        return
    text = lines(step["text"], SMALL, abs(end - start) - PAD)
    yield arrow([(start, y), (end, y)])
    yield from label(text, ((start + end) / 2, y - 3 - 7 * len(text)))


def _note(text: list[str], at: Point) -> Iterator[str]:
    wide, high = max(width(line, SMALL) for line in text) + PAD, len(text) * 14 + 4
    yield box((at[0] - wide / 2, at[1] - high / 2), (wide, high), "box outside", radius=3)
    for number, line in enumerate(text):
        yield words(line, (at[0], at[1] - high / 2 + 12 + 14 * number), "small")
