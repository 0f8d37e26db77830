"""From scikit-learn estimators to artefacts; refused unless the artefact computes what the estimator does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from models.propensity.artifact import Artifact, ArtifactError, Manifest, seal
from models.propensity.scorer import in_own_order

Estimator = Any
"""A fitted scikit-learn classifier of two classes, 0 and 1; the library has no types of its own."""

TOLERANCE = {"linear": 1e-9, "trees": 1e-12}


def compile_logistic(
    estimators: Mapping[str, Estimator], features: Sequence[str], check: NDArray[np.float64]
) -> Artifact:
    """One logistic regression per action, a `StandardScaler` before it folded into its weights.

    Args:
      estimators: Action to `LogisticRegression`, or `Pipeline` of `StandardScaler` and `LogisticRegression`.
      features: Names of the estimators' inputs, in order (F).
      check: Rows (n, F) on which compiled and own scores are compared.

    Raises:
      ArtifactError: An estimator is of another kind, or its scores differ.
    """
    weights, bias = zip(*(_folded(action, fitted) for action, fitted in estimators.items()), strict=True)
    manifest = Manifest(kind="linear", features=tuple(features), actions=tuple(estimators))
    artifact = seal(manifest, {"weights": np.vstack(weights), "bias": np.array(bias)})
    fitted = list(estimators.values())
    check_scores(artifact, check, lambda index: positive(fitted[index], check))
    return artifact


def compile_trees(
    estimator: Estimator,
    features: Sequence[str],
    actions: Mapping[str, Sequence[float]],
    action_features: Sequence[str],
    check: NDArray[np.float64],
) -> Artifact:
    """Boosted trees over features and the columns that describe an action.

    Args:
      estimator: `HistGradientBoostingClassifier` or `GradientBoostingClassifier` on columns (F + K).
      features: Names of the first columns (F).
      actions: Action to the values of its own columns (K).
      action_features: Names of these columns (K).
      check: Rows (n, F) on which compiled and own scores are compared, for every action.

    Raises:
      ArtifactError: The estimator is of another kind, or its scores differ.
    """
    values = np.array([list(row) for row in actions.values()], np.float64).reshape(len(actions), -1)
    nodes = _nodes(estimator)
    manifest = Manifest(
        kind="trees", features=tuple(features), actions=tuple(actions), action_features=tuple(action_features)
    )
    artifact = seal(manifest, {**nodes, "action_values": values})
    check_scores(artifact, check, lambda index: positive(estimator, with_action(check, values[index])))
    return artifact


def with_action(rows: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (n, F) and the columns of one action (K,) side by side (n, F + K)."""
    return np.hstack([rows, np.broadcast_to(values, (len(rows), values.size))])


