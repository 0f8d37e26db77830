"""The exports of a run, read by the tools they are for. Those live in environments of their own: `make readers`."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from uk_bank import plan_with

from models.simulation import Simulation, SimulationConfig, write
from pipelines.cli import main
from pipelines.exporting import export
from pipelines.exporting.stages import PEGA_STAGES
from pipelines.records import parquet_files
from schemas import Stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an exploring bank with experiments."""
    folder = tmp_path_factory.mktemp("export")
    plan = plan_with(
        folder / "plan",
        arbitration={"exploration": "thompson"},
        experiments={
            "arms": [
                {"id": "holdout", "kind": "holdout", "share": 0.05},
                {"id": "random", "kind": "random_propensity", "share": 0.1},
                {"id": "relevant", "kind": "random_action", "share": 0.1},
                {"id": "propensity", "kind": "propensity_only", "share": 0.1},
            ]
        },
    )
    write(
        Simulation(SimulationConfig(customers=150, days=2, seed=3), plan.spec, plan.decide_fold()),
        folder / "bank",
    )
    bank = folder / "bank"
    files = ["--signals", f"{bank}/signals.jsonl", "--outcomes", f"{bank}/outcomes.jsonl"]
    done = main(["run", *files, "--plan", str(folder / "plan"), "--out", str(folder / "run"), "--quiet"])
    assert done == 0
    return folder / "run"


def _read_by(environment: str, script: str, file: Path) -> Any:
    python = ROOT / ".venv-readers" / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{environment} is not installed: `make readers` installs it")
    reader = subprocess.run(
        [python, ROOT / "tests" / "conformance" / script, file], capture_output=True, text=True, check=False
    )
    assert reader.returncode == 0, reader.stderr[-2000:]
    return json.loads(reader.stdout.splitlines()[-1])


def _rows(run: Path, table: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [
        row
        for file in parquet_files(run, table)
        for row in pq.read_table(file, partitioning=None).to_pylist()
    ]


def test_every_stage_has_a_place_in_their_funnel() -> None:
    assert set(PEGA_STAGES) == set(Stage)
    assert len({stage.order for stage in PEGA_STAGES.values()}) == len(PEGA_STAGES)


def test_pdstools_counts_the_same_funnel_to_the_row(run: Path, tmp_path: Path) -> None:
    export("pega", run, tmp_path)
    seen = _read_by("pdstools", "read_pega.py", tmp_path)
    decisions = _rows(run, "decisions")
    names = {stage.value: each.theirs or stage.value for stage, each in PEGA_STAGES.items()}
    removed: dict[str, Counter[str]] = {}
    offered = 0
    for decision in decisions:
        for removal in decision["removed"]:
            removed.setdefault(names[removal["stage"]], Counter())[removal["rule"]] += len(removal["actions"])
        for candidate in decision["ranked"]:
            if candidate["stage"] == "Output":
                offered += 1
            else:
                rule = candidate["rule"] or candidate["stage"]
                removed.setdefault(names[candidate["stage"]], Counter())[rule] += 1
    theirs = {stage: rules for stage, rules in seen["removed"].items() if rules}
    assert theirs == {stage: dict(rules) for stage, rules in removed.items()}
    assert seen["remaining"]["Output"] == offered == sum(len(d["offers"]) for d in decisions)
    assert seen["decisions"] == len(decisions)
    assert seen["customers"] == len({d["customer_id"] for d in decisions})


def test_pdstools_reads_history_experiments_and_draws_its_plots(run: Path, tmp_path: Path) -> None:
    export("pega", run, tmp_path)
    seen = _read_by("pdstools", "read_pega.py", tmp_path)
    outcomes = Counter(row["outcome"] for row in _rows(run, "feedback"))
    ours = ("Pending", "Impression")  # added: what was sent, and deliveries where nobody can know more
    assert {k: v for k, v in seen["outcomes"].items() if k not in ours} == {
        k: v for k, v in outcomes.items() if k not in ours
    }
    assert seen["outcomes"]["Impression"] >= outcomes["Impression"]
    assert all(rate is None or rate < 1.0 for rate in seen["success"].values())
    assert seen["mandatory"] == []
    compared = {row["Experiment"]: row for row in seen["experiments"]}
    random = compared["NBA vs Random Relevant Action"]
    assert random["Impressions_Test"] > 0 < random["Impressions_Control"]
    assert set(seen["plots"]) >= {
        "components",
        "funnel",
        "impact",
        "optionality",
        "sensitivity",
        "success_rate",
    }


def test_vowpal_wabbit_learns_from_every_line(run: Path, tmp_path: Path) -> None:
    (name, rows), *_ = export("dsjson", run, tmp_path).items()
    seen = _read_by("pdstools", "read_dsjson.py", tmp_path / name)
    assert seen["lines"] == rows > 100
    assert sum(seen["predicted"]) == pytest.approx(1.0, abs=1e-4)


def test_each_line_holds_a_distribution_and_the_choice(run: Path, tmp_path: Path) -> None:
    (name, _), *_ = export("dsjson", run, tmp_path).items()
    lines = [msgspec.json.decode(line) for line in (tmp_path / name).read_bytes().splitlines()]
    for line in lines:
        assert sum(line["p"]) == pytest.approx(1.0, abs=1e-6)
        assert line["a"][0] == line["_label_Action"] == line["_labelIndex"] + 1
        assert line["p"][0] == line["_label_probability"] > 0
        assert sorted(line["a"]) == list(range(1, len(line["c"]["_multi"]) + 1))
        assert line["_label_cost"] in (0.0, -1.0)
    assert any(0 < line["_label_probability"] < 1 for line in lines)


def test_open_bandit_pipeline_values_the_logging_policy_at_what_it_earned(run: Path, tmp_path: Path) -> None:
    (name, rows), *_ = export("obp", run, tmp_path).items()
    seen = _read_by("obp", "read_obp.py", tmp_path / name)
    assert seen["rounds"] == rows
    for estimator in ("ipw", "snipw"):
        assert seen["logging"][estimator] == pytest.approx(seen["mean_reward"], abs=1e-9)
        assert np.isfinite(seen["uniform"][estimator])


def test_rewards_are_the_labels_of_feedback(run: Path, tmp_path: Path) -> None:
    export("obp", run, tmp_path)
    data = np.load(tmp_path / "bandit_feedback.npz")
    labels: dict[tuple[str, int], bool] = {}
    for row in _rows(run, "feedback"):
        if row["label"] is not None:
            key = row["decision_id"], row["rank"]
            labels[key] = labels.get(key, False) or row["label"]
    assert len(data["reward"]) == len(labels)
    assert data["reward"].sum() == sum(labels.values())
    assert (data["pscore"] > 0).all()
    np.testing.assert_allclose(data["action_dist"].sum(axis=1), 1.0, atol=1e-6)


def test_the_command_says_what_it_wrote(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "pega", str(run), "--to", str(tmp_path / "x")]) == 0
    assert "decisions.parquet" in capsys.readouterr().out
    assert (tmp_path / "x" / "README.txt").exists()
    assert main(["export", "pega", str(tmp_path / "nothing")]) == 2
