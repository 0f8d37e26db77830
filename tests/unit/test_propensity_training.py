"""Training finds a known truth, on customers it has not seen, and the same data gives the same bytes."""

import math
import re
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from models.propensity.artifact import save
from models.propensity.card import card
from models.propensity.fitting import Fitting
from models.propensity.metrics import area_under_curve, calibration_bins, measure
from models.propensity.responses import Responses, hash_customer, held_out
from models.propensity.scorer import in_own_order
from models.propensity.training import KINDS, Report, TrainingError, train

GROUPS = {
    "loan": "lending",
    "card": "lending",
    "saver": "deposits",
    "rare": "deposits",
    "few": "lending",
    "never": "deposits",
}
FEATURES = ("loan_views", "savings_views", "age", "noise_a", "noise_b")
TRUTH = {
    "loan": (-2.5, (1.2, 0.0, -0.4, 0.0, 0.0)),
    "card": (-1.5, (0.3, 0.0, -0.8, 0.0, 0.0)),
    "saver": (-1.0, (0.0, 1.0, 0.6, 0.0, 0.0)),
    "rare": (-9.0, (0.0, 0.0, 0.0, 0.0, 0.0)),
    "few": (-2.0, (1.0, 0.0, 0.0, 0.0, 0.0)),
}
SHARES = (0.32, 0.32, 0.32, 0.03, 0.0005, 0.0095)
FITTING = Fitting(trees=60)


def true_propensity(action: str, x: np.ndarray) -> float:
    level, weights = TRUTH[action]
    return 1 / (1 + math.exp(-level - float(np.dot(weights, x))))


