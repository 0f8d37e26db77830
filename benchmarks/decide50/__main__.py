"""Events per CPU second of Nextbeam on decide-50, beside other ways to do the same job, and beside the machine's limit.

    python -m benchmarks.decide50 [--events 200000] [--rounds 3] [--only nextbeam,folds,...] [--out out/bench] [--write]
    python -m benchmarks.decide50 --quick

Rounds are interleaved, so that a noisy minute hits every peer; CPU seconds are those of the whole process tree;
start-up, measured apart on the first 200 lines, is subtracted. When the outputs of any two differ, no number is
reported and the exit status is 1. `--write` puts the report into docs/performance.md and draws docs/performance.svg.
`--quick` is for CI: a short run that fails on a lost ratio, never on a time.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
import psutil

from benchmarks.decide50 import quick
from benchmarks.decide50.chart import chart
from benchmarks.decide50.jobs import INSTALL, JOBS, LOOP, Job
from benchmarks.decide50.preparing import prepare
from benchmarks.decide50.report import placed, report
from benchmarks.decide50.results import Machine, Results, TooShortError
from benchmarks.decide50.rounds import DifferentError, blank, latency, limits, one_round, same
from benchmarks.decide50.running import ROOT, JobError

PAGE, PICTURE = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.svg"
MARK = "decide50"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1: outputs differ, a job failed or did too little, or a ratio is lost."""
    args = _parser().parse_args(argv)
    try:
        if args.quick:
            return quick.check(args.out.resolve(), _tell)
        results = run(args.events, args.rounds, args.only, args.out.resolve(), _command(args))
        keep(results, args.out, write=args.write)
        print(report(results))
    except (DifferentError, JobError, TooShortError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(events: int, rounds: int, names: Sequence[str], out: Path, command: str) -> Results:
    """Generate, measure, compare.

    Raises:
      DifferentError: Outputs differ.
      JobError: A job failed.
    """
    jobs, absent = _present(names)
    out.mkdir(parents=True, exist_ok=True)
    began = _machine()
    data = prepare(out, events)
    reference = next((job for job in jobs if job.name == LOOP), jobs[0])
    results = Results(
        day=date.today().isoformat(),  # noqa: DTZ011
        command=command,
        machine=began,
        lines=_count(data[0] / "events.ndjson"),
        customers=_count(data[0] / "customers.ndjson"),
        decisions=0,
        compared=[],
        jobs=blank(jobs),
        absent=[job.label for job in absent],
    )
    for number in range(rounds):
        _tell(f"round {number + 1} of {rounds}")
        one_round(jobs, results.jobs, data, out, _tell)
        if number == 0:
            results.compared = same(jobs, out, reference)
        decisions = reference.comparable(out / reference.name)
        results.limits.append(limits(data[0], decisions))
        for form, plain in (("kernel", False), ("no kernel", True)):
            results.latencies.setdefault(form, []).append(latency(data[0], plain=plain))
    results.decisions = next(each.items for each in results.limits[0] if each.name.startswith("encode"))
    return results


def keep(results: Results, out: Path, *, write: bool) -> None:
    """Raw measurements, report and chart into `out`; with `write` also into the documents."""
    (out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    text, picture = report(results), chart(results)
    (out / "report.md").write_text(text, "utf-8")
    (out / "performance.svg").write_text(picture, "utf-8")
    if write:
        page = placed(PAGE.read_text("utf-8"), MARK, f"{text}\n![Events per CPU second](performance.svg)\n")
        PAGE.write_text(page, "utf-8")
        PICTURE.write_text(picture, "utf-8")


def _present(names: Sequence[str]) -> tuple[list[Job], list[Job]]:
    """The jobs that were asked for: those that can run, and those that cannot, of which the user is told."""
    asked = [JOBS[name] for name in names] if names else list(JOBS.values())
    absent = [job for job in asked if not job.installed]
    for job in absent:
        _tell(f"not installed: {job.label} ({INSTALL})")
    return [job for job in asked if job.installed], absent


def _machine() -> Machine:
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return Machine(
        processor=models[0].partition(":")[2].strip() if models else platform.machine(),
        cores=os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / 1e9,
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )


def _count(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _command(args: argparse.Namespace) -> str:
    """What measures the same again."""
    only = f" --only {','.join(args.only)}" if args.only else ""
    return f"python -m benchmarks.decide50 --events {args.events} --rounds {args.rounds}{only}"


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in JOBS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no {unknown[0]!r}; there are {', '.join(JOBS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decide50",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=200_000, help="to generate (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--only", type=_names, default=[], metavar="NAMES", help=f"of {', '.join(JOBS)}")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put the report into docs/performance.md")
    parser.add_argument("--quick", action="store_true", help="check ratios on a short run; 1: one is lost")
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
