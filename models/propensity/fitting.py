"""Fit scikit-learn estimators to responses. The same responses and seed give the same estimator."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from models.propensity.compile import positive
from models.propensity.metrics import measure
from models.propensity.pooling import fit_pooled
from models.propensity.responses import Responses, held_out

_INNER_SEED = 1_000_003
"""Added to the seed, so that settings are chosen on other customers than metrics are computed on."""


@dataclass(frozen=True)
class Fitting:
    """How to fit. Strengths and sizes that are tuples are chosen from, by log loss on customers set aside."""

    seed: int = 7
    held_out: float = 0.25
    """Share of customers that metrics are computed on."""
    least_responses: int = 30
    """An action with fewer responses to train on keeps its starting propensity. Of a pooled model this is enough,
    even if all are negative: that says more than a guess does."""
    strengths: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
    """Logistic regression: inverse of the L2 penalty on standardised features."""
    trees: int = 200
    """Most boosted trees."""
    leaves: int = 15
    least_rows: int = 40
    """Rows in a leaf, at least."""
    learning_rate: float = 0.08


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Boosted trees over features and columns of the action, and these columns."""

    estimator: Any
    action_features: tuple[str, ...]
    actions: dict[str, tuple[float, ...]]


def fit_logistic(
    responses: Responses, groups: Mapping[str, str], fitting: Fitting
) -> tuple[dict[str, Pipeline], float]:
    """A logistic regression per action, pooled with the strength that suits them best; that strength.

    Args:
      responses: Only of actions that are to be trained.
      groups: Action to its group.
      fitting: How to fit.
    """
    inner = held_out(responses.customer, share=fitting.held_out, seed=fitting.seed + _INNER_SEED)
    train, check, actions = responses.where(~inner), responses.where(inner), responses.actions()
    with threadpool_limits(limits=1):  # more threads may add up in another order
        best, least = fitting.strengths[0], math.inf
        for strength in sorted(fitting.strengths):
            loss = _loss(fit_pooled(train, actions, groups, strength), check)
            if loss >= least:  # it falls, then rises: further ones are worse
                break
            best, least = strength, loss
        return fit_pooled(responses, actions, groups, best), best


def _loss(estimators: Mapping[str, Pipeline], check: Responses) -> float:
    propensity = np.zeros(len(check))
    for action, estimator in estimators.items():
        mine = check.action == action
        if mine.any():
            propensity[mine] = positive(estimator, check.x[mine])
    return measure(check.label, propensity).log_loss


def fit_trees(responses: Responses, groups: Mapping[str, str], fitting: Fitting) -> FittedTrees:
    """Boosted trees over all actions; each is described by its rate, its group and itself.

    Args:
      responses: Only of actions that are to be trained.
      groups: Action to its group.
      fitting: `trees` is the most; fewer are kept if more would not help customers set aside.
    """
    inner = held_out(responses.customer, share=fitting.held_out, seed=fitting.seed + _INNER_SEED)
    with threadpool_limits(limits=1):
        trees = _best_size(responses.where(~inner), responses.where(inner), groups, fitting)
        return _boosted(responses, groups, fitting, trees)


def _boosted(responses: Responses, groups: Mapping[str, str], fitting: Fitting, trees: int) -> FittedTrees:
    names, actions = describe_actions(responses, groups)
    estimator = HistGradientBoostingClassifier(
        learning_rate=fitting.learning_rate,
        max_iter=trees,
        max_leaf_nodes=fitting.leaves,
        min_samples_leaf=fitting.least_rows,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=fitting.seed,
    )
    estimator.fit(_joined(responses, actions), responses.label.astype(int))
    return FittedTrees(estimator, names, actions)


def _best_size(train: Responses, check: Responses, groups: Mapping[str, str], fitting: Fitting) -> int:
    fitted = _boosted(train, groups, fitting, fitting.trees)
    known = check.where(np.isin(check.action, list(fitted.actions)))
    if not len(known):
        return fitting.trees
    staged = fitted.estimator.staged_predict_proba(_joined(known, fitted.actions))
    return 1 + int(np.argmin([measure(known.label, stage[:, 1]).log_loss for stage in staged]))


def describe_actions(
    responses: Responses, groups: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, tuple[float, ...]]]:
    """Columns that tell actions apart: log-odds of their rate, their group, themselves."""
    actions = responses.actions()
    families = sorted({groups[action] for action in actions})
    names = (
        "action.log_odds",
        *(f"action.group={group}" for group in families),
        *(f"action={action}" for action in actions),
    )
    overall = float(responses.label.mean())
    values = {}
    for action in actions:
        mine = responses.label[responses.action == action]
        rate = (mine.sum() + 10 * overall) / (mine.size + 10)  # ten responses' worth of doubt
        one_hot = [float(groups[action] == group) for group in families] + [
            float(action == a) for a in actions
        ]
        values[action] = (round(float(np.log(rate / (1 - rate))), 6), *one_hot)
    return names, values


def _joined(responses: Responses, actions: dict[str, tuple[float, ...]]) -> NDArray[np.float64]:
    described = np.array([actions[action] for action in responses.action.tolist()])
    return np.hstack([responses.x, described])
