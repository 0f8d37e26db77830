"""A candidate beside the release that runs: does it decide the same, as fast, and refuse no more?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from models.observability.metrics import AREAS, read
from models.observability.objectives import DEAD
from models.releases.growth import Growth, share, total


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The row of pipelines/sql/releases/shadow_comparison.sql, where the columns are told."""

    live: int
    candidate: int
    paired: int
    comparable: int
    agreeing: int
    agreeing_anyhow: int
    live_letters: int
    candidate_letters: int


@dataclass(frozen=True)
class Bounds:
    """What a candidate has to keep to."""

    least_comparable: int = 200
    """Fewer decisions say nothing."""
    least_agreement: float = 0.999
    """Of comparable decisions. A release that means to decide otherwise says so by another number, in its review."""
    most_missing: float = 0.01
    """Of the decisions that are made live."""
    most_refused_more: float = 0.001
    """Of what came in, above the share that is refused live."""
    most_slower: float = 0.01
    """How much smaller the share of decisions within a second may be."""


def objections(
    compared: Compared, live: Growth, candidate: Growth, bounds: Bounds = Bounds()
) -> tuple[str, ...]:
    """Why the candidate should not take over; empty: nothing speaks against it.

    Args:
      compared: What the tables say.
      live: How far the counters of the job that runs have grown meanwhile.
      candidate: Likewise of the candidate's job.
      bounds: What it is held to.
    """
    found = (*_same(compared, bounds), *_refusing(compared, live, candidate, bounds))
    return (*found, *_speed(live, candidate, bounds))


def _same(compared: Compared, bounds: Bounds) -> Iterator[str]:
    if compared.comparable < bounds.least_comparable:
        yield (
            f"only {compared.comparable:,} decisions can be compared, of {compared.live:,} live and "
            f"{compared.candidate:,} of the candidate; {bounds.least_comparable:,} say something"
        )
        return
    agreement = compared.agreeing / compared.comparable
    if agreement < bounds.least_agreement:
        yield f"{agreement:.3%} of {compared.comparable:,} decisions are the same, not {bounds.least_agreement:.3%}"
    missing = 1 - compared.paired / compared.live
    if missing > bounds.most_missing:
        yield f"{missing:.2%} of what is decided live is not decided by the candidate"


def _refusing(compared: Compared, live: Growth, candidate: Growth, bounds: Bounds) -> Iterator[str]:
    reads = [read(area) for area in AREAS]
    if not total(candidate, reads):
        yield "nothing came in to the candidate"
        return
    by_counters = share(candidate, DEAD, reads) - share(live, DEAD, reads)
    by_rows = _refused(compared.candidate_letters, compared.candidate) - _refused(
        compared.live_letters, compared.live
    )
    for more, where in ((by_counters, "by its counters"), (by_rows, "by its tables")):
        if more > bounds.most_refused_more:
            yield f"it refuses {more:.2%} of its input more than the release that runs, {where}"


def _refused(letters: int, decisions: int) -> float:
    return letters / max(letters + decisions, 1)


def _speed(live: Growth, candidate: Growth, bounds: Bounds) -> Iterator[str]:
    fast, all_ = ["decision_latency_le_1000ms"], ["decision_latency_total"]
    if not total(candidate, all_):
        yield "the candidate says nothing of its latency"
    elif share(live, fast, all_) - share(candidate, fast, all_) > bounds.most_slower:
        yield (
            f"{share(candidate, fast, all_):.2%} of its decisions leave within a second, "
            f"live {share(live, fast, all_):.2%}"
        )


def told(compared: Compared) -> Mapping[str, int]:
    """The figures by name, for a log."""
    return {name: getattr(compared, name) for name in Compared.__struct_fields__}
