"""Offers as the channels show them, in the shell."""

from collections.abc import Callable

from models.plan.spec import PlanSpec
from schemas import Decision


class Showing:
    """Prints every offer in one line: when, where, to whom, what, and the words.

    Args:
      spec: The plan that names and words are looked up in.
      out: Takes a line.
    """

    def __init__(self, spec: PlanSpec, out: Callable[[str], None]) -> None:
        self._names = {action.id: action.name or action.id for action in spec.actions}
        self._texts = {(a.id, t.id): t.text for a in spec.actions for t in a.treatments}
        self._out = out

    def show(self, decision: Decision) -> None:
        """All offers of the decision."""
        for offer in decision.offers:
            name = self._names.get(offer.action, offer.action)
            text = self._texts.get((offer.action, offer.treatment), "")
            line = f"{decision.decided_at:%H:%M:%S} {offer.placement} {decision.customer_id}: {name}"
            self._out(harmless(f"{line} “{text}”" if text else line))


def harmless(text: str) -> str:
    """The text without what a terminal would obey: ids are whatever a channel sent."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
