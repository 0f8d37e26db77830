"""Engagement rules of all actions at once, as bit masks: bit i stands for action i."""

import operator
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

_TESTS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, values: value in values,
    "has": operator.contains,
    "has_not": lambda values, value: value not in values,
}
MEASURED = ("hour", "n_events", "dwell_s", "cart_value", "n_product_view", "n_search")
"""Fields that are numbers of the moment, in the order in which `Rules.free` takes them."""

Masks = tuple[int, int]
"""Actions that are forbidden, and actions to which one of their alternatives is given."""


class _Part(NamedTuple):
    """A condition of one action."""

    bit: int
    optional: bool
    """One of alternatives, of which one has to hold."""
    op: str
    operand: Any


class Rules:
    """The rules of some actions.

    Raises:
      ValueError: A rule has two choices between alternatives.
    """

    def __init__(self, actions: Sequence[Mapping[str, Any]]) -> None:
        self._parts: dict[str, list[_Part]] = defaultdict(list)
        self._all = (1 << len(actions)) - 1
        self._choosing = 0
        for index, action in enumerate(actions):
            for clause in action["eligible_if"]["all"]:
                self._add(1 << index, clause)
        self._steps = [self._table(field) for field in MEASURED]

    def _add(self, bit: int, clause: Mapping[str, Any]) -> None:
        optional = "any" in clause
        if optional and self._choosing & bit:
            raise ValueError("a rule with two choices between alternatives")
        self._choosing |= bit if optional else 0
        for part in clause["any"] if optional else [clause]:
            self._parts[part["f"]].append(_Part(bit, optional, part["op"], part["v"]))

    def of(self, values: Mapping[str, Any]) -> Masks:
        """What the values of some fields say together."""
        forbidden = granted = 0
        for field, value in values.items():
            for bit, optional, op, operand in self._parts.get(field, ()):
                if bool(_TESTS[op](value, operand)) == optional:
                    if optional:
                        granted |= bit
                    else:
                        forbidden |= bit
        return forbidden, granted

    def _table(self, field: str) -> tuple[list[float], list[Masks]]:
        """The numbers at which something changes; what holds below the first, at it, between it and the next, ..."""
        cuts = sorted({float(part.operand) for part in self._parts.get(field, ())})
        if not cuts:
            return [], [(0, 0)]
        edges = [cuts[0] - 1, *cuts, cuts[-1] + 1]
        places = [(low + high) / 2 for low, high in pairwise(edges)]
        points = [point for pair in zip(places, [*cuts, 0.0], strict=True) for point in pair][:-1]
        return cuts, [self.of({field: point}) for point in points]

    def free(self, person: Masks, request: Masks, moment: Sequence[float]) -> int:
        """The actions whose rules hold: `moment` has the values of MEASURED."""
        forbidden, granted = person[0] | request[0], person[1] | request[1]
        for (cuts, table), value in zip(self._steps, moment, strict=True):
            no, yes = table[bisect_left(cuts, value) + bisect_right(cuts, value)]
            forbidden |= no
            granted |= yes
        return self._all & ~forbidden & (granted | ~self._choosing)
