"""What a run measured, as it is kept in a file, and what follows from it."""

from collections.abc import Sequence
from statistics import median

import msgspec

from benchmarks.decide50.latency import Latency
from benchmarks.decide50.limits import Limit, total_s
from benchmarks.decide50.running import Spent


class TooShortError(RuntimeError):
    """There is too little work to tell it from start-up."""


class Spread(msgspec.Struct, frozen=True):
    """The median of some values, and their extremes."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """At least one value."""
        return cls(median(values), min(values), max(values))


class Measured(msgspec.Struct):
    """One job in all rounds: its starts on the first lines, and its runs on everything."""

    name: str
    label: str
    about: str
    ours: bool
    starts: list[Spent] = []
    runs: list[Spent] = []

    @property
    def start_s(self) -> float:
        """CPU seconds of start-up, at the median."""
        return median(each.cpu_s for each in self.starts)

    def rate(self, lines: int) -> Spread:
        """Lines of events a CPU second, without start-up.

        Raises:
          TooShortError: A run took no longer than a start.
        """
        steady = [each.cpu_s - self.start_s for each in self.runs]
        if min(steady) <= 0:
            raise TooShortError(f"{self.label}: a run took no longer than its start; measure more events")
        return Spread.of([lines / each for each in steady])


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    processor: str
    cores: int
    memory_gb: float
    python: str
    load: float
    """Average of a minute as the run began: other work on the machine."""


class Results(msgspec.Struct):
    """All that one run measured, in the order in which it is shown."""

    day: str
    command: str
    machine: Machine
    lines: int
    """Of events; not of customers."""
    customers: int
    decisions: int
    compared: list[str]
    jobs: list[Measured]
    limits: list[list[Limit]] = []
    """Per round."""
    latencies: dict[str, list[Latency]] = {}
    """By form, per round."""
    absent: list[str] = []
    """Peers that are not installed."""

    @property
    def limit(self) -> Spread:
        """Lines a CPU second that the machine allows."""
        return Spread.of([self.lines / total_s(each) for each in self.limits])

    def job(self, name: str) -> Measured | None:
        """By name, if it was run."""
        return next((each for each in self.jobs if each.name == name), None)
