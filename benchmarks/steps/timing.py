"""A stopwatch for small steps: thread CPU of passes over what a step is done to, in interleaved rounds."""

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One step of the work.

    Attributes:
      name: As tables call it.
      do: What is done to one item.
      items: Makes the arguments of one pass, outside of what is measured.
      each: How many of what the name says one item stands for.
    """

    name: str
    do: Callable[..., object]
    items: Callable[[], Sequence[tuple[Any, ...]]]
    each: int = 1


def passes(steps: Iterable[Step], rounds: int) -> dict[str, list[float]]:
    """Microseconds of thread CPU a step, of each round. Each round passes over all steps; a first one warms up."""
    known = list(steps)
    found: dict[str, list[float]] = {step.name: [] for step in known}
    for number in range(rounds + 1):
        for step in known:
            spent = us(step)
            if number:
                found[step.name].append(spent)
    return found


def us(step: Step) -> float:
    """Of one pass.

    Raises:
      ValueError: There is nothing to do it to.
    """
    items = step.items()
    if not items:
        raise ValueError(f"{step.name}: the workload has nothing to measure it on")
    calls = starmap(step.do, items)
    gc.collect()
    began = time.thread_time_ns()
    deque(calls, 0)
    return (time.thread_time_ns() - began) / 1e3 / len(items) / step.each
