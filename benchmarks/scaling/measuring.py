"""The measurements of each curve. Every one is of whole processes, with the start on a few lines taken off."""

import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import msgspec

from benchmarks.decide50.folds import FILES
from benchmarks.decide50.jobs import JOBS
from benchmarks.decide50.preparing import START_LINES, customer_of, cut
from benchmarks.decide50.running import ROOT, measure
from benchmarks.decide50.workload import write_plan
from benchmarks.scaling.passing import Seen, count

FORMS = ("folds", "nextbeam")
"""Without a runner, and as `nextbeam run`."""
_PARTS = 2


class Point(msgspec.Struct, frozen=True):
    """One measured point of a curve."""

    curve: str
    form: str
    x: float
    y: float
    unit: str


def generated(folder: Path, **asked: float) -> Path:
    """A workload in `folder`/data, with our plan; made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    flags = [part for name, value in asked.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.decide50.generate", "--out", str(data), *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    write_plan(data, data / "plan")
    return data


def rates(curve: str, x: float, data: Path, *, forms: Sequence[str] = FORMS) -> Iterator[Point]:
    """Lines of events a CPU second of each form. Reading the customers counts as work: they are events, too."""
    small = data.parent / "small"
    cut(data, small, START_LINES)
    lines = sum(count(data / name) - count(small / name) for name in FILES)
    for form in forms:
        out = data.parent / form
        start = JOBS[form].run(small, out.with_name(f"{form}.start"))
        whole = JOBS[form].run(data, out)
        yield Point(curve, form, x, lines / max(1e-9, whole.cpu_s - start.cpu_s), "events per CPU s")
        yield Point(curve, form, x, whole.peak_mb, "peak MB")


def passed(data: Path) -> list[Seen]:
    """What was seen while all events passed and states stayed."""
    out = data.parent / "passing.ndjson"
    measure([sys.executable, "-m", "benchmarks.scaling.passing", str(data), str(out)], timeout_s=7200)
    return msgspec.json.decode(b"[" + b",".join(out.read_bytes().splitlines()) + b"]", type=list[Seen])


def processes(data: Path) -> Iterator[Point]:
    """Wall seconds of one process on everything, and of two at once on a half of the customers each."""
    halves = list(_halves(data))
    for form in FORMS:
        job = JOBS[form]
        began = monotonic()
        job.run(data, data.parent / f"{form}.whole")
        one = monotonic()
        with ThreadPoolExecutor(_PARTS) as pool:
            list(pool.map(lambda half, job=job: job.run(half, half / f"{job.name}.out"), halves))
        two = monotonic()
        yield Point("processes", form, 1, one - began, "wall s")
        yield Point("processes", form, _PARTS, two - one, "wall s")


def _halves(data: Path) -> Iterator[Path]:
    """The workload by customer; lines of nobody go by their own bytes."""
    for part in range(_PARTS):
        folder = data.parent / f"half{part}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("config.json", "models.npz"):
            shutil.copy(data / name, folder / name)
        shutil.copytree(data / "plan", folder / "plan")
        for name in FILES:
            with (data / name).open("rb") as source, (folder / name).open("wb") as target:
                target.writelines(line for line in source if _part(line) == part)
        yield folder


def _part(line: bytes) -> int:
    customer = customer_of(line)
    return zlib.crc32(line if customer is None else customer.encode()) % _PARTS


def by_curve(points: Sequence[Point], curve: str, unit: str) -> Mapping[str, list[Point]]:
    """The points of a curve in one unit, by form, in the order measured."""
    found: dict[str, list[Point]] = {}
    for point in points:
        if (point.curve, point.unit) == (curve, unit):
            found.setdefault(point.form, []).append(point)
    return found
