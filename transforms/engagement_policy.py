"""ApplyEngagementPolicy: which actions are eligible, applicable and suitable."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.funnel import Funnel
from schemas import CandidateSet, DecisionRequest
from transforms.funnel_steps import FunnelFn
from transforms.plan_source import PlanSource


class ApplyEngagementPolicy(beam.PTransform[PCollection[DecisionRequest], PCollection[CandidateSet]]):
    """Requests in; every action of the plan out, with the first engagement rule that removes it, if one does."""

    def __init__(self, plan: PlanSource) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, requests: PCollection[DecisionRequest]) -> PCollection[CandidateSet]:
        """One to one."""
        step = beam.ParDo(FunnelFn(self._plan, Funnel.engage))
        return requests | "Engage" >> step.with_output_types(CandidateSet)
