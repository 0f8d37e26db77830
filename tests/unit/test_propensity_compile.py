"""Compiled scores are the estimator's own."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from models.propensity.artifact import ArtifactError
from models.propensity.compile import (
    _single_precision,
    check_scores,
    compile_logistic,
    compile_trees,
    positive,
    with_action,
)
from models.propensity.trees import TreesScorer

RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(600, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 5000.0, 0.0, 1.0]
ROWS[:, 3] = ROWS[:, 3].round(1)
FEATURES = ("age", "balance", "rate", "visits")
ACTIONS = {"loan": (0.1, 1.0), "card": (0.3, 0.0), "saver": (0.2, 0.0)}
VALUES = np.array(list(ACTIONS.values()))
SHOWN = RNG.integers(0, 3, 600)
LABELS = (RNG.random(600) < 1 / (1 + np.exp(-ROWS[:, 0] - (ROWS[:, 3] > 1.2) + SHOWN))).astype(int)
JOINED = np.hstack([ROWS, VALUES[SHOWN]])


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(LogisticRegression(max_iter=5000), id="plain"),
        pytest.param(make_pipeline(StandardScaler(), LogisticRegression()), id="scaled"),
        pytest.param(make_pipeline(StandardScaler(with_mean=False), LogisticRegression()), id="not-centred"),
        pytest.param(
            make_pipeline(StandardScaler(with_std=False), LogisticRegression(max_iter=5000)), id="no-std"
        ),
        pytest.param(LogisticRegression(fit_intercept=False, max_iter=5000), id="no-intercept"),
    ],
)
def test_compiled_logistic_regressions_score_as_scikit_learn_does(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(ROWS, LABELS)
    artifact = compile_logistic({"loan": estimator}, FEATURES, ROWS)
    assert check_scores(artifact, ROWS, lambda _: positive(estimator, ROWS)) <= 1e-9
    assert artifact.manifest.features == FEATURES


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=5), id="histogram"),
        pytest.param(
            HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=64, min_samples_leaf=2), id="64"
        ),
        pytest.param(HistGradientBoostingClassifier(max_iter=5, max_depth=1), id="stumps"),
        pytest.param(HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=600), id="no-split"),
        pytest.param(GradientBoostingClassifier(n_estimators=30, max_depth=4), id="exact"),
        pytest.param(
            GradientBoostingClassifier(n_estimators=5, subsample=0.5, learning_rate=0.3), id="subsample"
        ),
        pytest.param(GradientBoostingClassifier(n_estimators=5, init="zero"), id="zero-init"),
    ],
)
def test_compiled_trees_add_up_to_the_bits_of_scikit_learn(estimator):
    estimator.fit(JOINED, LABELS)
    artifact = compile_trees(estimator, FEATURES, ACTIONS, ("price", "is_loan"), ROWS)
    scorer = TreesScorer.of(artifact, np.arange(3), np.zeros(3))
    for action in range(3):
        joined = with_action(ROWS, VALUES[action])
        own = estimator.decision_function(joined)
        assert np.array_equal(np.array([scorer.log_odds(row)[action] for row in ROWS]), own)


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, GradientBoostingClassifier])
def test_compiled_trees_agree_on_thresholds_and_beside_them(kind):
    estimator = kind(random_state=0).fit(JOINED, LABELS)
    artifact = compile_trees(estimator, FEATURES, ACTIONS, ("price", "is_loan"), ROWS)
    feature, threshold = artifact.integers("feature"), artifact.floats("threshold")
    rows = []
    for node in np.flatnonzero((feature >= 0) & (feature < 4))[:150]:
        for value in (
            threshold[node],
            np.nextafter(threshold[node], np.inf),
            np.nextafter(threshold[node], -np.inf),
        ):
            rows.append(ROWS[node % 600].copy())
            rows[-1][feature[node]] = value
    check = np.array(rows)
    check_scores(artifact, check, lambda index: positive(estimator, with_action(check, VALUES[index])))


@given(threshold=st.floats(-1e30, 1e30), steps=st.integers(-3, 3))
@settings(max_examples=500)
def test_thresholds_in_single_precision_have_an_exact_double(threshold, steps):
    double = float(_single_precision(np.array([threshold]))[0])
    x = double
    for _ in range(abs(steps)):
        x = float(np.nextafter(x, np.copysign(np.inf, steps)))
    assert (x <= double) == (float(np.float32(x)) <= threshold)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        pytest.param(
            RandomForestClassifier(n_estimators=2), "estimator is RandomForestClassifier; use Hist", id="kind"
        ),
        pytest.param(
            HistGradientBoostingClassifier(max_iter=2, categorical_features=[3], min_samples_leaf=2),
            "estimator has categorical features; encode them as numbers",
            id="categories",
        ),
        pytest.param(
            HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=65, min_samples_leaf=1),
            "trees have up to 65 leaves",
            id="leaves",
        ),
    ],
)
def test_estimators_that_cannot_be_compiled_are_refused(estimator, message):
    rows = JOINED.copy()
    rows[:, 3] = np.clip(rows[:, 3] * 10, 0, 50).round() if "categorical" in message else rows[:, 3]
    estimator.fit(rows, LABELS)
    with pytest.raises(ArtifactError, match=message):
        compile_trees(estimator, FEATURES, ACTIONS, ("price", "is_loan"), ROWS)


def test_another_scaler_is_refused():
    fitted = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(ROWS, LABELS)
    with pytest.raises(ArtifactError, match="estimator of 'loan' is Pipeline; use LogisticRegression"):
        compile_logistic({"loan": fitted}, FEATURES, ROWS)


def test_labels_other_than_0_and_1_are_refused():
    fitted = LogisticRegression().fit(ROWS[:, :1], np.where(LABELS, 2, 1))
    with pytest.raises(ArtifactError, match=r"has classes .* fit it on labels 0 and 1"):
        compile_logistic({"loan": fitted}, FEATURES[:1], ROWS[:, :1])


def test_scores_that_differ_from_the_estimator_are_refused():
    fitted = LogisticRegression().fit(ROWS[:, :1], LABELS)
    artifact = compile_logistic({"loan": fitted}, FEATURES[:1], ROWS[:, :1])
    with pytest.raises(ArtifactError, match=r"compiled for 'loan' differs from the estimator's by 1.*e-08"):
        check_scores(artifact, ROWS[:, :1], lambda _: positive(fitted, ROWS[:, :1]) + 1e-8)


def test_missing_values_that_the_estimator_learned_from_are_refused():
    rows = JOINED.copy()
    rows[:300, 0] = np.nan
    fitted = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5).fit(rows, LABELS)
    with pytest.raises(ArtifactError):
        compile_trees(fitted, FEATURES, ACTIONS, ("price", "is_loan"), rows[:, :4])
