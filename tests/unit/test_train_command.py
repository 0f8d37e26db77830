"""`nextbeam train`: a run's decisions and feedback become a model that the plan can be given."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import joblib
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from models.features import FeatureTable
from models.plan.load import load_plan
from models.propensity.artifact import load
from models.propensity.scorer import bind
from models.times import moment
from pipelines.cli import main
from pipelines.locate import UsageError
from pipelines.training_data import as_responses, read_extract, read_run
from schemas import (
    ContactState,
    ContextSnapshot,
    Decision,
    Direction,
    Feedback,
    MessageClass,
    OutcomeKind,
    SessionSummary,
)
from schemas.arrow import arrow_schema, rows

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "plans" / "small"
AT = moment(1_760_000_000_000_000)
OFFERED = ("easy-saver", "credit-card")


def decision(number: int, features: tuple[float, ...]) -> Decision:
    session = SessionSummary(session_id="s", number=1, started_at=AT, last_at=AT, events=1)
    facts = {"age": 20 + number % 50, "segment": "mass" if number % 3 else "student"}
    return Decision(
        decision_id=f"d{number:05}",
        signal_id=f"s{number}",
        customer_id=f"c{number // 2}",
        decided_at=AT + timedelta(seconds=number),
        brand="harbour" if number % 2 else "meadow",
        channel="web",
        direction=Direction.INBOUND,
        placements=("hero",),
        context=ContextSnapshot(
            sequence=1, session=session, customer=facts if number % 10 else {}, features=features
        ),
        ledger_sequence=1,
        plan_digest="p",
        model_digest="none",
    )


def feedback(made: Decision, rank: int, kind: OutcomeKind, label: bool | None) -> Feedback:
    return Feedback(
        feedback_id=f"{made.decision_id}-{rank}-{kind}",
        decision_id=made.decision_id,
        customer_id=made.customer_id,
        rank=rank,
        action=OFFERED[rank - 1],
        treatment="t",
        issue="grow",
        group="g",
        channel="web",
        brand=made.brand,
        placement="hero",
        message_class=MessageClass.MARKETING,
        outcome=kind,
        occurred_at=made.decided_at,
        decided_at=made.decided_at,
        delay_s=0.0,
        label=label,
        contact=ContactState.COMMITTED,
        propensity=0.1,
        plan_digest="p",
        model_digest="none",
    )


def answers(made: Decision, positive: bool) -> list[Feedback]:
    """Rank 1 is seen, then answered; rank 2 has had no final answer yet."""
    kinds = [(OutcomeKind.IMPRESSION, None), (OutcomeKind.CLICKED, True)]
    kinds += [(OutcomeKind.REJECTED, False)] if positive else [(OutcomeKind.NO_RESPONSE, False)]
    first = [feedback(made, 1, kind, label) for kind, label in kinds if positive or label is not True]
    return [*first, feedback(made, 2, OutcomeKind.IMPRESSION, None)]


def write(folder: Path, table: str, contract: type[msgspec.Struct], structs: list[msgspec.Struct]) -> None:
    part = folder / table / "date=2025-10-09"
    part.mkdir(parents=True)
    as_row = rows(contract)
    pq.write_table(
        pa.Table.from_pylist([as_row(each) for each in structs], arrow_schema(contract)), part / "p.parquet"
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of 1,200 decisions, in which loan views make customers answer."""
    folder = tmp_path_factory.mktemp("run")
    loaded = load_plan(SMALL)
    columns = FeatureTable.of(loaded.spec).columns
    rng = np.random.default_rng(11)
    made, answered = [], []
    for number in range(1200):
        features = rng.integers(0, 5, len(columns)).astype(float)
        made.append(decision(number, tuple(features.tolist())))
        answered += answers(made[-1], bool(rng.random() < (0.1 if features[0] < 2 else 0.6)))
    write(folder, "decisions", Decision, made)
    write(folder, "feedback", Feedback, answered)
    (folder / "plan.json").write_bytes(loaded.canonical)
    (folder / "summary.json").write_text("{}")
    return folder


def test_each_offer_counts_once_and_any_positive_answer_wins(run):
    shown = read_run(run, (), None)
    assert len(shown.label) == 1200
    assert set(shown.action.tolist()) == {"easy-saver"}
    assert 0.3 < shown.label.mean() < 0.5
    assert shown.columns == FeatureTable.of(load_plan(SMALL).spec).columns
    assert len(set(shown.customer.tolist())) == 600
    assert shown.about == "Answers to offers that the plan 'small bank' (version 1) made."


def test_facts_become_groups(run):
    slices = read_run(run, ("age", "segment"), None).slices
    assert set(slices["segment"].tolist()) == {"mass", "student", "unknown"}
    assert {"unknown", "21 to 33", "over 33 to 45"} <= set(slices["age"].tolist())
    assert len(set(slices["age"].tolist())) == 5
    assert set(slices["brand"].tolist()) == {"harbour", "meadow"}


def test_a_model_is_written_that_the_plan_can_be_given(run, tmp_path, capsys):
    model, estimator = tmp_path / "model", tmp_path / "estimator.joblib"
    flags = ["--slices", "age", "--estimator", str(estimator), "--kind", "trees"]
    assert main(["train", "--run", str(run), "--plan", str(SMALL), "--out", str(model), *flags]) == 0
    artifact, spec = load(model), load_plan(SMALL).spec
    table = FeatureTable.of(spec)
    scorer = bind(artifact, spec, table.vector_columns)
    few, many = np.zeros(len(table.columns)), np.full(len(table.columns), 2.0)
    easy_saver = [action.id for action in spec.actions].index("easy-saver")
    assert scorer.score(table.vector(many))[easy_saver] > scorer.score(table.vector(few))[easy_saver] + 0.2
    assert "| over 33 to 45 |" in (model / "CARD.md").read_text()
    assert sorted(path.name for path in model.iterdir()) == ["CARD.md", "arrays.npz", "model.json"]
    assert type(joblib.load(estimator)).__name__ == "HistGradientBoostingClassifier"
    out = capsys.readouterr().out
    assert "rate only" in out
    assert f"model {artifact.digest} (trees) is in {model}" in out


