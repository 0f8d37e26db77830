"""Outcomes of offers that nobody made: a misrouted click, another system's campaign."""

from collections.abc import Iterator

from numpy.random import Generator

from models.simulation.draws import chance
from models.simulation.scribe import Scribe
from models.times import SECOND, micros, moment
from schemas import Outcome, OutcomeKind

_KINDS = (OutcomeKind.CLICKED, OutcomeKind.ACCEPTED, OutcomeKind.CONVERSION)


def strays_of_day(draws: Generator, customer_id: str, scribe: Scribe, rate: float) -> Iterator[Outcome]:
    """Strays among the day's signals: each signal is followed by one with probability `rate`."""
    for signal in scribe.written:
        if chance(draws, rate):
            yield Outcome(
                outcome_id=f"{signal.signal_id}.stray",
                customer_id=customer_id,
                occurred_at=moment(micros(signal.occurred_at) + SECOND),
                kind=_KINDS[int(draws.integers(len(_KINDS)))],
                decision_id=draws.bytes(16).hex(),
                rank=1,
                channel="web",
            )


def is_stray(outcome: Outcome) -> bool:
    """Whether an outcome answers an offer that nobody made."""
    return outcome.outcome_id.endswith(".stray")