def positive(estimator: Estimator, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The estimator's own P(1) of each row (n,)."""
    own: NDArray[np.float64] = estimator.predict_proba(rows)[:, 1]
    return own


def check_scores(
    artifact: Artifact, rows: NDArray[np.float64], own: Callable[[int], NDArray[np.float64]]
) -> float:
    """Largest difference between the artefact's propensities and the estimator's `own(action)` on `rows`.

    Raises:
      ArtifactError: It is larger than the tolerance of the kind.
    """
    scorer, actions = in_own_order(artifact), artifact.manifest.actions
    compiled = np.array([scorer.score(row) for row in rows]).reshape(len(rows), len(actions))
    largest = 0.0
    for index, action in enumerate(actions):
        apart = np.abs(compiled[:, index] - own(index)).max(initial=0.0)
        if not apart <= TOLERANCE[artifact.manifest.kind]:
            rule = f"compiled for {action!r} differs from the estimator's by {apart:.3g}"
            raise ArtifactError(
                "propensity", rule, "use inputs without missing values and a supported estimator"
            )
        largest = max(largest, float(apart))
    return largest


def describe(artifact: Artifact, **fields: Any) -> Artifact:
    """The same model with other words about it: metrics, training, notes. The digest covers them."""
    return seal(msgspec.structs.replace(artifact.manifest, **fields), artifact.arrays)


def _folded(action: str, estimator: Estimator) -> tuple[NDArray[np.float64], float]:
    """Weights (F,) and intercept of an estimator on unscaled inputs."""
    scaler, logistic = None, estimator
    if isinstance(estimator, Pipeline) and len(estimator.steps) == 2:
        scaler, logistic = (step for _, step in estimator.steps)
    if not isinstance(logistic, LogisticRegression) or not isinstance(scaler, StandardScaler | None):
        rule = f"of {action!r} is {type(estimator).__name__}"
        raise ArtifactError(
            "estimator", rule, "use LogisticRegression, with or without a StandardScaler before it"
        )
    _check_classes(logistic)
    weights: NDArray[np.float64] = logistic.coef_[0].astype(np.float64)
    bias = float(logistic.intercept_[0])
    if scaler is not None and scaler.scale_ is not None:
        weights = weights / scaler.scale_
    if scaler is not None and scaler.with_mean:
        bias -= float(weights @ scaler.mean_)
    return weights, bias


def _check_classes(estimator: Estimator) -> None:
    if [int(label) for label in estimator.classes_] != [0, 1]:
        raise ArtifactError(
            "estimator", f"has classes {list(estimator.classes_)}", "fit it on labels 0 and 1"
        )


def _nodes(estimator: Estimator) -> dict[str, NDArray[np.generic]]:
    """Node arrays of all trees in training order, and the baseline."""
    if isinstance(estimator, HistGradientBoostingClassifier):
        trees, baseline = _histogram_trees(estimator)
    elif isinstance(estimator, GradientBoostingClassifier):
        trees, baseline = _exact_trees(estimator)
    else:
        rule = f"is {type(estimator).__name__}"
        raise ArtifactError(
            "estimator", rule, "use HistGradientBoostingClassifier or GradientBoostingClassifier"
        )
    _check_classes(estimator)
    sizes = [len(tree["feature"]) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    shifted = [_shifted(tree, int(root)) for tree, root in zip(trees, roots, strict=True)]
    joined = {name: np.concatenate([tree[name] for tree in shifted]) for name in shifted[0]}
    return {**joined, "roots": roots.astype("<i4"), "baseline": np.array([baseline])}


def _shifted(tree: dict[str, NDArray[Any]], root: int) -> dict[str, NDArray[np.generic]]:
    """One tree in the types of an artefact, its nodes numbered from `root`."""
    split = tree["feature"] >= 0
    moved = {name: np.where(split, tree[name] + root, -1).astype("<i4") for name in ("left", "right")}
    return {
        "feature": tree["feature"].astype("<i4"),
        "threshold": np.where(split, tree["threshold"], 0.0).astype("<f8"),
        **moved,
        "value": _means(tree).astype("<f8"),
    }


def _means(tree: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Value of each leaf; of each split, the mean over its training rows. Children stand after parents."""
    value, rows = tree["value"].astype(np.float64), tree["rows"].astype(np.float64)
    for node in np.flatnonzero(tree["feature"] >= 0)[::-1]:
        below = [tree["left"][node], tree["right"][node]]
        value[node] = np.average(value[below], weights=rows[below])
    return value


def _histogram_trees(estimator: Estimator) -> tuple[list[dict[str, NDArray[Any]]], float]:
    if estimator.is_categorical_ is not None:  # it would also put these columns first
        raise ArtifactError("estimator", "has categorical features", "encode them as numbers, e.g. one-hot")
    trees = []
    for (predictor,) in estimator._predictors:  # no public access; check_scores would notice a change
        nodes = predictor.nodes
        split = nodes["is_leaf"] == 0
        renamed = {"threshold": "num_threshold", "rows": "count"}
        columns = {
            name: nodes[renamed.get(name, name)] for name in ("threshold", "left", "right", "value", "rows")
        }
        whole = {
            name: column.astype(np.int64) for name, column in columns.items() if name in ("left", "right")
        }
        trees.append({**columns, **whole, "feature": np.where(split, nodes["feature_idx"], -1)})
    return trees, float(np.ravel(estimator._baseline_prediction)[0])


def _exact_trees(estimator: Estimator) -> tuple[list[dict[str, NDArray[Any]]], float]:
    """Trees that compare in single precision: their thresholds become the equivalent ones for doubles."""
    trees = []
    for (regressor,) in estimator.estimators_:
        tree = regressor.tree_
        split = tree.children_left >= 0
        trees.append(
            {
                "feature": np.where(split, tree.feature, -1),
                "threshold": _single_precision(tree.threshold),
                "left": tree.children_left,
                "right": tree.children_right,
                "value": estimator.learning_rate * tree.value[:, 0, 0],
                "rows": tree.weighted_n_node_samples,
            }
        )
    probe = np.zeros((1, estimator.n_features_in_))
    return trees, float(estimator._raw_predict_init(probe)[0, 0])


def _single_precision(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each threshold t, the largest double x whose nearest single is <= t."""
    below = thresholds.astype(np.float32)
    below = np.where(below.astype(np.float64) > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    middle = (below.astype(np.float64) + above.astype(np.float64)) / 2  # exact; rounds to the even neighbour
    return np.where(middle.astype(np.float32) == below, middle, np.nextafter(middle, -np.inf))
