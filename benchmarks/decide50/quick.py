"""The short run of CI: it fails on a lost ratio, never on a time, since machines differ and are shared.

A ratio is of events per CPU second, both measured in the same interleaved rounds. Three quarters of what is typical are
enough, since one run is that noisy; what falls short is measured once more, and only what falls short again is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks.decide50.jobs import JOBS, LOOP, NAIVE, in_own_environment
from benchmarks.decide50.preparing import prepare
from benchmarks.decide50.rounds import blank, one_round, same
from models.kernel import MODULES

EVENTS, CUSTOMERS = 20_000, 2_000
RUNS, RUNS_OF_NAIVE = 2, 1
"""How often each job runs; the naive pipeline takes as long as all others."""
SHARE = 0.75
"""Of what is typical, this much is enough."""


class Least(NamedTuple):
    """How many times as many events a CPU second `one` does as `other`, typically."""

    one: str
    other: str
    typical: float

    @property
    def ratio(self) -> float:
        """What is enough."""
        return self.typical * SHARE


RATIOS = (
    Least("nextbeam", NAIVE, 8.5),
    Least("folds", NAIVE, 14.0),
    Least("folds", LOOP, 0.25),
    Least("folds", "folds-plain", 2.45),
)
"""Measured by `--quick` itself. After a change that makes something faster, put in what it says then."""
RATIOS_WITHOUT_KERNEL = (Least("folds-plain", LOOP, 0.115),)
"""All that is asked where no kernel is built."""


class Found(NamedTuple):
    """A ratio as it was measured."""

    wanted: Least
    ratio: float

    @property
    def lost(self) -> bool:
        """Whether it is less than it has to be."""
        return not self.ratio >= self.wanted.ratio

    def __str__(self) -> str:
        one, other = (JOBS[name].label for name in self.wanted[:2])
        verdict = "LOST" if self.lost else "ok"
        return f"{verdict:<4}  {one} / {other}: {self.ratio:.2f}, at least {self.wanted.ratio:.2f}"


Tell = Callable[[str], None]
Rates = Mapping[str, float]


def judged(rates: Rates, wanted: Sequence[Least] = RATIOS) -> list[Found]:
    """Each ratio, from events per CPU second by job."""
    return [Found(each, rates[each.one] / rates[each.other]) for each in wanted]


def twice(measure: Callable[[Sequence[Least]], Rates], tell: Tell, wanted: Sequence[Least] = RATIOS) -> int:
    """Measure what `wanted` needs, and once more what falls short; 1: it did so both times."""
    for left in (1, 0):
        found = judged(measure(wanted), wanted)
        for each in found:
            tell(str(each))
        wanted = [each.wanted for each in found if each.lost]
        if not wanted:
            return 0
        tell("what fell short is measured once more" if left else "lost: see docs/performance.md")
    return 1


def check(out: Path, tell: Tell) -> int:
    """Generate, compare, measure; 1: a ratio is lost.

    Raises:
      DifferentError: Outputs differ.
      JobError: A job failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = prepare(out, EVENTS, CUSTOMERS)
    lines = len((data[0] / "events.ndjson").read_bytes().splitlines())

    def measure(wanted: Sequence[Least]) -> dict[str, float]:
        names = dict.fromkeys((*(name for each in wanted for name in each[:2]), LOOP))
        jobs = [in_own_environment(JOBS[name]) for name in names]
        measured = blank(jobs)
        for number in range(RUNS):
            turn = [at for at, job in enumerate(jobs) if number < RUNS_OF_NAIVE or job.name != NAIVE]
            one_round([jobs[at] for at in turn], [measured[at] for at in turn], data, out, tell)
        for line in same(jobs, out, next(job for job in jobs if job.name == LOOP)):
            tell(line)
        return {each.name: each.rate(lines).middle for each in measured}

    wanted = RATIOS if built() else RATIOS_WITHOUT_KERNEL
    if wanted is not RATIOS:
        tell("no kernel is built: only what needs none is asked")
    return twice(measure, tell, wanted)


def built() -> bool:
    """Whether the kernel is there, all of it."""
    return all(find_spec(f"models.kernel.{name}") for name in MODULES)
