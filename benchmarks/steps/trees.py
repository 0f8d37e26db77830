"""What scoring 50 candidates by boosted trees costs: 100 trees, 31 leaves, 64 features and 8 columns of the action.

python -m benchmarks.steps.trees
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.kernel import SWITCH
from models.propensity.artifact import Artifact
from models.propensity.compile import compile_trees, with_action
from models.propensity.scorer import in_own_order

FEATURES, COLUMNS, ACTIONS = 64, 8, 50
TREES, LEAVES = 100, 31
TRAINED_ON = 20_000
ROUNDS, CALLS = 7, 400


def rows(seed: int, count: int) -> NDArray[np.float64]:
    """Feature vectors (count, 64): counts, amounts, shares and flags, as plans have them."""
    rng = np.random.default_rng(seed)
    quarter = FEATURES // 4, count
    parts = [
        rng.poisson(2.0, quarter),
        np.log1p(rng.exponential(500.0, quarter)),
        rng.random(quarter),
        rng.random(quarter) < 0.3,
    ]
    return np.ascontiguousarray(np.vstack(parts).T, np.float64)


def trained() -> tuple[Any, NDArray[np.float64], Artifact]:
    """The estimator, the actions' own columns (50, 8), and the artefact made from both."""
    rng = np.random.default_rng(1)
    own, x = rng.random((ACTIONS, COLUMNS)), rows(2, TRAINED_ON)
    shown = rng.integers(0, ACTIONS, TRAINED_ON)
    both = np.hstack([x, own[shown]])
    pull = both @ rng.normal(0.0, 0.2, FEATURES + COLUMNS) + 2.0 * own[shown, 0] * x[:, 0]
    taken = rng.random(TRAINED_ON) < 1.0 / (1.0 + np.exp(pull.mean() - pull))
    estimator = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, early_stopping=False, random_state=1
    ).fit(both, taken.astype(np.int64))
    names = [f"f{index}" for index in range(FEATURES)]
    actions = {f"a{index}": row.tolist() for index, row in enumerate(own)}
    columns = [f"c{index}" for index in range(COLUMNS)]
    return estimator, own, compile_trees(estimator, names, actions, columns, rows(3, 20))


def measure() -> dict[str, float]:
    """Microseconds of thread CPU for the propensities of 50 actions: medians of interleaved rounds.

    Raises:
      ValueError: Two forms do not agree.
    """
    estimator, own, artifact = trained()
    with patch.dict(os.environ, {SWITCH: "0"}):
        plain = in_own_order(artifact)
    compiled, contexts = in_own_order(artifact), list(rows(4, CALLS))
    candidates = {id(x): np.vstack([with_action(x[None], row) for row in own]) for x in contexts}
    forms: dict[str, tuple[int, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
        "trees, kernel": (1, compiled.score),
        "trees, Python": (1, plain.score),
        "trees, kernel, explained": (1, lambda x: compiled.explain(x, 7)[1]),
        "trees, Python, explained": (1, lambda x: plain.explain(x, 7)[1]),
        "trees, predict_proba of 50 rows": (10, lambda x: _own(estimator, candidates[id(x)])),
        "trees, predict_proba action by action": (
            200,
            lambda x: np.array([_own(estimator, row[None])[0] for row in candidates[id(x)]]),
        ),
    }
    for x in contexts[:20]:
        if plain.score(x).tobytes() != compiled.score(x).tobytes():
            raise ValueError("the kernel's scores are not Python's")
        if np.abs(plain.score(x) - _own(estimator, candidates[id(x)])).max() > 1e-12:
            raise ValueError("the scores are not the estimator's")
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(ROUNDS):
        for name, (fewer, form) in forms.items():
            times[name].append(_us(form, contexts[: CALLS // fewer]))
    return {name: statistics.median(found) for name, found in times.items()}


def _own(estimator: Any, candidates: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = estimator.predict_proba(candidates)[:, 1]
    return found


def _us(form: Callable[[NDArray[np.float64]], object], contexts: list[NDArray[np.float64]]) -> float:
    begun = time.thread_time_ns()
    for x in contexts:
        form(x)
    return (time.thread_time_ns() - begun) / len(contexts) / 1e3


if __name__ == "__main__":
    print(json.dumps({name: round(us, 2) for name, us in measure().items()}, indent=1))
