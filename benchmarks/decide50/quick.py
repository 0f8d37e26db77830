"""The short run of CI: it fails on a lost ratio, never on a time, since machines differ and are shared.

A ratio is of events per CPU second, both measured in the same interleaved rounds. What is least is about a quarter
below what is typical, which is more than the noise of one run; what falls short is measured once more, and only what
falls short again is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.decide50.jobs import JOBS, LOOP, NAIVE, in_own_environment
from benchmarks.decide50.preparing import prepare
from benchmarks.decide50.rounds import blank, one_round, same

EVENTS, CUSTOMERS = 20_000, 2_000
TIMES = {NAIVE: 1}
"""How often a job runs, if not as often as `_TIMES` says: the slowest takes as long as all others."""
_TIMES = 2


class Least(NamedTuple):
    """`one` does at least `ratio` as many events a CPU second as `other`."""

    one: str
    other: str
    ratio: float


RATIOS = (
    Least("nextbeam", NAIVE, 6.0),
    Least("folds", NAIVE, 20.0),
    Least("folds", LOOP, 0.2),
    Least("folds", "folds-plain", 1.2),
)


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
        return f"{verdict:<4}  {one} / {other}: {self.ratio:.2f}, at least {self.wanted.ratio:g}"


Tell = Callable[[str], None]
Rates = Mapping[str, float]


def judged(rates: Rates, wanted: Sequence[Least] = RATIOS) -> list[Found]:
    """Each ratio, from events per CPU second by job."""
    return [Found(each, rates[each.one] / rates[each.other]) for each in wanted]


def twice(measure: Callable[[], Rates], tell: Tell, wanted: Sequence[Least] = RATIOS) -> int:
    """Measure, and measure once more what falls short; 1: it did so both times."""
    for left in (1, 0):
        found = judged(measure(), wanted)
        for each in found:
            tell(str(each))
        wanted = [each.wanted for each in found if each.lost]
        if not wanted:
            return 0
        tell("measured once more" if left else "lost: see docs/performance.md for what was typical")
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
    names = dict.fromkeys(name for each in RATIOS for name in each[:2])
    jobs = [in_own_environment(JOBS[name]) for name in names]

    def measure() -> dict[str, float]:
        measured = blank(jobs)
        for number in range(_TIMES):
            turn = [index for index, job in enumerate(jobs) if number < TIMES.get(job.name, _TIMES)]
            one_round([jobs[i] for i in turn], [measured[i] for i in turn], data, out, tell)
        for line in same(jobs, out, next(job for job in jobs if job.name == LOOP)):
            tell(line)
        return {each.name: each.rate(lines).middle for each in measured}

    return twice(measure, tell)
