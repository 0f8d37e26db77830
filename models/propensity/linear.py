"""One logistic regression per action, scored as one product of a matrix and a vector."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.propensity.artifact import Artifact
from models.propensity.sigmoid import propensities


@dataclass(frozen=True, eq=False, slots=True)
class LinearScorer:
    """`weights` (A, F) and `bias` (A,) in plan action order."""

    digest: str
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def of(cls, artifact: Artifact, rows: NDArray[np.int64], starting: NDArray[np.float64]) -> "LinearScorer":
        """Bind to the plan's actions.

        Args:
          artifact: A model of kind linear.
          rows: Row of each plan action in the artefact (A,); -1 if it has none.
          starting: Log-odds of the actions that have none (A,).
        """
        known = rows >= 0
        weights = np.where(known[:, None], artifact.floats("weights")[rows], 0.0)
        return cls(artifact.digest, weights, np.where(known, artifact.floats("bias")[rows], starting))

    def log_odds(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of every action (A,) for the feature vector `x` (F,)."""
        odds: NDArray[np.float64] = self.weights @ x + self.bias
        return odds

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Propensity of every action (A,) for the feature vector `x` (F,)."""
        return propensities(self.log_odds(x))

    def explain(self, x: NDArray[np.float64], action: int) -> tuple[float, NDArray[np.float64]]:
        """The log-odds of one action, taken apart: its own level, and what each feature adds (F,)."""
        return float(self.bias[action]), self.weights[action] * x

    def contributions(self, x: NDArray[np.float64], action: int) -> NDArray[np.float64]:
        """What each feature adds to the log-odds of one action (F,)."""
        return self.explain(x, action)[1]
