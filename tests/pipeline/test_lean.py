"""A run between local files imports no client of a service, and writes the same without them."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import (
    DebugOptions,
    PipelineOptions,
    StandardOptions,
    TypeOptions,
)
from apache_beam.transforms import core
from apache_beam.typehints import decorators

from pipelines import lean
from pipelines.decisioning import connect_files
from pipelines.flags import Config
from pipelines.lean import LATER, SWITCH, suits
from pipelines.lean_signatures import remember_signatures
from pipelines.locate import find_plan
from pipelines.options import beam_options
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


def test_what_is_seldom_used_is_there_when_it_is():
    code = (
        "import sys, types; from pipelines.lean import LATER, quick_imports\n"
        "with quick_imports(lean=True): from pipelines import launch\n"
        "late = [type(sys.modules[name]) is not types.ModuleType for name in LATER]\n"
        "import asyncio, httplib2, pyarrow, pyarrow.compute\n"
        "async def two(): return 2\n"
        "print(late, asyncio.run(two()), pyarrow.compute.sum(pyarrow.array([1, 2])), callable(httplib2.Http))"
    )
    for switch, late in {"0": False, "1": True}.items():
        assert _python("-c", code, switch=switch).strip() == f"{[late] * len(LATER)} 2 3 True"


def _ended(last: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import atexit, sys, threading, time; from pipelines.lean import leave\n"
        "atexit.register(print, 'the end')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('a thread'))).start()\n"
        f"{last}\n"
        "print('still here')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_process_leaves_as_the_interpreter_would():
    left = _ended("print('done'); print('seen', file=sys.stderr); leave(3)")
    asked = _ended("print('done'); print('seen', file=sys.stderr); sys.exit(3)")
    assert left.returncode == asked.returncode == 3
    assert left.stdout == asked.stdout == "done\na thread\nthe end\n"
    assert left.stderr == asked.stderr == "seen\n"


def test_a_process_that_is_watched_from_inside_ends_as_ever():
    assert _ended("sys.setprofile(lambda *_: None); leave(3)").stdout.startswith("still here\n")


def _graph(options: PipelineOptions, config: Config, out: Path) -> str:
    """The pipeline as runners get it, without what is pickled: that differs between two that are built alike."""
    pipeline = beam.Pipeline(options=options)
    connect_files(pipeline, config, str(out))
    proto = pipeline.to_runner_api()
    for transform in proto.components.transforms.values():
        transform.spec.payload = b""
        for shown in transform.display_data:
            shown.payload = b""
    return str(proto)


def test_a_graph_is_the_same(tmp_path, monkeypatch):
    config = Config(signals=(__file__,), outcomes=(), plan=find_plan("uk_bank"), out=tmp_path)
    usual = _graph(PipelineOptions(["--runner=FnApiRunner"]), config, tmp_path)
    for module in (core, decorators):
        monkeypatch.setattr(module, "get_signature", decorators.get_signature)
    remember_signatures()
    assert _graph(beam_options([]), config, tmp_path) == usual


def test_options_are_beams_and_their_views_are_made_once():
    ours, beams = beam_options([]), PipelineOptions(["--runner=FnApiRunner"])
    assert ours.get_all_options() == beams.get_all_options()
    assert ours.view_as(TypeOptions) is ours.view_as(TypeOptions)
    ours.view_as(DebugOptions).add_experiment("one")
    assert ours.view_as(DebugOptions).lookup_experiment("one")
    copied = copy.deepcopy(ours)
    copied.view_as(DebugOptions).add_experiment("two")
    assert not ours.view_as(DebugOptions).lookup_experiment("two")
    assert copied.view_as(DebugOptions).lookup_experiment("one")
    assert copied.view_as(StandardOptions).runner == beams.view_as(StandardOptions).runner
