"""Actions learn from their group as long as they have little to learn from themselves."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from models.propensity.pooling import _columns, fit_pooled
from models.propensity.responses import Responses

GROUPS = {"loan": "lending", "card": "lending", "saver": "deposits"}
ACTIONS = tuple(GROUPS)


def responses(shown: dict[str, int], seed: int = 0) -> Responses:
    """Lending likes the first feature, deposits the second; a card is taken more often than a loan."""
    rng = np.random.default_rng(seed)
    action = np.repeat(list(shown), list(shown.values()))
    x = rng.normal(3.0, 2.0, size=(len(action), 2))
    first = np.where(action == "saver", 0.0, 0.5 * (x[:, 0] - 3))
    odds = (
        first + np.where(action == "saver", 0.5 * (x[:, 1] - 3), 0.0) + np.where(action == "card", 1.0, -1.0)
    )
    label = rng.random(len(action)) < 1 / (1 + np.exp(-odds))
    return Responses(("a", "b"), x, action, label, np.arange(len(action), dtype=np.uint64))


def weights(estimator) -> np.ndarray:
    """On unscaled features."""
    return estimator["logistic"].coef_[0] / estimator["scale"].scale_


def test_each_pipeline_predicts_what_the_joint_regression_predicts():
    data = responses({"loan": 400, "card": 50, "saver": 300})
    estimators = fit_pooled(data, ACTIONS, GROUPS, 0.05)
    scaled = estimators["loan"]["scale"].transform(data.x)
    own = np.array([ACTIONS.index(action) for action in data.action])
    family = np.array([0 if action == "saver" else 1 for action in data.action])  # in order of names
    columns = _columns(scaled, family, own, 2, 3)
    joint = LogisticRegression(C=0.05, max_iter=2000).fit(columns, data.label.astype(int))
    for action, estimator in estimators.items():
        mine = data.action == action
        expected = joint.predict_proba(columns[mine])[:, 1]
        assert estimator.predict_proba(data.x[mine])[:, 1] == pytest.approx(expected, abs=1e-9)


def test_an_action_with_few_responses_follows_its_group():
    estimators = fit_pooled(responses({"loan": 4000, "card": 12, "saver": 4000}), ACTIONS, GROUPS, 0.05)
    loan, card, saver = (weights(estimators[action]) for action in ACTIONS)
    assert card[0] == pytest.approx(loan[0], abs=0.15)
    assert card[0] > saver[0] + 0.2


def test_an_action_without_responses_takes_everything_from_its_group():
    estimators = fit_pooled(responses({"loan": 4000, "saver": 4000}), ACTIONS, GROUPS, 0.05)
    assert weights(estimators["card"])[0] == pytest.approx(weights(estimators["loan"])[0], abs=0.15)


def test_with_many_responses_each_action_finds_its_own_truth():
    estimators = fit_pooled(responses({"loan": 9000, "card": 9000, "saver": 9000}), ACTIONS, GROUPS, 1.0)
    truth = {"loan": (0.5, 0.0), "card": (0.5, 0.0), "saver": (0.0, 0.5)}
    for action, true in truth.items():
        assert weights(estimators[action]) == pytest.approx(true, abs=0.05)
        centre = estimators[action].predict_proba(np.full((1, 2), 3.0))[0, 1]
        assert logit(centre) == pytest.approx(1.0 if action == "card" else -1.0, abs=0.1)
