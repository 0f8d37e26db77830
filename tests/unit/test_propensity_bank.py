"""The models that the bank ships are those that its responses give, and fit its plan."""

from pathlib import Path

import numpy as np
import pytest
from uk_bank import FOLDER

from models.features import FeatureTable
from models.plan.load import load_plan
from models.propensity.artifact import load
from models.propensity.fitting import Fitting
from models.propensity.scorer import NO_MODEL, bind
from models.propensity.training import KINDS, train
from pipelines.training_data import as_responses, read_extract

FOLDERS = {"linear": FOLDER / "model", "trees": FOLDER / "model-trees"}
EXTRACT = Path(__file__).resolve().parents[2] / "models" / "training" / "uk_bank" / "responses.parquet"
SPEC = load_plan(FOLDER).spec
TABLE = FeatureTable.of(SPEC)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shipped_model_fits_the_plan_and_scores_most_of_its_actions(kind):
    artifact = load(FOLDERS[kind])
    scorer = bind(artifact, SPEC, TABLE.vector_columns)
    assert artifact.manifest.kind == kind
    assert scorer.digest not in ("", NO_MODEL)
    assert len(set(artifact.manifest.actions) & {action.id for action in SPEC.actions}) > 70
    scores = scorer.score(TABLE.vector(np.zeros(len(TABLE.columns))))
    assert scores.shape == (len(SPEC.actions),)
    assert scores.min() > 0.0
    assert scores.max() < 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_shipped_model_says_what_it_was_trained_on_and_has_its_card(kind):
    manifest = load(FOLDERS[kind]).manifest
    assert manifest.training.data == as_responses(read_extract(EXTRACT, (), None), TABLE).digest()
    card = (FOLDERS[kind] / "CARD.md").read_text()
    assert manifest.digest in card
    assert manifest.training.command in card


def test_the_extract_knows_customers_by_hash_only():
    shown = read_extract(EXTRACT, (), None)
    assert shown.customer.dtype == np.uint64
    assert set(shown.columns) == set(TABLE.columns)
    assert set(shown.action.tolist()) <= {action.id for action in SPEC.actions}


@pytest.mark.slow
def test_training_again_gives_the_shipped_models():
    """Nearly, not bit for bit: another processor may add up in another order."""
    groups = {action.id: action.group for action in SPEC.actions}
    report = train(
        as_responses(read_extract(EXTRACT, (), None), TABLE), groups, command="", fitting=Fitting()
    )
    shipped = {kind: load(folder) for kind, folder in FOLDERS.items()}
    for kind, trained in report.models.items():
        assert trained.artifact.manifest.actions == shipped[kind].manifest.actions
        assert trained.metrics.auc == pytest.approx(shipped[kind].manifest.metrics.auc, abs=0.005)
        assert trained.metrics.log_loss == pytest.approx(shipped[kind].manifest.metrics.log_loss, abs=0.001)
    again, before = report.models["linear"].artifact.floats("weights"), shipped["linear"].floats("weights")
    assert np.abs(again - before).max() < 0.01
