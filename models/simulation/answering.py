"""Channels and customers as seen from the pipeline: a decision goes in; outcomes and further signals come out."""

from collections.abc import Iterator

import msgspec

from models.plan.spec import PlanSpec
from models.simulation.glimpse import Glimpse, Glimpses
from models.simulation.lives import Event
from models.simulation.reactions import reactions
from models.simulation.responses import respond
from models.simulation.truth import Answer, ResponseModel
from models.times import SECOND, Micros, micros, moment
from schemas import Decision, Offer, Outcome

UNHURRIED = 10 * SECOND
"""So much of every delay passes as it is: what happens on a screen happens in seconds."""


class Answering:
    """How the customers of the simulated bank `seed` answer decisions of a plan. Remembers nothing.

    The same decision has the same answers, with the same ids and times, whenever it is asked about: what is delivered
    again is answered again, and counts once.

    Args:
      spec: The plan.
      seed: Of the bank.
      haste: How many times as fast delays pass, beyond the first ten seconds; 60: an hour in a minute.
      by_action: Share of conversions that name the action only, as product systems do.
    """

    def __init__(self, spec: PlanSpec, seed: int, *, haste: float = 60.0, by_action: float = 0.2) -> None:
        if haste < 1:
            raise ValueError(f"haste={haste:g} is no haste: it must be 1 or more")
        self._model = ResponseModel(spec, seed)
        self._glimpses = Glimpses(spec, seed)
        self._groups = {action.id: action.group for action in spec.actions}
        self._seed, self._haste, self._by_action = seed, haste, by_action

    def replies(self, decision: Decision) -> tuple[Event, ...]:
        """What becomes of the decision's offers, by time: outcomes, and signals that follow from them.

        Nothing for customers who are nobody of this bank, and for actions that the plan does not have.
        """
        who = self._glimpses.of(decision)
        if who is None:
            return ()
        outcomes = [
            outcome
            for offer in decision.offers
            if offer.action in self._groups
            for outcome in self._outcomes(decision, offer, who)
        ]
        outcomes.sort(key=lambda outcome: (outcome.occurred_at, outcome.outcome_id))
        signals = [signal for outcome in outcomes for signal in self._reactions(outcome, decision.brand, who)]
        start = micros(decision.decided_at)
        hastened = (self._hastened(event, start) for event in (*outcomes, *signals))
        return tuple(sorted(hastened, key=lambda event: event.occurred_at))

    def truths(self, decision: Decision) -> Iterator[tuple[Offer, Answer]]:
        """The offers with the truth about each, as far as there is one."""
        who = self._glimpses.of(decision)
        if who is None:
            return
        for offer in decision.offers:
            if offer.action in self._groups:
                at = micros(decision.decided_at)
                yield offer, self._model.answer(who, offer.action, offer.placement, offer.slot, at)

    def _outcomes(self, decision: Decision, offer: Offer, who: Glimpse) -> tuple[Outcome, ...]:
        return respond(self._model, who, decision, offer, self._seed, self._by_action).outcomes

    def _reactions(self, outcome: Outcome, brand: str, who: Glimpse) -> Iterator[Event]:
        for signal in reactions(outcome, self._groups[str(outcome.action)], brand, who, self._seed):
            who.facts.update(signal.profile or {})
            yield signal

    def _hastened(self, event: Event, start: Micros) -> Event:
        delay = hastened(micros(event.occurred_at) - start, self._haste)
        return msgspec.structs.replace(event, occurred_at=moment(start + delay))


def hastened(delay: Micros, haste: float) -> Micros:
    """The delay with what is beyond the first ten seconds passing `haste` times as fast. Order is kept."""
    return delay if delay <= UNHURRIED else UNHURRIED + int((delay - UNHURRIED) / haste)
