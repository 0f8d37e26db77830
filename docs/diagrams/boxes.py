"""Boxes on a grid, arrows between them, frames around them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from docs.diagrams.svg import LARGE, NORMAL, PAD, SMALL, Point, arrow, box, label, page, words
from docs.diagrams.text import lines, width

_TOP, _EDGE = 56.0, 24.0
_LINE = 15.0
_SIDES = {"r": (1.0, 0.5), "l": (0.0, 0.5), "t": (0.5, 0.0), "b": (0.5, 1.0)}


class Box(NamedTuple):
    """One node, laid out."""

    at: Point
    size: Point

    def side(self, side: str, share: float) -> Point:
        """A point on a side, `share` of the way along it."""
        x, y = _SIDES[side]
        along = (share, y) if side in "tb" else (x, share)
        return self.at[0] + self.size[0] * along[0], self.at[1] + self.size[1] * along[1]


class Grid:
    """The layout of one drawing: `cell` is the size of a box, `gap` what lies between boxes."""

    def __init__(self, drawing: Mapping[str, Any]) -> None:
        self._cell, self._gap = drawing["cell"], drawing["gap"]
        self.nodes: dict[str, Mapping[str, Any]] = {node["id"]: node for node in drawing["nodes"]}
        self.boxes = {name: self._place(node) for name, node in self.nodes.items()}
        self.frames = [(each, self._around(each)) for each in drawing.get("groups", ())]
        self.edges: Sequence[Mapping[str, Any]] = drawing.get("edges", ())
        self.title: str = drawing["title"]

    def _place(self, node: Mapping[str, Any]) -> Box:
        column, row = node["at"]
        spans = node.get("spans", 1)
        step = [size + gap for size, gap in zip(self._cell, self._gap, strict=True)]
        at = (_EDGE + PAD * 2 + column * step[0], _TOP + PAD * 2 + row * step[1])
        return Box(at, (self._cell[0] + (spans - 1) * step[0], self._cell[1]))

    def _around(self, group: Mapping[str, Any]) -> Box:
        inner = [self.boxes[name] for name in group["nodes"]]
        pad = group.get("pad", 1) * PAD * 1.6
        left, top = (min(each.at[axis] for each in inner) - pad for axis in (0, 1))
        right, bottom = (max(each.at[axis] + each.size[axis] for each in inner) + pad for axis in (0, 1))
        return Box((left, top - _LINE), (right - left, bottom - top + _LINE))

    def size(self) -> Point:
        """Of the page: what is drawn, and the title."""
        every = [*self.boxes.values(), *(frame for _, frame in self.frames)]
        right, bottom = (max(each.at[axis] + each.size[axis] for each in every) for axis in (0, 1))
        return max(right + _EDGE, width(self.title, LARGE, bold=True) + 4 * PAD), bottom + _EDGE

    def draw(self) -> str:
        """The drawing."""
        parts = [part for group, frame in self.frames for part in _frame(group, frame)]
        routes = list(self._routes())
        parts += [arrow(points) for points, _, _ in routes]
        parts += [part for points, text, near in routes for part in label(text, _middle(points, near))]
        parts += [part for name, node in self.nodes.items() for part in _node(node, self.boxes[name])]
        return page(self.title, self.size(), parts)

    def _routes(self) -> Iterator[tuple[list[Point], list[str], float]]:
        for edge in self.edges:
            leave, enter = edge["sides"]
            start = self.boxes[edge["from"]].side(leave, edge.get("start", 0.5))
            end = self.boxes[edge["to"]].side(enter, edge.get("end", 0.5))
            text = [part for line in edge.get("text", "").split("\n") if (part := line.strip())]
            yield _route(start, end, leave, enter, edge.get("bend", 0.5)), text, edge.get("near", 0.5)


def _route(start: Point, end: Point, leave: str, enter: str, bend: float) -> list[Point]:
    """Horizontal and vertical pieces only; `bend` is how far along it turns."""
    if leave in "lr" and enter in "lr":
        turn = start[0] + (end[0] - start[0]) * bend
        return _straightened([start, (turn, start[1]), (turn, end[1]), end])
    if leave in "tb" and enter in "tb":
        turn = start[1] + (end[1] - start[1]) * bend
        return _straightened([start, (start[0], turn), (end[0], turn), end])
    corner = (end[0], start[1]) if leave in "lr" else (start[0], end[1])
    return [start, corner, end]


def _straightened(points: list[Point]) -> list[Point]:
    first, last = points[0], points[-1]
    bends = all(abs(one - other) > 2 for one, other in zip(first, last, strict=True))
    return points if bends else [first, last]


def _middle(points: Sequence[Point], near: float) -> Point:
    """`near` of the way along the longest piece."""
    pieces = pairwise(points)
    (x, y), (to_x, to_y) = max(
        pieces, key=lambda each: abs(each[0][0] - each[1][0]) + abs(each[0][1] - each[1][1])
    )
    return x + (to_x - x) * near, y + (to_y - y) * near


def _frame(group: Mapping[str, Any], frame: Box) -> list[str]:
    if width(group["title"], SMALL) + group.get("shift", 0) > frame.size[0] - 2 * PAD:
        raise ValueError(f"{group['title']!r} does not fit into its frame")
    left = frame.at[0] + PAD + group.get("shift", 0)
    name = words(group["title"], (left, frame.at[1] + _LINE), "small", middle=False)
    return [box(frame.at, frame.size, "group", radius=10), name]


def _node(node: Mapping[str, Any], place: Box) -> Iterator[str]:
    room = place.size[0] - 2 * PAD
    name = lines(node["name"], NORMAL, room, bold=True)
    about = lines(node.get("text", ""), SMALL, room)
    used = (len(name) + len(about)) * _LINE + PAD
    if used > place.size[1]:
        raise ValueError(f"{node['id']}: {used:.0f} high, and the box is {place.size[1]:.0f}")
    yield box(place.at, place.size, f"box {node['kind']}", radius=18 if node["kind"] == "person" else 6)
    x, y = place.at[0] + place.size[0] / 2, place.at[1] + (place.size[1] - used + PAD) / 2 - 4
    for number, line in enumerate([*name, *about], 1):
        yield words(line, (x, y + number * _LINE), "name" if number <= len(name) else "small")


def draw(drawing: Mapping[str, Any]) -> str:
    """The SVG of a drawing of boxes.

    Raises:
      ValueError: A text does not fit into its box.
    """
    return Grid(drawing).draw()
