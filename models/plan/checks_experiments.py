"""Meaning of what a plan tries out: arms that can be dealt, exploration that can have an effect."""

from collections.abc import Iterator

from models.experiments.arms import NBA
from models.experiments.bucketing import V2_BUCKETS
from models.plan.findings import Finding
from models.plan.spec import PlanSpec
from models.plan.structure import Place

_ROUNDING = 1e-9


def experiment_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Arms, exploration and evidence that cannot be what they say."""
    yield from _arms(spec, root / "experiments" / "arms")
    if not spec.arbitration.propensity:
        yield from _without_propensity(spec, root)
    for index, action in enumerate(spec.actions):
        known = action.evidence
        if known is not None and known.positives > known.responses:
            place = root / "actions" / index / "evidence" / "positives"
            message = f"{known.positives} of {known.responses} responses were positive"
            yield place.finding(message, "count every positive response among the responses too")


def _without_propensity(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """What draws propensities although they do not count."""
    if spec.arbitration.exploration != "none":
        message = "propensities are drawn, but arbitration.propensity is off"
        yield (root / "arbitration" / "exploration").finding(message, "switch propensity on, or explore none")
    for index, arm in enumerate(spec.experiments.arms):
        if arm.kind == "random_propensity":
            place = root / "experiments" / "arms" / index / "kind"
            message = "a random propensity changes nothing, since arbitration.propensity is off"
            yield place.finding(message, "switch propensity on, or use random_action")


def _arms(spec: PlanSpec, place: Place) -> Iterator[Finding]:
    seen: dict[str, int] = {NBA: -1}
    total = 0.0
    for index, arm in enumerate(spec.experiments.arms):
        if arm.id in seen:
            whose = "of everybody in no arm" if seen[arm.id] < 0 else f"taken by arm {seen[arm.id] + 1}"
            yield (place / index / "id").finding(f"id {arm.id!r} is {whose}", "choose another")
        seen.setdefault(arm.id, index)
        buckets = arm.share * V2_BUCKETS
        if abs(buckets - round(buckets)) > _ROUNDING * V2_BUCKETS or (arm.share and not round(buckets)):
            message = f"share {arm.share:g} is no whole number of the {V2_BUCKETS:,} buckets"
            yield (place / index / "share").finding(message, "give it at most four decimals, e.g. 0.02")
        if total <= 1.0 + _ROUNDING < total + arm.share:
            message = f"the shares add up to {total + arm.share:g} here"
            yield (place / index / "share").finding(message, "they may add up to 1 at most; lower some")
        total += arm.share
