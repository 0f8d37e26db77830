from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.arbitration import Arbitration
from models.features import FeatureTable
from models.propensity.linear import LinearScorer
from models.propensity.scorer import Scorer
from schemas import CandidateSet, Contribution, DecisionRequest

VERSION: int

class Vectors:
    table: FeatureTable
    vector_columns: tuple[str, ...]
    def __init__(self, table: FeatureTable) -> None: ...
    def vector(self, values: Sequence[float]) -> NDArray[np.float64]: ...

class Reasons:
    def __init__(self, vectors: Vectors, scorer: LinearScorer, top: int) -> None: ...
    def __call__(self, request: DecisionRequest, action: int) -> tuple[Contribution, ...] | None: ...

class Ranking:
    def __init__(
        self,
        vectors: Vectors,
        scorer: Scorer,
        arbitration: Arbitration,
        engage: Callable[[DecisionRequest], tuple[int, ...]],
        weigh: Callable[[DecisionRequest], NDArray[np.float64]],
    ) -> None: ...
    def __call__(self, request: DecisionRequest) -> CandidateSet | None: ...
