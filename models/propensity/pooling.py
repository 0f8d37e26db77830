"""Logistic regressions that learn from each other: actions of a group, and all actions, share what they find.

The weights of an action are those of all actions, plus what its group adds, plus what it adds itself; each part is
paid for by the same penalty. With few responses an action follows its group, with many it goes its own way, so
that one response to a mortgage offer is not read as a law about mortgages.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from models.propensity.responses import Responses

_GROUP, _ACTION, _LEVEL = 1.0, 0.5, 5.0
"""How freely weights of groups and actions, and levels of both, may differ: scale of their columns. Rates of
actions differ far more than what drives them."""


def fit_pooled(
    responses: Responses, actions: Sequence[str], groups: Mapping[str, str], strength: float
) -> dict[str, Pipeline]:
    """A pipeline of scaler and logistic regression for each action.

    Args:
      responses: Of `actions` only; not all of them need to occur.
      actions: What to fit.
      groups: Action to its group.
      strength: Inverse of the L2 penalty, on standardised features.
    """
    scaler = StandardScaler().fit(responses.x)
    families = sorted({groups[action] for action in actions})
    index = {action: at for at, action in enumerate(actions)}
    own = np.array([index[action] for action in responses.action.tolist()])
    family_of = np.array([families.index(groups[action]) for action in actions])
    columns = _columns(scaler.transform(responses.x), family_of[own], own, len(families), len(actions))
    joint = LogisticRegression(C=strength, max_iter=2000).fit(columns, responses.label.astype(int))
    weights, levels = _split(joint, responses.x.shape[1], len(families), len(actions))
    return {
        action: _pipeline(scaler, weights[at, family_of[at]], levels[at, family_of[at]])
        for action, at in index.items()
    }


def _columns(
    x: NDArray[np.float64], family: NDArray[np.int64], own: NDArray[np.int64], families: int, actions: int
) -> sparse.csr_matrix:
    """Features of all, of the row's group and of its action; levels of both."""
    blocks = [
        sparse.csr_matrix(x),
        _placed(_GROUP * x, family, families),
        _placed(_ACTION * x, own, actions),
        _placed(np.full((len(x), 1), _LEVEL), family, families),
        _placed(np.full((len(x), 1), _LEVEL), own, actions),
    ]
    return sparse.hstack(blocks, format="csr")


def _placed(x: NDArray[np.float64], place: NDArray[np.int64], places: int) -> sparse.csr_matrix:
    """Row i of `x` (n, w) in columns place[i] * w and on, of (n, places * w)."""
    rows, width = x.shape
    columns = place[:, None] * width + np.arange(width)
    shape = (rows, places * width)
    return sparse.csr_matrix((x.ravel(), columns.ravel(), np.arange(0, x.size + 1, width)), shape=shape)


def _split(
    joint: LogisticRegression, features: int, families: int, actions: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (actions, families, features) and levels (actions, families) of every combination."""
    sizes = np.cumsum([features, families * features, actions * features, families])
    shared, of_family, of_action, family_level, action_level = np.split(joint.coef_[0], sizes)
    weights = shared + _GROUP * of_family.reshape(1, families, features)
    weights = weights + _ACTION * of_action.reshape(actions, 1, features)
    levels = joint.intercept_[0] + _LEVEL * (family_level[None, :] + action_level[:, None])
    return weights, levels


def _pipeline(scaler: StandardScaler, weights: NDArray[np.float64], level: float) -> Pipeline:
    logistic = LogisticRegression()
    logistic.coef_, logistic.intercept_ = weights[None, :], np.array([level])
    logistic.classes_, logistic.n_features_in_ = np.array([0, 1]), weights.size
    return Pipeline([("scale", scaler), ("logistic", logistic)])
