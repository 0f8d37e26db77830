"""What each step of a decision costs: microseconds of thread CPU, with the kernel and in Python alone.

    python -m benchmarks.steps [--events 5000] [--rounds 3] [--quick] [--out out/steps] [--write]

Each form has a process of its own, since the form is chosen as a plan is compiled; processes alternate, and within each
the steps do. Shown are medians of all passes. `--write` puts the tables into docs/performance.md.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.decide50.preparing import prepare
from benchmarks.decide50.report import placed
from benchmarks.decide50.running import ROOT, child_env
from models.kernel import SWITCH as KERNEL
from transforms.state_cache import SWITCH as STATE_CACHE

PAGE = ROOT / "docs" / "performance.md"
MARK = "steps"
CUSTOMERS = 1_000
_PASSES = 5
"""Within one process."""

Times = dict[str, list[float]]
Switched = Mapping[str, str]


def alternating(module: str, args: Sequence[str], rounds: int, switch: str) -> tuple[Times, Times]:
    """All passes of a module's steps in processes with something switched on, and in those with it switched off."""
    on: Times = {}
    off: Times = {}
    for number in range(rounds):
        for env, found in (({}, on), ({switch: "0"}, off)):
            print(f"{module}, round {number + 1} of {rounds}, {env or 'as it is'}", file=sys.stderr)
            for name, passes in _said(module, args, env).items():
                found.setdefault(name, []).extend(passes)
    return on, off


def table(heads: tuple[str, str, str], on: Times, off: Times) -> list[str]:
    """One row per step: the medians of both, and how many times the second the first is."""
    rows = [f"| {heads[0]} | {heads[1]} | {heads[2]} | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, passes in on.items():
        mine, other = median(passes), median(off[name])
        ratio = f"{mine / other:.2f}" if other > 0 else ""
        rows.append(f"| {name} | {mine:,.2f} | {other:,.2f} | {ratio} |")
    return rows


def lone(name: str, found: Mapping[str, float]) -> list[str]:
    """One row per form of a step that has a module of its own."""
    return [f"| {name} | us |", "| --- | ---: |", *(f"| {form} | {us:,.2f} |" for form, us in found.items())]


def _said(module: str, args: Sequence[str], env: Switched) -> Times:
    command = [sys.executable, "-m", f"benchmarks.steps.{module}", *args]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=child_env(env))
    return msgspec.json.decode(done.stdout, type=Times)


def _alone(module: str) -> dict[str, float]:
    """What a module says that measures all forms of its step by itself."""
    command = [sys.executable, "-m", f"benchmarks.steps.{module}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=child_env())
    return msgspec.json.decode(done.stdout, type=dict[str, float])


def report(args: argparse.Namespace) -> str:
    """Measure everything; the tables."""
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    data, _ = prepare(out, args.events, CUSTOMERS)
    steps = alternating("deciding", [str(data), str(_PASSES)], args.rounds, KERNEL)
    elements = alternating("beam", [str(args.elements), "1"], args.rounds, STATE_CACHE)
    (out / "steps.json").write_bytes(msgspec.json.encode({"steps": steps, "elements": elements}))
    head = (
        f"`python -m benchmarks.steps --events {args.events} --elements {args.elements} --rounds {args.rounds}`, "
        f"{date.today().isoformat()}, load average {os.getloadavg()[0]:.1f}: "  # noqa: DTZ011
        "us of thread CPU, medians; each step on what it gets in decide-50."
    )
    parts = [
        [head],
        table(("step", "kernel", "Python"), *steps),
        ["us of CPU an element in Beam's Python runner, as differences between small pipelines:"],
        table(("element", "patched state cache", "as Beam has it"), *elements),
    ]
    if not args.quick:
        parts += [lone("50 rules", _alone("rules")), lone("boosted trees, 50 actions", _alone("trees"))]
    return "\n".join("\n".join(part) + "\n" for part in parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.steps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=5_000, help="to generate (default: %(default)s)")
    parser.add_argument("--elements", type=int, default=20_000, help="through Beam (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of processes (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/steps"), help="folder (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of little")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    args = parser.parse_args(argv)
    if args.quick:
        args.events, args.elements, args.rounds = 1_000, 3_000, 1
    text = report(args)
    if args.write:
        PAGE.write_text(placed(PAGE.read_text("utf-8"), MARK, text), "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