def simulated(rows: int, seed: int) -> Responses:
    """Responses of a third as many customers as rows, by the known truth."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5))
    action = rng.choice(["loan", "card", "saver", "rare", "few", "retired"], rows, p=SHARES)
    p = np.array([true_propensity(a, row) if a in TRUTH else 0.5 for a, row in zip(action, x, strict=True)])
    customer = np.array([hash_customer(f"c{i}") for i in rng.integers(0, rows // 3, rows)], np.uint64)
    slices = {"brand": np.where(rng.random(rows) < 0.5, "harbour", "meadow")}
    return Responses(FEATURES, x, action, rng.random(rows) < p, customer, slices)


@cache
def report() -> Report:
    return train(simulated(24_000, 1), GROUPS, command="python -m pipelines.train", fitting=FITTING)


def test_the_known_strengths_are_found_in_order():
    artifact = report().models["linear"].artifact
    for action in ("loan", "card", "saver"):
        at = artifact.manifest.actions.index(action)
        level, true = TRUTH[action]
        assert artifact.floats("weights")[at] == pytest.approx(true, abs=0.2), action
        assert artifact.floats("bias")[at] == pytest.approx(level, abs=0.25), action


@pytest.mark.parametrize("kind", KINDS)
def test_propensities_are_near_the_truth(kind):
    scorer = in_own_order(report().models[kind].artifact)
    actions = report().models[kind].artifact.manifest.actions
    fresh = np.random.default_rng(99).normal(size=(500, 5))
    errors = [
        abs(scorer.score(x)[at] - true_propensity(action, x))
        for x in fresh
        for at, action in enumerate(actions)
    ]
    assert np.mean(errors) < 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_beats_the_rates_and_is_calibrated(kind):
    metrics, rates = report().models[kind].metrics, report().rate_only
    assert metrics.log_loss < rates.log_loss - 0.02
    assert metrics.auc > rates.auc + 0.05
    assert metrics.calibration_error < 0.03
    assert metrics.predicted == pytest.approx(metrics.rate, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_what_matters_is_told_from_noise(kind):
    order = [feature for feature, _ in report().importance[kind]]
    assert set(order[:3]) == {"loan_views", "savings_views", "age"}


def test_actions_without_enough_responses_say_so_and_have_no_model():
    assert set(report().untrained) == {"few", "never"}
    assert report().untrained["never"] == "no responses to train on"
    assert re.fullmatch(r"\d+ responses to train on", report().untrained["few"])
    for trained in report().models.values():
        assert set(trained.artifact.manifest.actions) == {"loan", "card", "saver", "rare"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_action_that_nobody_accepts_is_learned_to_be_unlikely(kind):
    artifact = report().models[kind].artifact
    rare = artifact.manifest.actions.index("rare")
    assert in_own_order(artifact).score(np.zeros(5))[rare] < 0.02


def test_metrics_are_of_customers_that_were_not_trained_on():
    responses = simulated(24_000, 1)
    out = held_out(responses.customer, share=0.25, seed=FITTING.seed)
    assert not set(responses.customer[out].tolist()) & set(responses.customer[~out].tolist())
    trained = np.isin(responses.action, ["loan", "card", "saver", "rare"])
    assert report().rate_only.responses == int((out & trained).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_responses_and_seed_give_the_same_bytes(kind, tmp_path):
    for name in ("one", "two"):
        again = train(simulated(3000, 5), GROUPS, command="c", fitting=Fitting(trees=20))
        save(again.models[kind].artifact, tmp_path / name)
    for file in ("model.json", "arrays.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_manifest_says_where_the_model_comes_from():
    manifest = report().models["trees"].artifact.manifest
    assert manifest.training.data == simulated(24_000, 1).digest()
    assert manifest.training.command == "python -m pipelines.train"
    assert manifest.training.seed == FITTING.seed
    assert set(manifest.training.created_by) == {"numpy", "python", "scikit-learn"}
    assert set(manifest.metrics_by_action) == {"loan", "card", "saver", "rare"}
    assert manifest.metrics == report().models["trees"].metrics


def test_too_few_responses_say_how_to_get_more():
    with pytest.raises(TrainingError, match=r"14 of them positive.* are needed.* simulate or run more days"):
        train(simulated(150, 1), GROUPS, command="c", fitting=FITTING)


def test_the_card_tells_what_a_reader_must_know():
    text = card(report(), plan="small bank", deployed="trees", source="Simulated responses.")
    for part in ("## Purpose", "## Limits", "Simulated responses.", "| **trees** (deployed) |", "| linear |"):
        assert part in text
    assert "| `never` | no responses to train on |" in text
    assert "| harbour |" in text
    assert report().models["trees"].artifact.digest in text
    assert "python -m pipelines.train" in text


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10).map(lambda i: i / 10)), min_size=1, max_size=60))
def test_metrics_are_those_of_scikit_learn(rows):
    label = np.array([each for each, _ in rows])
    propensity = np.array([p for _, p in rows])
    metrics = measure(label, propensity)
    assert metrics.brier == pytest.approx(brier_score_loss(label, propensity), abs=1e-6)
    clipped = np.clip(propensity, 1e-12, 1 - 1e-12)
    assert metrics.log_loss == pytest.approx(log_loss(label, clipped, labels=[False, True]), abs=1e-5)
    auc = area_under_curve(label, propensity)
    if label.all() or not label.any():
        assert auc is None
    else:
        assert auc == pytest.approx(roc_auc_score(label, propensity))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_calibration_bins_hold_every_response_once_in_order(rows):
    label, propensity = np.array([each for each, _ in rows]), np.array([p for _, p in rows])
    bins = calibration_bins(label, propensity)
    assert sum(size for size, _, _ in bins) == len(rows)
    assert [p for _, p, _ in bins] == sorted(p for _, p, _ in bins)
    assert len(bins) <= 10
    assert sum(size * rate for size, _, rate in bins) == pytest.approx(label.sum())


def test_a_constant_propensity_is_one_bin_however_the_rows_are_ordered():
    label = np.arange(100) < 30
    assert calibration_bins(label, np.full(100, 0.3)) == [(100, pytest.approx(0.3), 0.3)]
    assert measure(label, np.full(100, 0.3)).calibration_error == 0.0


@given(seed=st.integers(0, 2**31), share=st.sampled_from([0.1, 0.25, 0.5]))
def test_about_the_share_asked_for_is_held_out(seed, share):
    customers = np.array([hash_customer(str(i)) for i in range(2000)], np.uint64)
    out = held_out(customers, share=share, seed=seed)
    assert out.mean() == pytest.approx(share, abs=0.07)
    assert out[:50].tolist() == held_out(customers[:50], share=share, seed=seed).tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"label": np.zeros(3, bool)}, "unequal length", id="lengths"),
        pytest.param({"columns": ("a",)}, "inputs of shape", id="columns"),
        pytest.param({"x": np.full((2, 2), np.nan)}, "feature 'a' is not a finite number", id="nan"),
    ],
)
def test_responses_that_do_not_fit_together_are_refused(changed, message):
    good = {
        "columns": ("a", "b"),
        "x": np.zeros((2, 2)),
        "action": np.array(["l", "c"]),
        "label": np.array([True, False]),
        "customer": np.array([1, 2], np.uint64),
    }
    assert len(Responses(**good)) == 2
    with pytest.raises(ValueError, match=message):
        Responses(**{**good, **changed})


def test_a_manifest_with_metrics_can_be_read_again():
    manifest = report().models["linear"].artifact.manifest
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=type(manifest)) == manifest