def test_an_extract_gives_the_same_model_without_customer_ids(run, tmp_path):
    extract = tmp_path / "data" / "responses.parquet"
    for out, source in (
        ("a", ["--run", str(run), "--extract", str(extract)]),
        ("b", ["--data", str(extract)]),
    ):
        assert (
            main(["train", *source, "--plan", str(SMALL), "--out", str(tmp_path / out), "--slices", "age"])
            == 0
        )
    assert (tmp_path / "a" / "arrays.npz").read_bytes() == (tmp_path / "b" / "arrays.npz").read_bytes()
    first, second = (json.loads((tmp_path / out / "model.json").read_text()) for out in "ab")
    assert first["training"]["data"] == second["training"]["data"]
    assert second["training"]["command"] == (
        f"nextbeam train --data {extract} --plan {SMALL} --kind linear --seed 7 --least-responses 30 --slices age"
    )
    assert b"c123" not in extract.read_bytes()


def test_an_extract_is_the_same_bytes_twice(run, tmp_path):
    for name in "ab":
        main(
            [
                "train",
                "--run",
                str(run),
                "--plan",
                str(SMALL),
                "--out",
                str(tmp_path / "m"),
                "--extract",
                str(tmp_path / name),
            ]
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def _plan_with(tmp_path: Path, **changed: object) -> Path:
    plan = yaml.safe_load((SMALL / "plan.yaml").read_text())
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({**plan, **changed}))
    return tmp_path


def test_another_plan_may_use_recorded_features_in_another_way(run, tmp_path):
    features = yaml.safe_load((SMALL / "plan.yaml").read_text())["features"]
    fewer = [
        {**each, "transform": {"scale": 2.0}} for each in features if each["name"] == "loan_views_session"
    ]
    plan = _plan_with(tmp_path, features=fewer, actions=_without_features())
    responses = as_responses(read_run(run, (), None), FeatureTable.of(load_plan(plan).spec))
    assert responses.columns == ("loan_views_session",)
    assert responses.x[:, 0].tolist() == (read_run(run, (), None).raw[:, 0] * 2).tolist()


def _without_features() -> list[dict[str, object]]:
    actions = yaml.safe_load((SMALL / "plan.yaml").read_text())["actions"]
    dropped = ("context_weights", "applicability")
    return [{key: value for key, value in action.items() if key not in dropped} for action in actions]


def test_a_feature_that_was_not_recorded_is_named(run, tmp_path):
    features = yaml.safe_load((SMALL / "plan.yaml").read_text())["features"]
    plan = _plan_with(tmp_path, features=[*features, {"name": "events_1d", "kind": "count", "window": "1d"}])
    with pytest.raises(UsageError, match="have no feature 'events_1d' of the plan; decide the signals again"):
        as_responses(read_run(run, (), None), FeatureTable.of(load_plan(plan).spec))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(["--run", "{tmp}", "--plan", "{plan}"], "holds no run", id="no-run"),
        pytest.param(["--data", "{tmp}/none", "--plan", "{plan}"], "cannot be read as Parquet", id="no-file"),
        pytest.param(
            ["--data", "{other}", "--plan", "{plan}"], "holds no responses; `nextbeam train", id="other"
        ),
        pytest.param(["--run", "{run}", "--plan", "nowhere"], "there is no plan 'nowhere'", id="no-plan"),
        pytest.param(
            ["--run", "{run}", "--plan", "{plan}", "--slices", "shoe"],
            "'shoe' is no customer field",
            id="slice",
        ),
        pytest.param(
            ["--run", "{run}", "--plan", "{plan}", "--least-responses", "2000"],
            "0 responses to train on, 0 of them positive",
            id="too-few",
        ),
        pytest.param(
            ["--run", "{run}", "--plan", "{plan}", "--least-responses", "0"],
            "0 is less than 1",
            id="positives",
        ),
    ],
)
def test_what_cannot_be_trained_is_one_clear_sentence(flags, message, run, tmp_path, capsys):
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    filled = [flag.format(tmp=tmp_path, plan=SMALL, other=other, run=run) for flag in flags]
    assert main(["train", *filled, "--out", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "model").exists()


def test_a_shipped_model_is_not_replaced_by_default(run, capsys):
    assert main(["train", "--run", str(run), "--plan", "uk_bank"]) == 2
    assert "--out is missing: beside a shipped plan a model would replace its own" in capsys.readouterr().err


def test_a_plan_without_features_has_nothing_to_learn_from(run, tmp_path, monkeypatch):
    bare = msgspec.structs.replace(load_plan(SMALL).spec, features=())
    monkeypatch.setattr("pipelines.training_data.plan_of", lambda _: bare)
    with pytest.raises(UsageError, match="has no features to learn from; write `features`"):
        read_run(run, (), None)


def test_a_slice_that_an_extract_does_not_have_is_named(run, tmp_path):
    extract = tmp_path / "r.parquet"
    main(
        [
            "train",
            "--run",
            str(run),
            "--plan",
            str(SMALL),
            "--out",
            str(tmp_path / "m"),
            "--extract",
            str(extract),
        ]
    )
    with pytest.raises(UsageError, match=r"'age' is not in .*; it has brand, channel"):
        read_extract(extract, ("age",), None)


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "pipelines.train", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "responses that --extract wrote" in done.stdout
