"""What becomes of an offer: outcomes with their delays, drawn from the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from numpy.random import Generator

from models.simulation.draws import chance, generator, wait
from models.simulation.person import Respondent
from models.simulation.truth import Answer, ResponseModel
from models.times import micros, moment
from schemas import Decision, Offer, Outcome, OutcomeKind

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How people answer in one channel. Delays are (median seconds, spread of the logarithm)."""

    sent: tuple[float, float] | None = None
    """Delivery takes this long; None: the offer is simply there."""
    tracked: bool = True
    """Whether being noticed is reported."""
    noticed: tuple[float, float]
    yes: tuple[float, float]
    yes_is: OutcomeKind = OutcomeKind.CLICKED
    goes_on: float = 0.45
    """P(accepted | clicked)."""
    refuses: float
    """P(rejected | noticed and no yes)."""


MANNERS: Mapping[str, Manner] = MappingProxyType(
    {
        "web": Manner(noticed=(1.2, 0.5), yes=(9.0, 0.8), refuses=0.04),
        "app": Manner(noticed=(1.0, 0.5), yes=(6.0, 0.8), refuses=0.07),
        "colleague": Manner(noticed=(20.0, 0.5), yes=(180.0, 0.6), yes_is=OutcomeKind.ACCEPTED, refuses=0.45),
        "email": Manner(sent=(40.0, 0.6), noticed=(5 * 3_600.0, 1.2), yes=(30.0, 0.9), refuses=0.015),
        "sms": Manner(sent=(6.0, 0.6), tracked=False, noticed=(240.0, 1.3), yes=(60.0, 0.8), refuses=0.03),
    }
)
CONVERTS = 0.6
"""P(conversion | accepted)."""
_CONVERSION = (5 * 3_600.0, 1.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One offer, the truth about it, and what was drawn."""

    offer: Offer
    answer: Answer
    noticed: bool
    positive: bool
    outcomes: tuple[Outcome, ...]
    """By time; none at all is silence."""


class _Story:
    """The outcomes of one offer as they happen."""

    def __init__(self, decision: Decision, offer: Offer, draws: Generator) -> None:
        self._decision, self._offer, self.draws = decision, offer, draws
        self.at = micros(decision.decided_at)
        self.outcomes: list[Outcome] = []

    def after(self, delay: tuple[float, float]) -> "_Story":
        self.at += wait(self.draws, *delay, at_most_s=10 * _DAY_S)
        return self

    def then(self, kind: OutcomeKind, value: float | None = None, *, names_decision: bool = True) -> None:
        decision, offer = self._decision, self._offer
        self.outcomes.append(
            Outcome(
                outcome_id=f"{decision.decision_id}.{offer.rank}.{kind.value.lower()}",
                customer_id=decision.customer_id,
                occurred_at=moment(self.at),
                kind=kind,
                decision_id=decision.decision_id if names_decision else None,
                rank=offer.rank if names_decision else None,
                action=offer.action,
                channel=offer.channel,
                value=value,
            )
        )


def respond(
    model: ResponseModel, person: Respondent, decision: Decision, offer: Offer, seed: int, by_action: float
) -> Response:
    """Draw what becomes of one offer.

    The draws belong to the signal, the action and the place, not to the plan: the same offer at the same moment
    gets the same answer whichever plan made it, so plans can be compared on equal luck.

    `by_action` is the share of conversions that name the action only.
    """
    draws = generator(seed, "answer", decision.signal_id, offer.action, offer.placement)
    answer = model.answer(person, offer.action, offer.placement, offer.slot, micros(decision.decided_at))
    arrived, noticed, positive = (chance(draws, p) for p in (answer.arrives, answer.notices, answer.says_yes))
    noticed = arrived and noticed
    story = _Story(decision, offer, draws)
    manner = MANNERS.get(offer.channel, MANNERS["web"])
    if manner.sent is not None:
        story.after(manner.sent).then(OutcomeKind.DELIVERED if arrived else OutcomeKind.BOUNCED)
    if noticed:
        _react(story, manner, offer, by_action, positive=positive)
    return Response(
        offer=offer,
        answer=answer,
        noticed=noticed,
        positive=noticed and positive,
        outcomes=tuple(story.outcomes),
    )


def _react(story: _Story, manner: Manner, offer: Offer, by_action: float, *, positive: bool) -> None:
    draws = story.draws
    story.after(manner.noticed)
    if manner.tracked:
        story.then(OutcomeKind.IMPRESSION)
    if not positive:
        if chance(draws, manner.refuses):
            story.after(manner.yes).then(OutcomeKind.REJECTED)
        return
    story.after(manner.yes).then(manner.yes_is)
    if manner.yes_is is OutcomeKind.CLICKED:
        if not chance(draws, manner.goes_on):
            return
        story.after((150.0, 0.6)).then(OutcomeKind.ACCEPTED)
    if chance(draws, CONVERTS):
        names_decision = not chance(draws, by_action)
        story.after(_CONVERSION).then(OutcomeKind.CONVERSION, offer.value, names_decision=names_decision)
