"""The data of a run: the workload, and its first lines alone, on which start-up is measured. Both with our plan."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.decide50.running import ROOT
from benchmarks.decide50.workload import write_plan

START_LINES = 200
_WITH_EVERYTHING = ("config.json", "models.npz")


class _Customer(msgspec.Struct):
    customer_id: str


_customer = msgspec.json.Decoder(_Customer).decode


def prepare(folder: Path, events: int, customers: int | None = None) -> tuple[Path, Path]:
    """Generate a workload in `folder`; the folder of its data, and that of its start.

    Args:
      folder: Is made; what is in it from an earlier run is replaced.
      events: How many.
      customers: How many; None: as many as the generator makes.
    """
    data, small = folder / "data", folder / "small"
    for each in (data, small):
        shutil.rmtree(each, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "benchmarks.decide50.generate",
        "--out",
        str(data),
        "--events",
        str(events),
    ]
    if customers is not None:
        command += ["--customers", str(customers)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    write_plan(data, data / "plan")
    cut(data, small, START_LINES)
    return data, small


def cut(data: Path, small: Path, count: int) -> None:
    """The first lines of a workload, and no more customers than they need."""
    small.mkdir(parents=True)
    for name in _WITH_EVERYTHING:
        shutil.copy(data / name, small / name)
    shutil.copytree(data / "plan", small / "plan")
    lines = (data / "events.ndjson").read_bytes().splitlines(keepends=True)[:count]
    (small / "events.ndjson").write_bytes(b"".join(lines))
    known = {customer for line in lines if (customer := customer_of(line)) is not None}
    with (data / "customers.ndjson").open("rb") as source, (small / "customers.ndjson").open("wb") as target:
        target.writelines(line for line in source if customer_of(line) in known)


def customer_of(line: bytes) -> str | None:
    """Whose line it is; None: it cannot be read."""
    try:
        return _customer(line).customer_id
    except msgspec.DecodeError:
        return None
