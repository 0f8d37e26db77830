"""ScoreActions: how likely the customer is to respond to each action."""

import resource
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference import base
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.pvalue import PCollection

from models.funnel import Funnel
from schemas import CandidateSet
from transforms.funnel_steps import FunnelFn
from transforms.plan_source import LoadedPlan, PlanSource

if base.resource is None:  # Beam forgets it where torch is missing, and then warns whenever a model is loaded
    base.resource = resource


class PropensityModelHandler(ModelHandler[CandidateSet, CandidateSet, LoadedPlan]):
    """Scores candidate sets with the compiled model of a plan, for Beam's RunInference.

    Rows are scored one by one by the function that the fused pipeline calls, so a propensity has the same bits
    whatever batch it was in.

    Args:
      plan: The plan whose model scores.
      batching: Arguments for `beam.BatchElements`, e.g. `{"max_batch_size": 64}`.
    """

    def __init__(self, plan: PlanSource, **batching: Any) -> None:
        super().__init__(**batching)
        self._plan = plan

    def load_model(self) -> LoadedPlan:
        """The plan with its model: the object all other steps of the process use."""
        return self._plan.load()

    def run_inference(
        self,
        batch: Sequence[CandidateSet],
        model: LoadedPlan,
        inference_args: Mapping[str, Any] | None = None,  # noqa: ARG002  (part of Beam's interface)
    ) -> Iterator[CandidateSet]:
        """Each candidate set with its propensities, in the order given."""
        return map(model.funnel.score, batch)

    def get_num_bytes(self, batch: Sequence[CandidateSet]) -> int:
        """Size of the feature values; Beam's default would pickle every batch to measure it."""
        return sum(8 * len(candidates.request.context.features) for candidates in batch)

    def get_metrics_namespace(self) -> str:
        """Where RunInference counts."""
        return "ScoreActions"


class ScoreActions(beam.PTransform[PCollection[CandidateSet], PCollection[CandidateSet]]):
    """Candidates in; the same with the propensity of each action that was not removed.

    Args:
      plan: The plan whose model scores.
      inline: Score in the step itself, without RunInference and its batches: for models as fast as ours.
    """

    def __init__(self, plan: PlanSource, *, inline: bool = False) -> None:
        super().__init__()
        self._plan = plan
        self._inline = inline

    def expand(self, candidates: PCollection[CandidateSet]) -> PCollection[CandidateSet]:
        """One to one."""
        if self._inline:
            step = beam.ParDo(FunnelFn(self._plan, Funnel.score))
            return candidates | "Score" >> step.with_output_types(CandidateSet)
        inference = RunInference(PropensityModelHandler(self._plan))
        return candidates | "RunInference" >> inference.with_output_types(CandidateSet)
