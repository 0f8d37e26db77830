"""Where real data lies, if it is there. Tests that need it say so and skip."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_SHARED = ROOT.parent / "shared"


def data_dir(name: str) -> Path:
    """The folder of one data set; skips the calling test when it is absent."""
    folder = Path(os.environ.get("NEXTBEAM_DATA", _SHARED / "data")) / name
    if not folder.is_dir():
        pytest.skip(f"real data {name!r} is not at {folder}; set NEXTBEAM_DATA to the folder that holds it")
    return folder


def bench_dir() -> Path:
    """The folder of the decide-50 benchmark and its peers; skips when it is absent."""
    folder = Path(os.environ.get("NEXTBEAM_BENCH", _SHARED / "bench"))
    if not folder.is_dir():
        pytest.skip(
            f"the decide-50 workload is not at {folder}; set NEXTBEAM_BENCH to the folder that holds it"
        )
    return folder
