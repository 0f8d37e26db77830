"""Seal: what leaves for the sinks carries a digest of itself; how old a decision is by then, is counted."""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.audit.seals import sealed
from models.observability.ladders import CONTEXT_AGE, DECISION_LATENCY
from models.times import micros
from schemas import Decision
from transforms.discreet import Discreet, DiscreetFn
from transforms.metrics import Rungs

_PLAUSIBLE_S = 4_102_444_800.0
"""2100: a file's elements bear the beginning of time, and batches of RunInference its end."""


class Seal(beam.PTransform[PCollection[Any], PCollection[Any]]):
    """Decisions or feedback with their seals. The last step before the sinks: nothing is added after it.

    Of decisions that come from a topic it counts `decision_latency` and `context_age`. Until here an element bears the
    time at which its signal was published, by the clock of Pub/Sub; now is by the worker's. Both are kept within
    milliseconds; where the worker's is behind, the latency counts as none.

    Args:
      contract: Decision or Feedback.
    """

    def __init__(self, contract: type) -> None:
        super().__init__()
        self._contract = contract

    def expand(self, records: PCollection[Any]) -> PCollection[Any]:
        """One pure function."""
        seal = beam.ParDo(_SealDecisionFn()) if self._contract is Decision else beam.Map(Discreet(sealed))
        return records | "Seal" >> seal.with_output_types(self._contract)


class _SealDecisionFn(DiscreetFn):
    """Beam adapter for `sealed`, with a clock."""

    def __init__(self) -> None:
        self._latency = Rungs(DECISION_LATENCY)
        self._age = Rungs(CONTEXT_AGE)

    def start_bundle(self) -> None:
        self._latency.start()
        self._age.start()

    def process(self, decision: Decision, at: Any = beam.DoFn.TimestampParam) -> Iterator[Decision]:
        done = sealed(decision)
        published_s = at.micros / 1e6
        if 0 < published_s < _PLAUSIBLE_S:
            now_s = time.time()
            self._latency.add((now_s - published_s) * 1e3)
            self._age.add(now_s - micros(decision.context.session.last_at) / 1e6)
        yield done

    def finish_bundle(self) -> None:
        self._latency.count()
        self._age.count()
