"""decide-50, a third party's workload, as a plan and a mapping: the same decisions as its reference."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from realdata import bench_dir

from benchmarks.decide50.compare import write_ndjson
from benchmarks.decide50.workload import write_plan
from pipelines import cli

EVENTS = "200000" if os.environ.get("NEXTBEAM_FULL") else "20000"


@pytest.mark.slow
@pytest.mark.parametrize("composition", ["fused", "chained"])
def test_same_decisions_ranks_reasons_and_dead_letters_as_the_reference(composition, workload, tmp_path):
    data, reference = workload
    run = tmp_path / "run"
    files = [str(data / "customers.ndjson"), str(data / "events.ndjson")]
    flags = [
        "run",
        "--quiet",
        "--mapping",
        "decide_50",
        "--plan",
        str(data / "plan"),
        "--composition",
        composition,
    ]
    assert cli.main([*flags, "--signals", *files, "--out", str(run)]) == 0
    write_ndjson(run, tmp_path / "ours.ndjson")
    check = subprocess.run(
        [sys.executable, str(bench_dir() / "check.py"), str(reference), str(tmp_path / "ours.ndjson")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Generated data with our plan, and what the workload's own reference makes of it."""
    folder = tmp_path_factory.mktemp("decide50")
    bench = bench_dir()
    quiet = {**os.environ, "LOGIC": "naive", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    generate = [sys.executable, str(bench / "workload/gen.py"), "--out", str(folder), "--events", EVENTS]
    subprocess.run(generate, check=True, env=quiet, stdout=subprocess.DEVNULL)
    reference = folder / "reference.ndjson"
    loop = [sys.executable, str(bench / "peers/plain_python/main.py"), str(folder), str(reference)]
    subprocess.run(loop, check=True, env=quiet)
    write_plan(folder, folder / "plan")
    return folder, reference
