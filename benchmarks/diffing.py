"""What `nextbeam plan diff` costs on a long history: CPU seconds, wall clock and memory of the whole process tree.

    python -m benchmarks.diffing [--events 1000000] [--out out/diffing]

A bank of a few hundred customers is simulated for two weeks and copied, each copy with names of its own, until there
are enough events; the decisions that its outcomes answer are named as the live plan would name those of the copies.
Plan B pulls a lever, tightens a limit and drops a suppression.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.identity import decision_id
from models.plan.canonical import canonical
from models.plan.load import load_plan
from pipelines.locate import find_plan

PLAN = "uk_bank"
DAYS = 14
EVENTS_A_DAY = 9.5
"""Of one customer, about: signals and outcomes."""
BASE = 50_000
SAMPLE_S = 0.25
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

_CUSTOMER = re.compile(rb'"(c\d{6})')
_DECISION = re.compile(rb"\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Spent:
    """What a command and its children used."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Resident memory of the tree; pages that processes share count once."""


def history(folder: Path, events: int, digest: str) -> int:
    """Write a history of so many events; how many lines it has."""
    base = folder / "base"
    customers = max(1, round(min(events, BASE) / (DAYS * EVENTS_A_DAY)))
    flags = ["--customers", str(customers), "--days", str(DAYS), "--out", str(base)]
    subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "simulate", *flags], check=True, stdout=subprocess.DEVNULL
    )
    files = {name: (base / f"{name}.jsonl").read_bytes() for name in ("signals", "outcomes")}
    signals = {
        decision_id(name, digest).encode(): name
        for name in re.findall(r'"signal_id":"([^"]+)"', files["signals"].decode("utf-8", "replace"))
    }
    target = folder / "history"
    target.mkdir(exist_ok=True)
    once = sum(text.count(b"\n") for text in files.values())
    copies = max(1, round(events / once))
    for name, text in files.items():
        with (target / f"{name}.jsonl").open("wb") as file:
            for copy in range(copies):
                file.write(_copied(text, f"k{copy:02d}", signals, digest))
    return once * copies


def _copied(text: bytes, prefix: str, signals: dict[bytes, str], digest: str) -> bytes:
    """The lines with other customers in them."""

    def decided(found: re.Match[bytes]) -> bytes:
        name = signals.get(found[0])
        return found[0] if name is None else decision_id(f"{prefix}{name}", digest).encode()

    return _CUSTOMER.sub(rb'"' + prefix.encode() + rb"\1", _DECISION.sub(decided, text))


def draft(folder: Path) -> Path:
    """Plan B."""
    source = find_plan(PLAN)
    spec = load_plan(source).spec
    contact = msgspec.structs.replace(
        spec.contact,
        limits=tuple(
            msgspec.structs.replace(limit, at_most=1) if limit.id == "email-per-week" else limit
            for limit in spec.contact.limits
        ),
        suppressions=tuple(each for each in spec.contact.suppressions if each.id != "ignored-three-times"),
    )
    grow = msgspec.structs.replace(spec.issues["grow"], lever_percent=60.0)
    changed = msgspec.structs.replace(spec, contact=contact, issues={**spec.issues, "grow": grow})
    target = folder / "draft"
    target.mkdir(exist_ok=True)
    if spec.model is not None and not (target / spec.model.path).exists():
        (target / spec.model.path).symlink_to((source / spec.model.path).resolve())
    (target / "plan.json").write_bytes(canonical(changed))
    return target / "plan.json"


def measure(command: Sequence[str]) -> Spent:
    """Run a command to its end.

    Raises:
      RuntimeError: It failed, other than with a finding.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **QUIET}, stdout=subprocess.DEVNULL)
    peak, done = [0.0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, peak, done))
    sampler.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    done.set()
    sampler.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, peak[0])


def _sample(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(SAMPLE_S):
        peak[0] = max(peak[0], sum(map(_memory_mb, _tree(pid))))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return
    for child in children:
        yield from _tree(int(child))


def _memory_mb(pid: int) -> float:
    try:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path("out/diffing"))
    args = parser.parse_args(argv)
    folder: Path = args.out
    folder.mkdir(parents=True, exist_ok=True)
    lines = history(folder, args.events, load_plan(find_plan(PLAN)).digest)
    outputs = ["--html", str(folder / "diff.html"), "--json", str(folder / "diff.json"), "--quiet"]
    plans = [PLAN, str(draft(folder)), "--history", str(folder / "history")]
    busy = os.getloadavg()[0]
    spent = measure([sys.executable, "-m", "pipelines.cli", "plan", "diff", *plans, *outputs])
    own = json.loads((folder / "diff.json").read_bytes())["sides"][0]["outcomes"]
    print(
        f"{lines:,} events, both plans: {spent.wall_s:.0f} s wall clock, {spent.cpu_s:.0f} s of CPU, "
        f"{lines / spent.cpu_s:,.0f} events per CPU second, at most {spent.peak_mb:,.0f} MB; "
        f"load before {busy:.1f} on {os.cpu_count()} cores; {own['own']:,} outcomes answer plan A"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
