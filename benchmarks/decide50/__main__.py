"""Events per CPU second of `nextbeam run` on decide-50, beside a naive Beam pipeline and a plain Python loop.

    python -m benchmarks.decide50 [--events 20000] [--rounds 3] [--out out/bench]

Rounds are interleaved, so that a noisy minute hits every peer; CPU seconds are those of the whole process tree, as the
kernel accounts them at its end; start-up, measured on the first 200 lines, is subtracted. When any two outputs differ,
no number is reported.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.decide50.compare import write_ndjson
from benchmarks.decide50.workload import write_plan

ROOT = Path(__file__).resolve().parent.parent.parent
BENCH = Path(os.environ.get("NEXTBEAM_BENCH", ROOT.parent / "shared" / "bench"))
START_LINES = 200
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True)
class Spent:
    """What one process and its children used."""

    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Job:
    """One way to do the work: `command` with {data} and {out} filled in."""

    name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


OURS = """-m pipelines.cli run --quiet --mapping decide_50 --plan {data}/plan
  --signals {data}/customers.ndjson {data}/events.ndjson --out {out}"""

JOBS = (
    Job("nextbeam", (sys.executable, *OURS.split())),
    Job(
        "plain loop",
        (sys.executable, str(BENCH / "peers/plain_python/main.py"), "{data}", "{out}"),
        (("LOGIC", "fast"),),
    ),
    Job("naive Beam", (sys.executable, str(BENCH / "peers/beam_naive/main.py"), "{data}", "{out}")),
)


def measure(job: Job, data: Path, out: Path) -> Spent:
    """Run a job to its end.

    Raises:
      RuntimeError: It failed; the text has the end of what it said.
    """
    command = [part.format(data=data, out=out) for part in job.command]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env={**os.environ, **QUIET, **dict(job.env)}, cwd=ROOT, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{job.name} ended with {process.returncode}: {said.read()[-2000:].decode()}")
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def prepare(folder: Path, events: int) -> tuple[Path, Path]:
    """The workload, and its first lines alone to measure start-up on; both with our plan."""
    data, small = folder / "data", folder / "small"
    generate = [sys.executable, str(BENCH / "workload/gen.py"), "--out", str(data), "--events", str(events)]
    subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)
    small.mkdir(exist_ok=True)
    for name in ("config.json", "models.npz", "customers.ndjson"):
        (small / name).write_bytes((data / name).read_bytes())
    lines = (data / "events.ndjson").read_bytes().splitlines(keepends=True)[:START_LINES]
    (small / "events.ndjson").write_bytes(b"".join(lines))
    for each in (data, small):
        write_plan(each, each / "plan")
    return data, small


def same_outputs(out: Path) -> str:
    """What the workload's own check says of all outputs against the plain loop's.

    Raises:
      RuntimeError: Some outputs differ.
    """
    write_ndjson(out / "nextbeam", out / "nextbeam.ndjson")
    files = ["plain loop", "nextbeam.ndjson", "naive Beam"]
    check = subprocess.run(
        [sys.executable, str(BENCH.resolve() / "check.py"), *files],
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )
    if check.returncode:
        raise RuntimeError(f"outputs differ, so no number counts:\n{check.stdout}{check.stderr}")
    return check.stdout


def run(events: int, rounds: int, folder: Path) -> str:
    """Measure everything; the report as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    data, small = prepare(folder, events)
    lines = sum(1 for _ in (data / "events.ndjson").open("rb"))
    starts = {job.name: measure(job, small, folder / f"{job.name}.start").cpu_s for job in JOBS}
    spent: dict[str, list[Spent]] = {job.name: [] for job in JOBS}
    for number in range(rounds):
        for job in JOBS:
            spent[job.name].append(measure(job, data, folder / job.name))
            print(
                f"round {number + 1}/{rounds}  {job.name}: {spent[job.name][-1].cpu_s:.1f} CPU s",
                file=sys.stderr,
            )
    checked = same_outputs(folder)
    return _report(lines, rounds, starts, spent) + f"\nOutputs compared:\n\n```\n{checked}```\n"


def _report(lines: int, rounds: int, starts: dict[str, float], spent: dict[str, list[Spent]]) -> str:
    rates = {
        name: [lines / max(1e-9, each.cpu_s - starts[name]) for each in all_spent]
        for name, all_spent in spent.items()
    }
    base = statistics.median(rates["naive Beam"])
    rows = [
        f"decide-50, {lines:,} lines, {rounds} interleaved rounds (median, min to max):\n",
        "| | CPU s | start-up | events per CPU s | x naive Beam | peak MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, values in rates.items():
        cpu = statistics.median(each.cpu_s for each in spent[name])
        middle = statistics.median(values)
        peak = max(each.peak_mb for each in spent[name])
        rows.append(
            f"| {name} | {cpu:.1f} | {starts[name]:.1f} | {middle:,.0f} ({min(values):,.0f} to {max(values):,.0f})"
            f" | {middle / base:.1f} | {peak:,.0f} |"
        )
    return "\n".join(rows) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decide50", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--events", type=int, default=20_000, help="events to generate (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("out/bench"), help="work folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    if not BENCH.is_dir():
        print(f"the workload and its peers are not at {BENCH}; set NEXTBEAM_BENCH", file=sys.stderr)
        return 2
    report = run(args.events, args.rounds, args.out.resolve())
    (args.out / "report.md").write_text(report)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
