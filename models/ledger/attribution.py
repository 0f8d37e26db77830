"""Attribution: which offer an outcome answers, what it says about it, and what it does to the contact.

An offer can be answered from the decision until the response window of its channel has passed. In a channel without
one silence says nothing, but outcomes are still welcome for as long as the contact is remembered (`ResponseWindows`).
"""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from models.ledger.spots import Spot
from models.plan.spec import PlanSpec
from models.stored import Finite, Number
from models.times import Micros, duration
from schemas.common import ContactState, OutcomeKind
from schemas.outcome import Outcome

LABELS: dict[OutcomeKind, bool] = {
    OutcomeKind.CLICKED: True,
    OutcomeKind.ACCEPTED: True,
    OutcomeKind.CONVERSION: True,
    OutcomeKind.REJECTED: False,
    OutcomeKind.NO_RESPONSE: False,
}
"""What an outcome says about the offer; the others say nothing yet."""

_RELEASES = frozenset({OutcomeKind.BOUNCED, OutcomeKind.EXPIRED})

_STATES = (ContactState.RESERVED, ContactState.COMMITTED, ContactState.RELEASED)
RESERVED, COMMITTED, RELEASED = range(3)


class OpenOffer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An offer that outcomes can still answer. Its rank is its position in the decision."""

    item: Number
    """Its spot."""
    propensity: Finite
    contact: Annotated[int, Meta(ge=RESERVED, le=RELEASED)] = RESERVED
    labelled: bool = False
    """Whether an outcome said something about it; then silence says nothing more."""
    follows: bool = False
    """Whether it was there because the parent of its bundle was: one contact for both, as capacity goes."""


class OpenDecision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A decision with offers that outcomes can still answer."""

    at: Micros
    decision_id: str
    origin: Number
    """Its brand and digests."""
    offers: Annotated[tuple[OpenOffer, ...], Meta(min_length=1)]


class Answered(NamedTuple):
    """The offer that an outcome answers: positions in the open decisions and in its offers."""

    decision: int
    offer: int


class ResponseWindows:
    """How long offers can be answered, by channel."""

    def __init__(self, spec: PlanSpec, remembered: Micros) -> None:
        """`remembered`: how long offers of channels without a response window are open."""
        self._windows = {
            name: duration(channel.response_window)
            for name, channel in spec.channels.items()
            if channel.response_window is not None
        }
        self._remembered = remembered
        self._releasing = {
            name for name, channel in spec.channels.items() if channel.unconfirmed == "release"
        }
        self.any_silence = bool(self._windows)
        lengths = [self.open(name) for name in spec.channels]
        self.shortest, self.longest = min(lengths), max(lengths)

    def silence(self, channel: str) -> Micros | None:
        """After how long silence is an answer; None: it never is."""
        return self._windows.get(channel)

    def gives_back(self, channel: str, contact: int) -> bool:
        """Whether silence means that an offer was never seen: nothing confirmed it, where offers seen are confirmed.

        Such a contact is released; the silence says nothing about the offer, and counts for no suppression.
        """
        return contact == RESERVED and channel in self._releasing

    def open(self, channel: str) -> Micros:
        """For how long outcomes are attributed."""
        return self._windows.get(channel, self._remembered)


def contact_state(contact: int) -> ContactState:
    """The public name of a contact's state."""
    return _STATES[contact]


def after(contact: int, kind: OutcomeKind) -> int:
    """The state of a contact after an outcome.

    Whatever shows that the offer reached the customer commits it, even after it was released: what happened counts.
    A release gives back only what is reserved. Pending changes nothing. Silence commits: the customer may have seen it;
    unless `ResponseWindows.gives_back` says otherwise.
    """
    if kind in _RELEASES:
        return RELEASED if contact == RESERVED else contact
    return contact if kind == OutcomeKind.PENDING else COMMITTED


def attribute(
    outcome: Outcome,
    at: Micros,
    decisions: Sequence[OpenDecision],
    spot_of: Callable[[int], Spot],
    windows: ResponseWindows,
) -> Answered | str:
    """The offer that `outcome` answers, or why it answers none.

    By decision and rank; by decision and action; by decision alone when it made one offer; by action alone: the
    latest open offer of that action, one that was not given back before one that was. An outcome that names a decision
    answers that one or none.

    Args:
      outcome: The outcome.
      at: Its event time.
      decisions: Those with open offers, ascending by time.
      spot_of: The spot of an offer's `item`.
      windows: How long offers can be answered.
    """
    if outcome.decision_id is not None:
        return _in_decision(outcome, at, decisions, spot_of, windows)
    if outcome.action is None:
        return "$: names neither a decision nor an action"
    return _of_action(outcome.action, at, decisions, spot_of, windows)


def _in_decision(
    outcome: Outcome,
    at: Micros,
    decisions: Sequence[OpenDecision],
    spot_of: Callable[[int], Spot],
    windows: ResponseWindows,
) -> Answered | str:
    for position, decision in enumerate(decisions):
        if decision.decision_id == outcome.decision_id:
            offer = _named(outcome, decision, spot_of)
            if isinstance(offer, str):
                return offer
            if at < decision.at:
                return "$.occurred_at: before the decision"
            if at > decision.at + windows.open(spot_of(decision.offers[offer].item).channel):
                return "$.occurred_at: after the response window"
            return Answered(position, offer)
    return "$.decision_id: no open offer of this decision"


def _named(outcome: Outcome, decision: OpenDecision, spot_of: Callable[[int], Spot]) -> int | str:
    """The offer of a decision that the outcome names."""
    actions = [spot_of(offer.item).action for offer in decision.offers]
    if outcome.rank is not None and 1 <= outcome.rank <= len(actions):
        if outcome.action is None or outcome.action == actions[outcome.rank - 1]:
            return outcome.rank - 1
        return "$.action: not the action at this rank of the decision"
    if outcome.action is not None:
        return (
            actions.index(outcome.action)
            if outcome.action in actions
            else "$.action: not offered in this decision"
        )
    if outcome.rank is not None:
        return "$.rank: not a rank of this decision"
    return 0 if len(actions) == 1 else "$.rank: the decision made several offers and none is named"


def _of_action(
    action: str,
    at: Micros,
    decisions: Sequence[OpenDecision],
    spot_of: Callable[[int], Spot],
    windows: ResponseWindows,
) -> Answered | str:
    given_back = None
    for position in range(len(decisions) - 1, -1, -1):
        decision = decisions[position]
        for index, offer in enumerate(decision.offers):
            spot = spot_of(offer.item)
            if spot.action != action or not decision.at <= at <= decision.at + windows.open(spot.channel):
                continue
            if offer.contact != RELEASED:
                return Answered(position, index)
            given_back = given_back or Answered(position, index)
    return given_back or "$.action: no open offer of this action"
