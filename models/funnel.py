"""The steps that hold no state, from a request to ranked candidates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from models.arbitration import Arbitration, arbitrate
from models.engagement import ContextWeights, EngagementPolicy, engage
from models.features import RANKING, Vectors
from models.kernel import find
from models.propensity.scorer import Scorer, score
from schemas import CandidateSet, DecisionRequest


@dataclass(frozen=True, eq=False)
class Funnel:
    """ApplyEngagementPolicy, ScoreActions and Arbitrate as functions, one by one and in a row."""

    table: Vectors
    engagement: EngagementPolicy
    context_weights: ContextWeights
    scorer: Scorer
    arbitration: Arbitration

    def engage(self, request: DecisionRequest) -> CandidateSet:
        """Which rule, if any, removes each action."""
        return engage(self.engagement, request)

    def score(self, candidates: CandidateSet) -> CandidateSet:
        """How likely the customer is to respond to each action that remains."""
        return score(self.scorer, self.table, candidates)

    def arbitrate(self, candidates: CandidateSet) -> CandidateSet:
        """In which order the remaining actions are worth offering."""
        request, weights = candidates.request, self.context_weights
        care = weights.care(request) if self.arbitration.unweighted(request.arm) else None
        return arbitrate(self.arbitration, candidates, weights.apply(request), care)

    def candidates(self, request: DecisionRequest) -> CandidateSet:
        """All three in a row."""
        ranked = self.ranking(request) if self.ranking else None
        return self.reference(request) if ranked is None else ranked

    def reference(self, request: DecisionRequest) -> CandidateSet:
        """The same in Python, step by step."""
        return self.arbitrate(self.score(self.engage(request)))

    @cached_property
    def ranking(self) -> Callable[[DecisionRequest], CandidateSet | None] | None:
        """All three, compiled; for whom it yields None Python has to do."""
        kernel = find("ranking", RANKING)
        if kernel is None or not isinstance(self.table, kernel.Vectors):
            return None
        weights, unweighted = self.context_weights, not self.arbitration.weighted
        compiled: Callable[[DecisionRequest], CandidateSet | None] = kernel.Ranking(
            self.table,
            self.scorer,
            self.arbitration,
            self.engagement.apply,
            weights.care if unweighted else weights.apply,
        )
        return compiled
