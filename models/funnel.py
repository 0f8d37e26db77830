"""The steps that hold no state, from a request to ranked candidates."""

from dataclasses import dataclass

from models.arbitration import Arbitration, arbitrate
from models.engagement import ContextWeights, EngagementPolicy, engage
from models.propensity.scorer import Scorer, Vectors, score
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
        return self.arbitrate(self.score(self.engage(request)))
