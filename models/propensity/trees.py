"""Boosted trees over features and action, scored for all actions at once without walking a tree.

The leaves of a tree are bits of one word, leftmost lowest. A split that sends the row right rules out the
leaves on its left; the lowest bit that no split ruled out is the leaf that walking would reach (Lucchese et al.,
QuickScorer, SIGIR 2015). What the action's own columns rule out never changes, so it is computed once when
bound: per request every split on a feature is tested once, whatever the number of actions, and actions that a
tree cannot tell apart share one leaf. Leaf values are added tree by tree in training order, so the sum is the
estimator's, bit for bit. Where it is built, the kernel does the same in one pass (`models.kernel.trees`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.kernel import find
from models.propensity.artifact import Artifact
from models.propensity.leaves import Leaves, leaves_of
from models.propensity.sigmoid import propensities

if TYPE_CHECKING:
    from models.kernel.trees import Forest

Words = NDArray[np.uint64]
_ALL = np.uint64(2**64 - 1)
_ONE = np.uint64(1)
_KERNEL = 1


@dataclass(frozen=True, eq=False, slots=True)
class _Splits:
    """Splits on features of the context, tree by tree; `keep` are the leaves left when one sends right."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    keep: Words
    starts: NDArray[np.int64]

    def remaining(self, x: NDArray[np.float64]) -> Words:
        """Leaves of each tree (T,) that the context rules in."""
        words = np.where(x.take(self.feature) > self.threshold, self.keep, _ALL)
        return np.bitwise_and.reduceat(words, self.starts)


