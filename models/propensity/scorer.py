"""What decisions see of a propensity model: scores in plan action order, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.exploration.evidence import known_propensity
from models.features import Vectors
from models.plan.spec import PlanSpec
from models.propensity.artifact import Artifact, ArtifactError
from models.propensity.linear import LinearScorer
from models.propensity.sigmoid import logit, propensities
from models.propensity.trees import TreesScorer
from schemas import CandidateSet

_KINDS: dict[str, type[LinearScorer] | type[TreesScorer]] = {"linear": LinearScorer, "trees": TreesScorer}

NO_MODEL = "none"
"""Digest while all actions have their starting propensity."""


class Scorer(Protocol):
    """Propensities of all actions of a plan (A) from one feature vector (F). Immutable; safe to share."""

    @property
    def digest(self) -> str:
        """Identifies the model."""

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(positive | shown) of every action (A,) in [0, 1], rounded to 12 decimals."""

    def explain(self, x: NDArray[np.float64], action: int) -> tuple[float, NDArray[np.float64]]:
        """The log-odds of one action, taken apart: its own level, and what each feature adds (F,)."""

    def contributions(self, x: NDArray[np.float64], action: int) -> NDArray[np.float64]:
        """What each feature adds to the log-odds of one action (F,)."""


@dataclass(frozen=True, eq=False, slots=True)
class StartingScorer:
    """What a plan says of its actions, whoever is asked about: their rate so far, or their starting propensity."""

    starting: NDArray[np.float64]
    digest: str = NO_MODEL

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: ARG002 - whoever it is
        """The starting propensities (A,)."""
        return propensities(self.starting)

    def explain(self, x: NDArray[np.float64], action: int) -> tuple[float, NDArray[np.float64]]:
        """Log-odds of the starting propensity; no feature adds anything."""
        return float(self.starting[action]), np.zeros(x.size)

    def contributions(self, x: NDArray[np.float64], action: int) -> NDArray[np.float64]:
        """Zeros (F,)."""
        return self.explain(x, action)[1]


def bind(artifact: Artifact | None, spec: PlanSpec, vector_columns: Sequence[str]) -> Scorer:
    """The scorer of a plan: its actions in its order, those without a model by what the plan says of them.

    Actions that only the artefact knows are ignored.

    Raises:
      ArtifactError: The artefact was trained on other features, or knows no action of the plan.
    """
    starting = logit(np.array([known_propensity(action) for action in spec.actions], np.float64))
    if artifact is None:
        return StartingScorer(starting)
    _check_features(artifact.manifest.features, tuple(vector_columns))
    row = {action: index for index, action in enumerate(artifact.manifest.actions)}
    rows = np.array([row.get(action.id, -1) for action in spec.actions])
    if np.all(rows < 0):
        raise ArtifactError("actions", "of the model are none of the plan's", "train it with this plan")
    return _KINDS[artifact.manifest.kind].of(artifact, rows, starting)


def in_own_order(artifact: Artifact) -> LinearScorer | TreesScorer:
    """The scorer of the artefact's own actions, in its order: what training and registration compare with."""
    rows = np.arange(len(artifact.manifest.actions))
    return _KINDS[artifact.manifest.kind].of(artifact, rows, np.zeros(rows.size))


def score(scorer: Scorer, table: Vectors, candidates: CandidateSet) -> CandidateSet:
    """Fill in propensities (0 where an engagement rule removed the action) and the model's digest.

    Raises:
      ValueError: A feature is not a finite number; that is a fault of what computed it.
    """
    x = table.vector(candidates.request.context.features)
    if not np.isfinite(x).all():
        bad = table.vector_columns[int(np.flatnonzero(~np.isfinite(x))[0])]
        raise ValueError(
            f"feature {bad!r} of the model is not a finite number; declare a clip or a default for it"
        )
    scores = scorer.score(x).tolist()
    if candidates.removed_by:
        pairs = zip(scores, candidates.removed_by, strict=True)
        scores = [0.0 if rule >= 0 else propensity for propensity, rule in pairs]
    return msgspec.structs.replace(candidates, propensities=tuple(scores), model_digest=scorer.digest)


def _check_features(trained: tuple[str, ...], declared: tuple[str, ...]) -> None:
    if trained == declared:
        return
    pairs = zip(trained, declared, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(trained), len(declared)))
    was, now = (repr(names[first]) if first < len(names) else "nothing" for names in (trained, declared))
    rule = f"differ from the plan's at position {first + 1}: the model has {was}, the plan has {now}"
    raise ArtifactError("features", rule, "train the model with this plan, or restore the plan's features")
