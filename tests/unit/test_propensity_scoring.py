"""Scores in plan order: exact, stable, explained, and honest about actions without a model."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.plan.spec import PlanSpec
from models.propensity.artifact import Artifact, ArtifactError, Manifest, seal
from models.propensity.scorer import NO_MODEL, bind, score
from models.times import moment
from schemas import CandidateSet, ContextSnapshot, DecisionRequest, Direction, SessionSummary

SMALL = Path(__file__).resolve().parents[1] / "plans" / "small" / "plan.yaml"
SPEC = msgspec.convert(yaml.safe_load(SMALL.read_text()), PlanSpec)
ACTIONS = tuple(action.id for action in SPEC.actions)
STARTING = [action.starting_propensity for action in SPEC.actions]
COLUMNS = ("age", "visits", "balance")


class Table:
    """Raw values are model inputs."""

    vector_columns = COLUMNS

    def vector(self, values):
        return np.array(values)


def candidates(features: tuple[float, ...], removed_by: tuple[int, ...] = ()) -> CandidateSet:
    at = moment(0)
    session = SessionSummary(session_id="s", number=1, started_at=at, last_at=at, events=1)
    request = DecisionRequest(
        decision_id="d",
        signal_id="e",
        customer_id="c",
        requested_at=at,
        brand="harbour",
        channel="web",
        direction=Direction.INBOUND,
        placements=("hero",),
        context=ContextSnapshot(sequence=1, session=session, customer={}, features=features),
        plan_digest="p",
    )
    return CandidateSet(request=request, removed_by=removed_by)


def linear(actions: tuple[str, ...], seed: int = 0) -> Artifact:
    rng = np.random.default_rng(seed)
    manifest = Manifest(kind="linear", features=COLUMNS, actions=actions)
    return seal(
        manifest, {"weights": rng.normal(size=(len(actions), 3)), "bias": rng.normal(size=len(actions))}
    )


def random_trees(actions: tuple[str, ...], seed: int, trees: int = 7, most: int = 20) -> Artifact:
    """Trees of random shape over three features and two columns of the action, thresholds on a coarse grid."""
    rng = np.random.default_rng(seed)
    nodes: list[list[float]] = []
    roots = []

    def grow(leaves: int) -> int:
        at = len(nodes)
        nodes.append([-1, 0.0, -1, -1, rng.normal()])
        if leaves > 1:
            left = int(rng.integers(1, leaves))
            nodes[at][:2] = [int(rng.integers(5)), float(rng.integers(-2, 3))]
            nodes[at][2:4] = [grow(left), grow(leaves - left)]
        return at

    for _ in range(trees):
        roots.append(len(nodes))
        grow(int(rng.integers(1, most + 1)))
    columns = dict(
        zip(("feature", "threshold", "left", "right", "value"), zip(*nodes, strict=True), strict=True)
    )
    arrays = {
        name: np.array(column, "<f8" if name in ("threshold", "value") else "<i4")
        for name, column in columns.items()
    }
    manifest = Manifest(kind="trees", features=COLUMNS, actions=actions, action_features=("rate", "loan"))
    values = rng.integers(-2, 3, (len(actions), 2)).astype("<f8")
    rest = {"roots": np.array(roots, "<i4"), "baseline": np.array([rng.normal()]), "action_values": values}
    return seal(manifest, {**arrays, **rest})


def walked(artifact: Artifact, x: np.ndarray, action: int) -> float:
    """Log-odds by walking every tree, in plain Python."""
    arrays = {name: array.tolist() for name, array in artifact.arrays.items()}
    row = [*x.tolist(), *arrays["action_values"][action]]
    total = arrays["baseline"][0]
    for root in arrays["roots"]:
        node = root
        while arrays["feature"][node] >= 0:
            side = "left" if row[arrays["feature"][node]] <= arrays["threshold"][node] else "right"
            node = arrays[side][node]
        total += arrays["value"][node]
    return total


# Half of the inputs lie on a threshold, where <= and < differ.
inputs = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-3, 3)), min_size=3, max_size=3).map(
    np.array
)


@given(seed=st.integers(0, 2**32 - 1), x=inputs)
@settings(deadline=None)
def test_trees_score_as_if_they_were_walked(seed, x):
    artifact = random_trees(ACTIONS, seed)
    scorer = bind(artifact, SPEC, COLUMNS)
    assert scorer.log_odds(x).tolist() == [walked(artifact, x, action) for action in range(len(ACTIONS))]


def test_trees_of_64_leaves_score_as_if_they_were_walked():
    for seed in range(20):
        artifact = random_trees(ACTIONS, seed, trees=3, most=64)
        x = np.random.default_rng(seed).normal(size=3)
        own = [walked(artifact, x, action) for action in range(len(ACTIONS))]
        assert bind(artifact, SPEC, COLUMNS).log_odds(x).tolist() == own


@pytest.mark.parametrize("make", [linear, random_trees], ids=["linear", "trees"])
@given(seed=st.integers(0, 1000), x=inputs)
@settings(deadline=None, max_examples=30)
def test_contributions_and_level_sum_to_the_log_odds(make, seed, x):
    scorer = bind(make(ACTIONS[1:], seed), SPEC, COLUMNS)
    for action, log_odds in enumerate(scorer.log_odds(x)):
        level, added = scorer.explain(x, action)
        assert level + added.sum() == pytest.approx(log_odds, abs=1e-12)
        assert added.tolist() == scorer.contributions(x, action).tolist()


@pytest.mark.parametrize("make", [linear, random_trees], ids=["linear", "trees"])
def test_scores_follow_the_plan_not_the_artefact(make):
    x = np.array([0.5, -1.0, 2.0])
    shuffled = make(("unknown", ACTIONS[3], ACTIONS[0]), 5)
    scores = bind(shuffled, SPEC, COLUMNS).score(x)
    own = [walked(shuffled, x, i) if make is random_trees else None for i in range(3)]
    if make is linear:
        own = (shuffled.floats("weights") @ x + shuffled.floats("bias")).tolist()
    assert scores[3] == pytest.approx(1 / (1 + math.exp(-own[1])), abs=1e-12)
    assert scores[0] == pytest.approx(1 / (1 + math.exp(-own[2])), abs=1e-12)
    assert [scores[i] for i in (1, 2, 4, 5)] == pytest.approx([STARTING[i] for i in (1, 2, 4, 5)], abs=1e-12)


def test_without_a_model_every_action_has_its_starting_propensity():
    scorer = bind(None, SPEC, COLUMNS)
    assert scorer.score(np.zeros(3)).tolist() == STARTING
    assert scorer.contributions(np.zeros(3), 2).tolist() == [0, 0, 0]
    assert scorer.digest == NO_MODEL


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        pytest.param(
            ("age", "balance", "visits"), "at position 2: the model has 'visits', the plan has 'balance'"
        ),
        pytest.param(("age", "visits"), "at position 3: the model has 'balance', the plan has nothing"),
        pytest.param((*COLUMNS, "new"), "at position 4: the model has nothing, the plan has 'new'"),
    ],
    ids=["order", "fewer", "more"],
)
def test_a_model_of_other_features_is_refused_naming_the_first_difference(columns, message):
    with pytest.raises(
        ArtifactError, match=f"features differ from the plan's {message}; train the model with this"
    ):
        bind(linear(ACTIONS), SPEC, columns)


def test_a_model_of_another_plan_is_refused():
    with pytest.raises(ArtifactError, match="actions of the model are none of the plan's"):
        bind(linear(("a", "b")), SPEC, COLUMNS)


@pytest.mark.parametrize("make", [linear, random_trees], ids=["linear", "trees"])
@given(x=st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3).map(np.array))
@settings(deadline=None, max_examples=50)
def test_propensities_are_probabilities_of_twelve_decimals(make, x):
    for propensity in bind(make(ACTIONS, 1), SPEC, COLUMNS).score(x).tolist():
        assert 0.0 <= propensity <= 1.0
        assert propensity == round(propensity, 12)


def test_scoring_fills_propensities_and_digest_and_leaves_removed_actions_at_zero():
    scorer = bind(linear(ACTIONS), SPEC, COLUMNS)
    before = candidates((1.0, 2.0, 3.0), removed_by=(-1, 0, -1, 4, -1, -1))
    after = score(scorer, Table(), before)
    full = scorer.score(np.array([1.0, 2.0, 3.0])).tolist()
    assert after.propensities == (full[0], 0.0, full[2], 0.0, full[4], full[5])
    assert after.model_digest == scorer.digest
    assert after.request is before.request
    assert before.propensities == ()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_feature_that_is_no_number_is_a_fault_and_named(bad):
    with pytest.raises(ValueError, match="feature 'visits' of the model is not a finite number"):
        score(bind(linear(ACTIONS), SPEC, COLUMNS), Table(), candidates((1.0, bad, 3.0)))
