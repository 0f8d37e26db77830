"""Counterparts: which offer of a plan, if any, a recorded outcome answers when that plan was not the live one.

Recorded outcomes answer decisions of the plan that was live. A decision's id is a hash of its signal and of that plan,
so the signal can be found again, and with it the decision that another plan made on the same signal. If that one
offered the same action, the outcome answers it. If not, nobody knows what the customer would have done: the outcome has
no counterpart, and is left out of what the plan gets to see.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from models.identity import decision_id
from schemas import Outcome


class Link(StrEnum):
    """How an outcome relates to the decisions of one plan."""

    OWN = "own"
    """The plan is the live one: the outcome stands as it is."""
    SAME_OFFER = "same_offer"
    """The plan offered the same action on the same signal."""
    BY_ACTION = "by_action"
    """It names an action alone, and goes to the latest open offer of it."""
    OTHER_OFFER = "other_offer"
    """No counterpart: the plan decided on the same signal and offered something else, or nothing."""
    NO_DECISION = "no_decision"
    """No counterpart: the plan made no decision on that signal."""
    UNNAMED = "unnamed"
    """No counterpart: it names a rank alone, and what the live plan offered there is not known."""
    UNKNOWN = "unknown"
    """It names a decision on none of the signals; it stands as it is, and will hardly be attributed."""


ATTACHED = frozenset({Link.OWN, Link.SAME_OFFER, Link.BY_ACTION})
NO_COUNTERPART = frozenset({Link.OTHER_OFFER, Link.NO_DECISION, Link.UNNAMED})

Offered = Mapping[str, tuple[str, ...]]
"""Actions offered, by rank, by the id of the signal."""


class Trail:
    """What one customer's signals led to under one plan, as far as outcomes need to know.

    Args:
      digest: Of the plan.
      live: Digests that may be of the live plan, in the order to try.
      live_offers: What other plans offered this customer, by digest, where that is known.
    """

    __slots__ = ("_by_id", "_digest", "_indexed", "_live", "_live_offers", "_signals", "offers")

    def __init__(
        self, digest: str, live: Sequence[str], live_offers: Mapping[str, Offered] | None = None
    ) -> None:
        self._digest = digest
        self._live = live
        self._live_offers = live_offers or {}
        self._signals: list[str] = []
        self._indexed = 0
        self._by_id: dict[str, tuple[str, str]] = {}
        self.offers: dict[str, tuple[str, ...]] = {}

    def heard(self, signal_id: str) -> None:
        """Note a signal, before it is decided on."""
        self._signals.append(signal_id)

    def decided(self, signal_id: str, actions: tuple[str, ...]) -> None:
        """Note what was offered on a signal, by rank."""
        self.offers[signal_id] = actions

    def attach(self, outcome: Outcome) -> tuple[Outcome | None, Link]:
        """The outcome as the plan is to see it, None if it has no counterpart; and how it relates."""
        if outcome.decision_id is None:
            return outcome, Link.BY_ACTION
        found = self._origin(outcome.decision_id)
        if found is None:
            return outcome, Link.UNKNOWN
        signal, live = found
        if live == self._digest:
            return outcome, Link.OWN
        return self._moved(outcome, signal, live)

    def _moved(self, outcome: Outcome, signal: str, live: str) -> tuple[Outcome | None, Link]:
        offered = self.offers.get(signal)
        if offered is None:
            return None, Link.NO_DECISION
        action = outcome.action or self._at_rank(outcome.rank, signal, live)
        if action is None:
            return None, Link.UNNAMED
        if action not in offered:
            return None, Link.OTHER_OFFER
        own = decision_id(signal, self._digest)
        return msgspec.structs.replace(outcome, decision_id=own, rank=None, action=action), Link.SAME_OFFER

    def _at_rank(self, rank: int | None, signal: str, live: str) -> str | None:
        """The action that the live plan offered at a rank; without a rank, the only one."""
        offered = self._live_offers.get(live, {}).get(signal, ())
        if rank is None:
            return offered[0] if len(offered) == 1 else None
        return offered[rank - 1] if 1 <= rank <= len(offered) else None

    def _origin(self, named: str) -> tuple[str, str] | None:
        """The signal that a decision was made on, and the digest of the plan that made it."""
        for signal in self._signals[self._indexed :]:
            for digest in self._live:
                self._by_id[decision_id(signal, digest)] = signal, digest
        self._indexed = len(self._signals)
        return self._by_id.get(named)
