"""The words and figures of a comparison, the same on a terminal and on a page."""

from models.replaying.changes import Change
from models.replaying.comparison import Pair, Unit
from models.replaying.counterparts import Link

DASH = "–"
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
    "the customer would have done. Expected value is the sum of propensity x value over all offers, as each plan saw "
    "them; realised value comes from recorded outcomes alone, so it favours the plan that was live."
)
"""What was done and how far it can be trusted."""


def figure(number: float, unit: Unit) -> str:
    """A number as its unit is written."""
    if unit == "share":
        return f"{number:.1%}"
    if unit == "mean":
        return f"{number:,.2f}"
    return f"{number:,.0f}"


def signed(number: float, unit: Unit) -> str:
    """A difference: with its sign, a plain 0 for none."""
    if unit == "share":
        return f"{number * 100:+.1f} pt" if abs(number) >= 0.0005 else "0"
    text = f"{number:+,.2f}" if unit == "mean" else f"{number:+,.0f}"
    return "0" if not text.strip("+-0.,") else text


def relative(pair: Pair) -> str:
    """The difference as a part of A."""
    if pair.ratio is None:
        return DASH if not pair.b else "new"
    if not pair.b:
        return "gone"
    change = (pair.ratio - 1) * 100
    if abs(change) < 0.05:
        return "0%"
    return f"{change:+,.0f}%" if abs(change) >= 10 else f"{change:+.1f}%"


def times(pair: Pair) -> str:
    """B over A."""
    return DASH if pair.ratio is None else f"{pair.ratio:.2f}×"


def change_text(change: Change) -> str:
    """A change of the plan on one line."""
    place = f"{change.what}, {change.where}" if change.where else change.what
    if change.kind == "added":
        return f"{place}: {change.after}" if change.after else place
    if change.kind == "removed":
        return f"{place}: was {change.before}" if change.before else place
    return f"{place}: {change.before} -> {change.after}"
