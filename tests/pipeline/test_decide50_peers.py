"""Every way to do decide-50 that can run here gives the decisions of the reference, and so do our folds."""

import json
import os
import subprocess
import sys

import pytest
from realdata import ROOT, bench_dir

from benchmarks.decide50 import gate
from benchmarks.decide50.compare import write_records
from benchmarks.decide50.folds import folded, lines, load
from benchmarks.decide50.generate.visits import Crowd
from benchmarks.decide50.generate.writing import write
from benchmarks.decide50.workload import write_plan

PEERS = ROOT / "benchmarks" / "decide50" / "peers"
QUIET = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run(python, script, *arguments, **variables):
    command = [str(python), str(script), *map(str, arguments)]
    done = subprocess.run(command, env=QUIET | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def spoiled(folder):
    """Lines that the generator does not make, of customers who are there."""
    events = folder / "events.ndjson"
    line = next(line for line in events.read_bytes().splitlines() if b'"page_view"' in line)
    event = json.loads(line)
    attributes = event["attributes"]
    changes = (
        {"event_id": ""},
        {"event_id": 7},
        {"customer_id": ""},
        {"brand": "none"},
        {"channel": None},
        {"page": "none"},
        {"ts": 5},
        {"ts": None},
        {"attributes": None},
        {"attributes": {**attributes, "device": "watch"}},
        {"attributes": {**attributes, "dwell_ms": -1}},
        {"attributes": {**attributes, "dwell_ms": "1"}},
        {"attributes": {"device": "ios"}},
    )
    wrong = [json.dumps(event | {"event_id": f"w{n}"} | change) for n, change in enumerate(changes)]
    with events.open("ab") as file:
        file.writelines(each.encode() + b"\n" for each in [*wrong, "[]", "null", "7", '"x"', "{}", "nothing"])
    return len(wrong) + 6


@pytest.fixture(scope="module", params=[0.0, 0.5], ids=["even", "skewed"])
def data(request, tmp_path_factory):
    """A small workload of few customers, so that their caps are reached, and its reference."""
    folder = tmp_path_factory.mktemp("decide50")
    told = write(folder, Crowd(customers=30, events=900, skew=request.param))
    write_plan(folder, folder / "plan")
    wrong = spoiled(folder)
    run(sys.executable, PEERS / "plain_loop/main.py", folder, folder / "reference", "naive")
    reference = gate.read(folder / "reference")
    assert len(reference.decisions) == told.decision_requests
    assert reference.dead.total() == told.malformed + wrong
    return folder


def test_the_reference_meets_every_policy(data):
    """Else equality would say little."""
    refused = gate.read(data / "reference").decisions.values()
    for reason in ("ineligible", "suppressed", "capped_action", "capped_group", "capped_channel"):
        assert sum(each.policy[reason] for each in refused) > 0, reason


def test_our_folds_decide_as_the_reference(data, tmp_path):
    write_records(folded(load(data), lines(data)), tmp_path / "out")
    verdict = gate.compare(data / "reference", tmp_path / "out")
    assert verdict.same, verdict


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("plain_loop", None),
        ("grouped_beam", None),
        pytest.param("naive_beam", None, marks=pytest.mark.slow),
        pytest.param("runinference_beam", None, marks=pytest.mark.slow),
        ("bytewax", "bytewax"),
        ("pathway", "pathway"),
    ],
)
def test_peers_decide_as_the_reference(name, environment, data, tmp_path):
    python = ROOT / ".venv-peers" / environment / "bin" / "python" if environment else sys.executable
    if environment and not python.exists():
        pytest.skip(f"{name} is not installed; make peers installs it")
    run(python, PEERS / name / "main.py", data, tmp_path / "out")
    verdict = gate.compare(data / "reference", tmp_path / "out")
    assert verdict.same, verdict


def test_the_reference_is_what_others_make_of_the_workload(data, tmp_path):
    """The reference that decide-50 came with, where it is there."""
    bench = bench_dir()
    run(sys.executable, bench / "peers/plain_python/main.py", data, tmp_path / "theirs", LOGIC="naive")
    verdict = gate.compare(tmp_path / "theirs", data / "reference")
    assert verdict.same, verdict
