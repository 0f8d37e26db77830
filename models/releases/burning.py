"""After an update: how fast error budgets are spent, and whether that is a reason to go back."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.observability.metrics import AREAS, read
from models.observability.objectives import OBJECTIVES, Objective
from models.releases.growth import Growth, share, total

COUNTED = tuple(objective for objective in OBJECTIVES if objective.total)
"""Those that counters say all about; the others are watched by alerts."""


@dataclass(frozen=True)
class Limits:
    """When to go back."""

    rate: float = 14.4
    """Of the budget: at 1 it lasts the objective's window. That of the fast burn."""
    looks: int = 2
    """So many in a row: workers that start are slow once."""
    least: int = 50
    """Of fewer cases in a look no share is taken."""


def rate(objective: Objective, growth: Growth) -> float:
    """How many times too fast the budget of an objective was spent; 0 where nothing happened."""
    if not total(growth, objective.total):
        return 0.0
    bad = share(growth, objective.bad, objective.total) if objective.bad else None
    spent = 1 - share(growth, objective.good, objective.total) if bad is None else bad
    return max(spent, 0.0) / (1 - objective.goal)


def burning(looks: Sequence[Growth], limits: Limits = Limits()) -> tuple[str, ...]:
    """Why to go back now; empty: nothing burns.

    Args:
      looks: Growth over the last minutes, at each look so far, the latest last.
      limits: When to.
    """
    recent = looks[-limits.looks :]
    if len(recent) < limits.looks:
        return ()
    return tuple(
        f"{each.name}: its budget is spent {min(rates):.3g} to {max(rates):.3g} times too fast"
        for each in COUNTED
        if all(total(growth, each.total) >= limits.least for growth in recent)
        and min(rates := [rate(each, growth) for growth in recent]) >= limits.rate
    )


def silent(looks: Sequence[Growth]) -> bool:
    """Whether nothing at all came in, in any look: a job that reads nothing burns no budget."""
    return not any(total(growth, [read(area) for area in AREAS]) > 0 for growth in looks)
