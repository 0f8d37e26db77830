"""The sample that analysts' views are tried on: a small bank, two days of it, and what the plan decided."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from pipelines.cli import main

CUSTOMERS, DAYS, SEED = 150, 2, 7


@cache
def sample() -> Path:
    """The folder of the run; made once per process, and removed with it."""
    folder = Path(mkdtemp(prefix="nextbeam-analysts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bank, run = folder / "bank", folder / "run"
    size = ["--customers", str(CUSTOMERS), "--days", str(DAYS), "--seed", str(SEED)]
    assert main(["simulate", *size, "--out", str(bank)]) == 0
    files = ["--signals", str(bank / "signals.jsonl"), "--outcomes", str(bank / "outcomes.jsonl")]
    assert main(["run", *files, "--plan", "uk_bank", "--out", str(run), "--quiet"]) == 0
    return run
