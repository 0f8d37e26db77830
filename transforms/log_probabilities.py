"""LogProbabilities: how probable it was that each offer was the one made."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from models.exploration.probability import all_with_probabilities
from schemas import Decision
from transforms.discreet import DiscreetFn
from transforms.plan_source import PlanSource

_TOGETHER = 64
"""Decisions: more save little, and keep those that came first waiting."""


class LogProbabilities(beam.PTransform[PCollection[Decision], PCollection[Decision]]):
    """Decisions with the probability of each offer, computed from their own record: see `models.exploration`.

    It holds no state and knows no key, so that its quadrature never keeps a customer's next event waiting. Decisions of
    a bundle are computed together, which costs a fraction and changes no bit. Those of a plan in which chance has no
    say pass as they are, without a step unless the plan may change.
    """

    def __init__(self, plan: PlanSource) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, decisions: PCollection[Decision]) -> PCollection[Decision]:
        """One pure function, or none."""
        if self._plan.refresh_s is None and not self._plan.load().plan.explores:
            return decisions
        return decisions | "Compute" >> beam.ParDo(_ComputeFn(self._plan)).with_output_types(Decision)


class _ComputeFn(DiscreetFn):
    """Beam adapter for `all_with_probabilities`: each decision keeps its time and its window."""

    def __init__(self, plan: PlanSource) -> None:
        self._plan = plan

    def start_bundle(self) -> None:
        self._explores = self._plan.load().plan.explores
        self._waiting: list[tuple[Decision, Timestamp, BoundedWindow]] = []

    def process(
        self,
        decision: Decision,
        at: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
    ) -> Iterator[Decision | WindowedValue]:
        if not self._explores:
            yield decision
            return
        self._waiting.append((decision, at, window))
        if len(self._waiting) == _TOGETHER:
            yield from self._computed()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._computed()

    def _computed(self) -> Iterator[WindowedValue]:
        waiting, self._waiting = self._waiting, []
        told = all_with_probabilities([decision for decision, _, _ in waiting])
        for decision, (_, at, window) in zip(told, waiting, strict=True):
            yield WindowedValue(decision, at, (window,))
