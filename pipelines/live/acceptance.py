"""Acceptance by action, beside what the simulation knows to be true."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.plan.spec import PlanSpec
from models.reporting.rates import Rate
from models.simulation.answering import Answering, hastened
from models.times import SECOND
from pipelines.live.rings import Latest
from schemas import Decision, Direction, Feedback

SCREEN_S, MESSAGE_S = 1_800.0, 108_000.0
"""So long answers to an offer on a screen or at a desk, and to a message, take at most, but for a few."""
UNDER_WAY_S = 20.0
"""An answer is published, attributed and read."""
_MOST_OPEN = 50_000


@dataclass(slots=True)
class _Open:
    action: str
    truth: float
    positive: bool = False


@dataclass(slots=True)
class _Told:
    offers: int = 0
    positive: int = 0
    truth: float = 0.0


class Acceptance:
    """Offers, how many were answered positively, and how many should have been.

    Args:
      spec: The plan.
      answering: Knows the truth.
      haste: How many times as fast delays of answers pass.
    """

    def __init__(self, spec: PlanSpec, answering: Answering, haste: float) -> None:
        self.waits = [_passed(delay, haste) + UNDER_WAY_S for delay in (SCREEN_S, MESSAGE_S)]
        """Seconds before an offer on a screen counts, and before a message does."""
        self._names = {action.id: action.name or action.id for action in spec.actions}
        self._sent = {n for n, channel in spec.channels.items() if channel.direction is Direction.OUTBOUND}
        self._answering = answering
        self._told: dict[str, _Told] = {}
        self._open: Latest[tuple[str, int], _Open] = Latest(_MOST_OPEN)
        self._ripe: dict[bool, deque[tuple[float, _Open]]] = {
            sent: deque(maxlen=_MOST_OPEN) for sent in (True, False)
        }

    def decided(self, decision: Decision, published: float) -> None:
        """Offers are made."""
        for offer, answer in self._answering.truths(decision):
            made = _Open(offer.action, answer.positive)
            self._open.add((decision.decision_id, offer.rank), made)
            self._ripe[offer.channel in self._sent].append((published, made))

    def answered(self, feedback: Feedback) -> None:
        """An offer is answered, perhaps positively."""
        made = self._open.get((feedback.decision_id, feedback.rank))
        if made is not None and feedback.label:
            made.positive = True

    def rows(self, now: float) -> list[dict[str, Any]]:
        """One row for all offers that have had time to be answered, then one per action, the most offered first."""
        self._ripen(now)
        whole = _Told()
        for told in self._told.values():
            whole.offers += told.offers
            whole.positive += told.positive
            whole.truth += told.truth
        ordered = sorted(self._told.items(), key=lambda each: (-each[1].offers, each[0]))
        return [_row("All offers", whole), *(_row(self._names[name], told) for name, told in ordered)]

    def _ripen(self, now: float) -> None:
        for sent, waits_s in zip((False, True), self.waits, strict=True):
            for made in _older(self._ripe[sent], now - waits_s):
                told = self._told.setdefault(made.action, _Told())
                told.offers += 1
                told.positive += made.positive
                told.truth += made.truth


def _older(made: deque[tuple[float, _Open]], than: float) -> Iterator[_Open]:
    while made and made[0][0] <= than:
        yield made.popleft()[1]


def _passed(delay_s: float, haste: float) -> float:
    return hastened(int(delay_s * SECOND), haste) / SECOND


def _row(name: str, told: _Told) -> dict[str, Any]:
    rate = Rate(told.positive, told.offers)
    return {
        "name": name,
        "offers": told.offers,
        "positive": told.positive,
        "rate": rate.value,
        "low": rate.low,
        "high": rate.high,
        "truth": told.truth / told.offers if told.offers else None,
    }
