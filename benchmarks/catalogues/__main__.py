"""What catalogues of thousands of actions cost: to load, to check, to decide by.

    python -m benchmarks.catalogues [--actions 1000 2500] [--customers 40] [--days 60]

Each size is measured in a process of its own, in CPU seconds, and printed beside the ratio to the first.
Every customer lives the same weeks under each catalogue. "explored" decides with propensities drawn for each slot,
"ranked" by priority alone.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from benchmarks.catalogues.catalogue import write_catalogue
from benchmarks.catalogues.deciding import Decided, decide
from models.collector import settle
from models.plan.compiled import Plan
from models.plan.load import load_plan

Figures = dict[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.catalogues",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--actions", type=int, nargs="+", default=[1000, 2500], help="sizes of catalogues")
    parser.add_argument("--customers", type=int, default=40, help="customers (default: %(default)s)")
    parser.add_argument("--days", type=int, default=60, help="days of each customer (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/catalogues"), help="work folder")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.alone:
        print(json.dumps(measured(args.out, args.actions[0], args.customers, args.days)))
        return 0
    flags = ["--customers", str(args.customers), "--days", str(args.days), "--out", str(args.out), "--alone"]
    command = [sys.executable, "-m", "benchmarks.catalogues", *flags, "--actions"]
    found: list[Figures] = []
    for size in args.actions:
        done = subprocess.run([*command, str(size)], check=True, stdout=subprocess.PIPE)
        found.append(json.loads(done.stdout))
    print_table(args.actions, found)
    return 0


def measured(out: Path, size: int, customers: int, days: int) -> Figures:
    """All figures of one size."""
    folder = write_catalogue(out / str(size), size)
    figures: Figures = {}
    started = time.process_time()
    loaded = load_plan(folder)
    figures["load: CPU s"] = time.process_time() - started
    plan = Plan.compile(loaded)
    figures["load and compile: CPU s"] = time.process_time() - started
    settle()
    figures |= _deciding("explored", decide(plan.decide_fold(), range(customers), days))
    plainly = msgspec.structs.replace(loaded.spec.arbitration, exploration="none")
    spec = msgspec.structs.replace(loaded.spec, arbitration=plainly)
    ranked = Plan.compile(replace(loaded, spec=spec))
    settle()
    figures |= _deciding("ranked", decide(ranked.decide_fold(), range(customers), days))
    figures["decide: peak MB"] = _peak_mb()
    from models.plan.lint import check_plan  # noqa: PLC0415 - the solver's memory would count as that of deciding

    started = time.process_time()
    figures["check: findings"] = len(check_plan(folder))
    figures["check: CPU s"] = time.process_time() - started
    figures["check: peak MB"] = _peak_mb()
    return figures


def _deciding(how: str, took: Decided) -> Figures:
    return {
        f"{how}: decisions": len(took.seconds),
        f"{how}: offers a decision": took.offers / len(took.seconds),
        f"{how}: ranked candidates p50": statistics.median(took.remaining),
        f"{how}: decide ms p50": statistics.median(took.seconds) * 1e3,
        f"{how}: decide ms p99": _p99(took.seconds) * 1e3,
        f"{how}: record KB p50": statistics.median(took.records) / 1e3,
        f"{how}: state KB p50": statistics.median(took.states) / 1e3,
        f"{how}: state KB p99": _p99(took.states) / 1e3,
    }


def _p99(numbers: Sequence[float]) -> float:
    return sorted(numbers)[len(numbers) * 99 // 100]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_table(sizes: Sequence[int], found: Sequence[Figures]) -> None:
    """A row for each figure, a column for each size, and how the last compares with the first."""
    print(f"| | {' | '.join(f'{size:,} actions' for size in sizes)} | ratio |")
    print(f"| --- {'| ---: ' * (len(sizes) + 1)}|")
    for name, first in found[0].items():
        values = " | ".join(f"{figures[name]:,.4g}" for figures in found)
        ratio = f"{found[-1][name] / first:.2f}" if first else ""
        print(f"| {name} | {values} | {ratio} |")


if __name__ == "__main__":
    sys.exit(main())
