"""Arbitrate: in which order the remaining actions are worth offering."""

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.funnel import Funnel
from schemas import CandidateSet
from transforms.funnel_steps import FunnelFn
from transforms.plan_source import PlanSource


class Arbitrate(beam.PTransform[PCollection[CandidateSet], PCollection[CandidateSet]]):
    """Scored candidates in; the same with context weights, priorities P x C x V x L and their order."""

    def __init__(self, plan: PlanSource) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, candidates: PCollection[CandidateSet]) -> PCollection[CandidateSet]:
        """One to one."""
        step = beam.ParDo(FunnelFn(self._plan, Funnel.arbitrate))
        return candidates | "Rank" >> step.with_output_types(CandidateSet)
