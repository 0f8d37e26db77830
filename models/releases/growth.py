"""How far the counters of a job have grown over some time."""

from collections.abc import Iterable, Mapping

Growth = Mapping[str, float]
"""By metric name; a counter that is not there has not grown."""


def total(growth: Growth, names: Iterable[str]) -> float:
    """How much all of them have."""
    return sum(growth.get(name, 0.0) for name in names)


def share(growth: Growth, some: Iterable[str], of: Iterable[str]) -> float:
    """What some are of all; 0 where there are none."""
    all_ = total(growth, of)
    return total(growth, some) / all_ if all_ > 0 else 0.0
