"""Why a propensity is what it is: what each feature added to its log-odds."""

from models.propensity.scorer import Scorer, Vectors
from schemas import Contribution, DecisionRequest


class Reasons:
    """The `top` largest contributions to the propensity of one action, largest first.

    Contributions are in log-odds. Ties go to the feature that the plan declares first; zeros are no reason.
    """

    def __init__(self, table: Vectors, scorer: Scorer, top: int) -> None:
        self._table = table
        self._scorer = scorer
        self._top = top

    def __call__(self, request: DecisionRequest, action: int) -> tuple[Contribution, ...]:
        """Reasons for the action with this index in the plan."""
        if not self._top:
            return ()
        x = self._table.vector(request.context.features)
        contributions = self._scorer.contributions(x, action)
        largest = (-contributions).argsort(kind="stable")[: self._top]
        names = self._table.vector_columns
        pairs = zip(largest.tolist(), contributions[largest].tolist(), strict=True)
        return tuple(
            [Contribution(feature=names[i], contribution=added) for i, added in pairs if added != 0.0]
        )
