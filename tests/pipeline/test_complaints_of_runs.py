"""Complaints about whole runs, by the same numbers as in tests/unit: commands and hosts as shipped."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bank_arrivals import PLAN, busy_days
from hosting import bounded, keyed, plain, stream, streamed

from models.folds import Counted
from models.plan.compiled import Plan
from pipelines import cli
from pipelines.diffing import Question, diff
from pipelines.exporting import export
from pipelines.history import find_history
from pipelines.locate import find_plan
from pipelines.records import parquet_files
from pipelines.replaying import replay
from schemas import DeadLetter, Decision, Feedback, SessionContext

OUTPUTS = {
    "decisions": Decision,
    "feedback": Feedback,
    "sessions": SessionContext,
    "dead_letters": DeadLetter,
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few days of a simulated bank."""
    folder = tmp_path_factory.mktemp("bank")
    assert (
        cli.main(["simulate", "--customers", "60", "--days", "3", "--seed", "11", "--out", str(folder)]) == 0
    )
    return folder


@pytest.fixture(scope="module")
def run(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was decided in them."""
    out = tmp_path_factory.mktemp("run") / "out"
    feeds = ["--signals", str(bank / "signals.jsonl"), "--outcomes", str(bank / "outcomes.jsonl")]
    assert cli.main(["run", "--quiet", *feeds, "--plan", "uk_bank", "--out", str(out)]) == 0
    return out


def _rows(run: Path, table: str) -> list[dict[str, Any]]:
    return [
        row
        for file in parquet_files(run, table)
        for row in pq.read_table(file, partitioning=None).to_pylist()
    ]


def test_complaint_10_what_if_is_rebuilt_elsewhere_and_reaches_other_people_than_production(bank, run):
    """A projected reach that production does not confirm. Here the plan that was live, asked again, reaches exactly
    whom it reached: no sample, the same folds, each customer's own contacts."""
    path = Path(find_plan("uk_bank"))
    comparison = diff(Question((path, path), find_history(str(bank), (), ())), processes=1)
    side = comparison.sides[0]
    summary = json.loads((run / "summary.json").read_text())["accounting"]
    assert {name: side.accounted[name] for name in ("decided", "observed", "duplicates")} == {
        name: summary[name] for name in ("decided", "observed", "duplicates")
    }
    assert summary["decided"] > 100
    actions = next(table for table in comparison.offers if table.dimension == "action")
    offered = [offer["action"] for decision in _rows(run, "decisions") for offer in decision["offers"]]
    assert {row.name: row.offers.a for row in actions.rows if row.offers.a} == {
        action: offered.count(action) for action in set(offered)
    }


def test_complaint_17_batch_and_stream_cannot_be_shown_to_decide_alike():
    """Logic written twice, or a store that answers differently. Here one fold has both hosts: same bytes."""
    fold, events = PLAN.load().plan.decide_fold(), busy_days(120)
    inputs = sorted(events, key=lambda event: (fold.order(event), fold.encode_event(event)))
    rows, expected = keyed(fold, inputs), plain(fold, inputs)
    assert expected[1][Counted.DECIDED] > 20
    assert bounded(PLAN.fold("decide"), OUTPUTS, rows) == expected
    assert streamed(PLAN.fold("decide"), OUTPUTS, stream(rows, 7)) == expected


def test_complaint_18_the_log_is_a_sample_and_begins_at_arbitration(run, tmp_path):
    """Of some decisions one learns what the last stage did. Here every action of the plan is in every decision, with
    the stage and the rule that removed it; and as many rows in the export for the other system's own tool."""
    actions = {action.id for action in Plan.load(Path(find_plan("uk_bank"))).spec.actions}
    decisions = _rows(run, "decisions")
    for decision in decisions:
        ranked = [each["action"] for each in decision["ranked"]]
        removed = [action for each in decision["removed"] for action in each["actions"]]
        assert sorted(ranked + removed) == sorted(actions)
        assert {offer["action"] for offer in decision["offers"]} <= set(ranked)
        assert all(each["rule"] and each["stage"] for each in decision["removed"])
        assert all(each["stage"] for each in decision["ranked"])
    export("pega", run, tmp_path / "pega")
    exported = pq.read_table(tmp_path / "pega" / "decisions.parquet").num_rows
    assert exported >= len(decisions) * len(actions)


def test_complaint_20_to_keep_what_was_used_in_a_decision_would_take_impossible_storage(run):
    """Either the data as it was is gone, or it is stored again with each decision. Here the run's own folder is enough
    to recompute each decision to the last byte, for a few bytes per candidate."""
    told = replay(run, jobs=1)
    decisions = _rows(run, "decisions")
    assert list(told.findings) == []
    assert told.decisions == len(decisions) > 100
    stored = sum(
        file.stat().st_size for name in ("decisions", "feedback") for file in parquet_files(run, name)
    )
    actions = len(Plan.load(Path(find_plan("uk_bank"))).spec.actions)
    assert stored / len(decisions) / actions < 40
