"""A ladder: how many were at most so long, one counter per rung. Percentiles for services that keep none.

Dataflow exports of a distribution the count, the mean and the extremes. Counters it exports as they are: a rung over
the total is the ratio that an objective needs, and all rungs together give percentiles.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

Unit = Literal["ms", "s"]


@dataclass(frozen=True)
class Ladder:
    """Rungs of one measure.

    Args:
      name: What is measured, e.g. `decision_latency`.
      unit: Of the bounds.
      bounds: Upper bounds, inclusive, ascending.
      counts: What one count stands for, in words.
    """

    name: str
    unit: Unit
    bounds: tuple[int, ...]
    counts: str

    def __post_init__(self) -> None:
        if not self.bounds or list(self.bounds) != sorted(set(self.bounds)) or self.bounds[0] <= 0:
            raise ValueError(f"{self.name}: bounds have to be above 0 and to ascend")

    def rung(self, bound: int) -> str:
        """The metric that counts what was at most `bound`.

        Raises:
          ValueError: There is no such rung: nobody would count there.
        """
        if bound not in self.bounds:
            raise ValueError(f"{self.name} has no rung at {bound} {self.unit}; it has {self.bounds}")
        return f"{self.name}_le_{bound}{self.unit}"

    @property
    def total(self) -> str:
        """The metric that counts all."""
        return f"{self.name}_total"

    def names(self) -> tuple[str, ...]:
        """All its metrics, the total last."""
        return (*(self.rung(bound) for bound in self.bounds), self.total)

    def place(self, value: float) -> int:
        """The lowest rung that holds `value`; the number of bounds, if none does. Below 0 counts as 0."""
        return bisect_left(self.bounds, value)

    def added(self, places: Sequence[int]) -> dict[str, int]:
        """What each metric grows by, given how many values have each place; nothing for what does not grow."""
        grown = zip(self.names(), accumulate(places), strict=True)
        return {name: count for name, count in grown if count}

    def percentile(self, counted: Mapping[str, int], share: float) -> float | None:
        """The value that `share` of all are at most, interpolated between rungs, in `unit`.

        Args:
          counted: Metrics of this ladder by name; those that are missing are 0.
          share: In (0, 1].

        Returns:
          None if nothing was counted; infinity if it lies above the last rung.

        Raises:
          ValueError: The share is none.
        """
        if not 0 < share <= 1:
            raise ValueError(f"a share is above 0 and at most 1, not {share}")
        total = counted.get(self.total, 0)
        if total <= 0:
            return None
        return self._value_at(share * total, [counted.get(self.rung(bound), 0) for bound in self.bounds])

    def _value_at(self, wanted: float, held: Sequence[int]) -> float:
        below, start = 0, 0
        # Counters are read one after the other while they grow: a rung may seem to hold less than one below it.
        for bound, count in zip(self.bounds, accumulate(held, max), strict=True):
            if count >= wanted:
                return start + (bound - start) * (wanted - below) / (count - below)
            below, start = count, bound
        return math.inf


DECISION_LATENCY = Ladder(
    "decision_latency",
    "ms",
    (50, 100, 250, 500, 1000, 2500, 10000),
    "decisions, by the time from the publication of their signal until they leave for their topic",
)
DECISION_COMPUTE = Ladder(
    "decision_compute",
    "ms",
    (1, 2, 5, 10, 25, 50, 100, 250),
    "decisions, by the time the fold took over them, in the worker",
)
CONTEXT_AGE = Ladder(
    "context_age",
    "s",
    (1, 2, 5, 15, 60, 300, 3600),
    "decisions, by the age of the latest event in their session when they leave",
)
LADDERS: Iterable[Ladder] = (DECISION_LATENCY, DECISION_COMPUTE, CONTEXT_AGE)