@dataclass(frozen=True, eq=False, slots=True)
class TreesScorer:
    """Trees bound to the plan's actions. A case: a tree, and the leaves that some action leaves open."""

    digest: str
    features: int
    splits: _Splits
    leaves: Leaves
    case_tree: NDArray[np.int64]
    case_word: Words
    case_first: NDArray[np.int64]
    """Where the leaves of the case's tree start."""
    levels: NDArray[np.float64]
    """Log-odds before the first tree: the baseline, or those of an action without a model; then zero."""
    terms: NDArray[np.int64]
    """(1 + T, A): index into levels and cases of what is added, in order."""
    _forest: Forest | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_forest", _compiled(self))

    def __reduce__(self) -> tuple[Any, ...]:
        kept = self.case_tree, self.case_word, self.case_first, self.levels, self.terms
        return TreesScorer, (self.digest, self.features, self.splits, self.leaves, *kept)

    @classmethod
    def of(cls, artifact: Artifact, rows: NDArray[np.int64], starting: NDArray[np.float64]) -> TreesScorer:
        """Bind to the plan's actions.

        Args:
          artifact: A model of kind trees.
          rows: Row of each plan action in the artefact (A,); -1 if it has none.
          starting: Log-odds of the actions that have none (A,).
        """
        leaves, features = leaves_of(artifact), len(artifact.manifest.features)
        words = _ruled_in(artifact, leaves, features)
        trees = words.shape[1]
        keys = np.stack([np.broadcast_to(np.arange(trees, dtype=np.uint64), words.shape), words], axis=-1)
        cases, case = np.unique(keys.reshape(-1, 2), axis=0, return_inverse=True)
        levels = np.concatenate([starting, artifact.floats("baseline"), [0.0]])
        known, count = rows >= 0, rows.size
        per_action = case.reshape(words.shape)[rows] + levels.size
        terms = np.vstack(
            [
                np.where(known, count, np.arange(count)),
                np.where(known[:, None], per_action, levels.size - 1).T,
            ]
        )
        case_tree = cases[:, 0].astype(np.int64)
        return cls(
            artifact.digest,
            features,
            _splits(artifact, leaves, features),
            leaves,
            case_tree,
            np.ascontiguousarray(cases[:, 1]),
            leaves.starts[case_tree],
            levels,
            np.ascontiguousarray(terms),
        )

    def log_odds(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of every action (A,) for the feature vector `x` (F,)."""
        if self._forest is not None:
            odds = np.empty(self.terms.shape[1])
            self._forest.log_odds(x, odds)
            return odds
        values = np.concatenate([self.levels, self.leaves.value.take(self._reached(x))])
        return _summed(values.take(self.terms))

    def score(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Propensity of every action (A,) for the feature vector `x` (F,)."""
        return propensities(self.log_odds(x))

    def explain(self, x: NDArray[np.float64], action: int) -> tuple[float, NDArray[np.float64]]:
        """The log-odds of one action, taken apart: its own level, and what each feature adds (F,).

        Along the path to a leaf, each split is credited with the change of the mean (Saabas' method). Splits
        on the action itself belong to its level.
        """
        chosen = self.terms[1:, action] - self.levels.size
        if chosen.size == 0 or chosen[0] < 0:
            return float(self.levels[self.terms[0, action]]), np.zeros(self.features)
        credit = self._credits(x, chosen)
        level = self.levels[self.terms[0, action]] + self.leaves.means + credit[self.features :].sum()
        return float(level), credit[: self.features]

    def contributions(self, x: NDArray[np.float64], action: int) -> NDArray[np.float64]:
        """What each feature adds to the log-odds of one action (F,)."""
        return self.explain(x, action)[1]

    def _credits(self, x: NDArray[np.float64], cases: NDArray[np.int64]) -> NDArray[np.float64]:
        """The changes of the mean on the way to the leaves that some cases end in, by column (columns + 1,)."""
        ways, size = self.leaves, self.leaves.columns + 1
        if self._forest is None:
            leaf = self._reached(x)[cases]
            columns, changes = ways.path_column[leaf].ravel(), ways.path_change[leaf].ravel()
            return np.bincount(columns, changes, size).astype(np.float64)
        credit = np.zeros(size)
        self._forest.credits(x, cases, ways.path_column, ways.path_change, credit)
        return credit

    def _reached(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """The leaf each case ends in."""
        words = self.splits.remaining(x).take(self.case_tree) & self.case_word
        return self.case_first + np.bitwise_count((words - _ONE) & ~words)


def _summed(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each column (A,), from the first row to the last. NumPy would add up a single column pairwise."""
    alone = terms.shape[1] == 1
    total: NDArray[np.float64] = np.add.accumulate(terms)[-1] if alone else np.add.reduce(terms)
    return total


def _compiled(trees: TreesScorer) -> Forest | None:
    """The same trees in the kernel; None if it is not built."""
    if (kernel := find("trees", _KERNEL)) is None:
        return None
    splits, count = trees.splits, trees.splits.starts.size
    forest: Forest = kernel.Forest(
        trees.features,
        (splits.feature, splits.threshold, splits.keep, np.append(splits.starts[1:], splits.feature.size)),
        (trees.case_first, trees.case_word, np.searchsorted(trees.case_tree, np.arange(count), side="right")),
        trees.leaves.value,
        trees.levels,
        trees.terms,
    )
    return forest


def _splits(artifact: Artifact, leaves: Leaves, features: int) -> _Splits:
    """Splits on context features, sorted by tree; a test that always holds stands first in each tree."""
    feature, threshold = artifact.integers("feature"), artifact.floats("threshold")
    nodes = np.flatnonzero((feature >= 0) & (feature < features))
    trees = leaves.starts.size
    tree = np.concatenate([np.arange(trees), leaves.tree_of_node[nodes]])
    order = np.argsort(tree, kind="stable")
    return _Splits(
        np.concatenate([np.zeros(trees, np.int64), feature[nodes]])[order],
        np.concatenate([np.full(trees, np.inf), threshold[nodes]])[order],
        np.concatenate([np.full(trees, _ALL), leaves.keep[nodes]])[order],
        np.searchsorted(tree[order], np.arange(trees)),
    )


def _ruled_in(artifact: Artifact, leaves: Leaves, features: int) -> Words:
    """Leaves (actions, trees) that the action's own columns rule in."""
    feature, threshold = artifact.integers("feature"), artifact.floats("threshold")
    values = artifact.floats("action_values")
    words = np.full((values.shape[0], leaves.starts.size), _ALL)
    for node in np.flatnonzero(feature >= features):
        right = values[:, feature[node] - features] > threshold[node]
        words[right, leaves.tree_of_node[node]] &= leaves.keep[node]
    return words
