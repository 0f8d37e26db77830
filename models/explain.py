"""Why a propensity is what it is: what each feature added to its log-odds."""

from collections.abc import Callable

from models.features import RANKING, Vectors
from models.kernel import find
from models.propensity.linear import LinearScorer
from models.propensity.scorer import Scorer
from schemas import Contribution, DecisionRequest

Told = tuple[Contribution, ...]


class Reasons:
    """The `top` largest contributions to the propensity of one action, largest first.

    Contributions are in log-odds. Ties go to the feature that the plan declares first; zeros are no reason.
    """

    def __init__(self, table: Vectors, scorer: Scorer, top: int) -> None:
        self._table = table
        self._scorer = scorer
        self._top = top
        self._compiled = _compiled(table, scorer, top)

    def __call__(self, request: DecisionRequest, action: int) -> Told:
        """Reasons for the action with this index in the plan."""
        told = self._compiled(request, action) if self._compiled else None
        return self.reference(request, action) if told is None else told

    def reference(self, request: DecisionRequest, action: int) -> Told:
        """The same in Python, which says what is right."""
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


def _compiled(
    table: Vectors, scorer: Scorer, top: int
) -> Callable[[DecisionRequest, int], Told | None] | None:
    kernel = find("ranking", RANKING) if top else None
    if kernel is None or not isinstance(table, kernel.Vectors) or not isinstance(scorer, LinearScorer):
        return None
    compiled: Callable[[DecisionRequest, int], Told | None] = kernel.Reasons(table, scorer, top)
    return compiled
