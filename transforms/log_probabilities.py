"""LogProbabilities: how probable it was that each offer was the one made."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.exploration.probability import with_probabilities
from schemas import Decision
from transforms.plan_source import PlanSource


class LogProbabilities(beam.PTransform[PCollection[Decision], PCollection[Decision]]):
    """Decisions with the probability of each offer, computed from their own record: see `models.exploration`.

    It holds no state and knows no key, so that its quadrature never keeps a customer's next event waiting. Decisions
    of a plan in which chance has no say pass as they are, without a step unless the plan may change.
    """

    def __init__(self, plan: PlanSource) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, decisions: PCollection[Decision]) -> PCollection[Decision]:
        """One pure function, or none."""
        if self._plan.refresh_s is None and not self._plan.load().plan.explores:
            return decisions
        return decisions | "Compute" >> beam.ParDo(_ComputeFn(self._plan)).with_output_types(Decision)


class _ComputeFn(beam.DoFn):
    """Beam adapter for `with_probabilities`."""

    def __init__(self, plan: PlanSource) -> None:
        self._plan = plan

    def start_bundle(self) -> None:
        self._explores = self._plan.load().plan.explores

    def process(self, decision: Decision) -> Iterator[Decision]:
        yield with_probabilities(decision) if self._explores else decision
