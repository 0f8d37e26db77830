"""A run between local files imports no client of a service, and writes the same without them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import lean
from pipelines.lean import SWITCH, suits
from pipelines.locate import find_plan
from pipelines.simulating import simulate

CLIENTS = (
    "google.cloud.storage",
    "google.cloud.dataflow_v1beta3",
    "google.auth",
    "pymongo",
    "pandas",
    "apitools",
)

WAYS = [pytest.param("0", id="switched-off"), pytest.param("1", id="switched-on")]


def _python(*arguments: str, switch: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, SWITCH: switch},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("switch", WAYS)
def test_clients_are_imported_only_where_the_switch_says_so(switch):
    code = (
        "import sys; from pipelines.lean import quick_imports\n"
        "with quick_imports(lean=True) as lean: from pipelines import launch\n"
        f"print(lean, [name for name in {CLIENTS} if name in sys.modules])"
    )
    whole = f"False {[*CLIENTS]}"
    assert _python("-c", code, switch=switch).strip() == ("True []" if switch == "1" else whole)


def test_what_was_left_out_can_be_imported_afterwards():
    code = (
        "import gc\nfrom pipelines.lean import quick_imports\nwith quick_imports(lean=True): pass\n"
        "import google.cloud.storage, pandas; print(gc.isenabled())"
    )
    assert _python("-c", code, switch="1").strip() == "True"


def test_beam_that_is_there_already_is_left_alone():
    with lean.quick_imports(lean=True) as without:
        pass
    assert not without


def test_another_beam_is_left_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "apache_beam")
    monkeypatch.setattr(lean, "version", lambda _: "2.78.0")
    assert not lean._can_be_lean()


@pytest.mark.parametrize(
    ("places", "flags", "suited"),
    [
        (["signals.jsonl", Path("plan")], [], True),
        (["signals.jsonl", "gs://bucket/plan"], [], False),
        (["signals.jsonl"], ["--runner=DataflowRunner"], False),
        (["signals.jsonl"], ["--direct_num_workers=2"], False),
    ],
)
def test_only_what_is_here_and_runs_here_suits(places, flags, suited):
    assert suits(places, flags) == suited


def _rows(path: Path) -> list[str]:
    """In an order of their own: whether signals or outcomes are read first differs from run to run, lean or not."""
    return sorted(map(str, pq.read_table(path, partitioning=None).to_pylist()))


def test_a_run_writes_the_same(tmp_path):
    simulate(find_plan("uk_bank"), tmp_path / "day", customers=20, days=1, seed=7)
    written = []
    for switch in "01":
        out = tmp_path / "out"
        inputs = [
            "--signals",
            f"{tmp_path}/day/signals.jsonl",
            "--outcomes",
            f"{tmp_path}/day/outcomes.jsonl",
        ]
        command = ["-m", "pipelines.cli", "run", "--quiet", *inputs, "--plan", "uk_bank", "--out", str(out)]
        _python(*command, switch=switch)
        summary = json.loads((out / "summary.json").read_bytes())
        del summary["spent"], summary["seal"], summary["files"]
        tables = {str(path.relative_to(out)): _rows(path) for path in sorted(out.rglob("*.parquet"))}
        assert len(tables) > 1
        written.append((summary, tables))
    assert written[0] == written[1]
