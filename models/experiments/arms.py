"""Which experiment arm a customer is in: a place on a line of 10,000 buckets, dealt by a hash of the customer id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from models.experiments.bucketing import V2_BUCKETS, Range, bucket_hash, choose_variation
from models.plan.spec import ArmSpec, PlanSpec

NBA = "nba"
"""The arm of everybody who is in none: decided for by the plan as it is."""

_DEALS = 1_000
"""A place in a holdout is dealt again, at most so often."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of one plan, each with its part of the line, in the order written.

    An arm added at the end takes a part that was nobody's: it moves nobody who has an arm. With a monthly reshuffle
    a holdout keeps its customers all the same: they are found by the hash that knows no month, everybody else is
    dealt a place outside of the holdouts each month, so that every arm has its share of all customers.
    """

    seed: str
    zone: ZoneInfo | None
    """That of the months; None: never reshuffled."""
    arms: tuple[ArmSpec, ...]
    ranges: tuple[Range, ...]
    holdouts: tuple[Range, ...]

    @classmethod
    def of(cls, spec: PlanSpec) -> "Arms":
        """The arms of a plan, whose shares add up to 1 at most."""
        experiments = spec.experiments
        ranges = _ranges([arm.share for arm in experiments.arms])
        held = [span for arm, span in zip(experiments.arms, ranges, strict=True) if arm.kind == "holdout"]
        zone = ZoneInfo(spec.time_zone) if experiments.reshuffle == "monthly" else None
        return cls(experiments.seed, zone, experiments.arms, tuple(ranges), tuple(held))

    def arm(self, customer_id: str, at: datetime) -> str:
        """The arm of a customer at an (aware) moment; `nba` in none."""
        index = choose_variation(self._place(customer_id, at), self.ranges) if self.arms else -1
        return self.arms[index].id if index >= 0 else NBA

    def _place(self, customer_id: str, at: datetime) -> float:
        fixed = _hash(self.seed, customer_id)
        if self.zone is None or choose_variation(fixed, self.holdouts) >= 0:
            return fixed
        month = f"{self.seed}:{at.astimezone(self.zone):%Y-%m}"
        for deal in range(_DEALS):
            place = _hash(f"{month}:{deal}:", customer_id)
            if choose_variation(place, self.holdouts) < 0:
                return place
        return 1.0


@lru_cache(maxsize=1_024)
def _hash(seed: str, customer_id: str) -> float:
    place = bucket_hash(seed, customer_id, 2)
    assert place is not None
    return place


def _ranges(shares: Sequence[float]) -> list[Range]:
    """Parts of the line one after the other, each edge on the edge of a bucket: 0.1 + 0.2 ends at 0.3."""
    edges, total = [0.0], 0.0
    for share in shares:
        total += share
        edges.append(round(total * V2_BUCKETS) / V2_BUCKETS)
    return list(pairwise(edges))
