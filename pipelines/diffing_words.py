"""The words of a comparison, the same on a terminal and on a page."""

from collections.abc import Iterator

from models.replaying.changes import PLAN, Change
from models.replaying.comparison import OfferRow, Side
from models.replaying.counterparts import Link
from pipelines.words import DASH, figure
from schemas import Stage

FEW_MARK = "few"

LINKS = {
    Link.OWN: "answer a decision of this plan as recorded",
    Link.SAME_OFFER: "moved to this plan's own decision: same signal, same action",
    Link.BY_ACTION: "name an action alone",
    Link.OTHER_OFFER: "no counterpart: it offered something else there",
    Link.NO_DECISION: "no counterpart: it decided nothing there",
    Link.UNNAMED: "no counterpart: the action is not known",
    Link.UNKNOWN: "name a decision on no recorded signal",
}
"""How outcomes relate to a plan's decisions."""

UNRULED = {
    Stage.ARBITRATION.value: "outranked",
    Stage.TREATMENT_PLACEMENTS.value: "has no treatment for the placement",
}
"""What a stage without rules does to a candidate."""

DIMENSIONS = {
    "action": "action",
    "group": "group",
    "issue": "issue",
    "message_class": "message class",
    "channel": "channel",
    "brand": "brand",
    "placement": "placement",
}

METHOD = (
    "Both plans were given the same recorded events in the order of event time, each over its own memory of contacts "
    "and suppressions. Recorded outcomes answer offers that the live plan made: where a plan made the same offer on "
    "the same signal, the outcome counts for it; where it did not, the outcome is left out, because nobody knows what "
    "the customer would have done. Expected value is a forecast, not an observation: the sum of propensity x value "
    "over all offers, with each plan's own propensities and values. Realised value comes from recorded outcomes alone, "
    "so it favours the plan that was live. What customers did next, recorded after offers of the live plan, is the "
    "same under both."
)
"""What was done and how far it can be trusted."""


def change_text(change: Change) -> str:
    """A change of the plan on one line."""
    whole = not change.where
    place = (
        change.what if whole else change.where if change.what == PLAN else f"{change.what}, {change.where}"
    )
    if change.kind == "added":
        return f"{place}: {change.after}" if change.after else place
    if change.kind == "removed":
        return f"{place}: was {change.before}" if change.before else place
    return f"{place}: {change.before} -> {change.after}"


def why(row: OfferRow) -> str:
    """What explains most of what happened to an action."""
    if row.why is None:
        return DASH
    b, a = figure(row.why.removed.b, "count"), figure(row.why.removed.a, "count")
    if row.why.rule:
        return f"{row.why.rule} removes it {b} times, was {a}"
    return f"{UNRULED.get(row.why.stage, row.why.stage)} {b} times, was {a}"


def events(a: Side, b: Side) -> Iterator[tuple[str, int, int]]:
    """How the lines of the history fared under both plans, in words."""
    yield "decoded", a.decoded, b.decoded
    for reason in {**a.refused, **b.refused}:
        yield f"refused: {reason}", a.refused.get(reason, 0), b.refused.get(reason, 0)
    if a.skipped or b.skipped:
        yield "left out by the mapping", a.skipped, b.skipped
    for name in {**a.accounted, **b.accounted}:
        yield f"folded: {name.replace('_', ' ')}", a.accounted.get(name, 0), b.accounted.get(name, 0)
    for reason in {**a.dead, **b.dead}:
        yield f"dead letters: {reason}", a.dead.get(reason, 0), b.dead.get(reason, 0)
    for link in Link:
        of_a, of_b = a.outcomes.get(link.value, 0), b.outcomes.get(link.value, 0)
        if of_a or of_b:
            yield f"outcomes: {LINKS[link]}", of_a, of_b
