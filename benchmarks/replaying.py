"""What the replay of a big run costs: CPU seconds, wall time, peak memory; and whether a byte differs.

python -m benchmarks.replaying [--events 1000000]

The bank is simulated once and then copied under other names until there are enough events: a copy has other customers,
signals and decisions, so that every copy is decided and replayed for itself.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.identity import decision_id
from pipelines.launch import checked_plan
from pipelines.locate import find_plan
from pipelines.simulating import simulate

PLAN = "uk_bank"
_LOOK_S = 0.5
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Spent(NamedTuple):
    """What a command took, with all processes that it started."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Resident memory of all its processes together, looked at twice a second."""


def copies(bank: Path, folder: Path, events: int) -> int:
    """Write `bank` under as many names as it takes to have so many events; how many events that are."""
    digest = checked_plan(find_plan(PLAN)).digest
    lines = {name: (bank / f"{name}.jsonl").read_bytes().splitlines() for name in ("signals", "outcomes")}
    signals = {
        decision_id(said["signal_id"], digest): said["signal_id"]
        for said in map(_object, lines["signals"])
        if isinstance(said.get("signal_id"), str)
    }
    each = sum(map(len, lines.values()))
    count = -(-events // each)
    for name, feed in lines.items():
        with (folder / f"{name}.jsonl").open("wb") as file:
            for copy in range(count):
                file.writelines(_renamed(line, copy, signals, digest) + b"\n" for line in feed)
    return each * count


def _object(line: bytes) -> dict[str, Any]:
    """The object in a line; empty where a line is spoilt on purpose."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _renamed(line: bytes, copy: int, signals: dict[str, str], digest: str) -> bytes:
    said = _object(line)
    if not said:
        return line
    for name in ("customer_id", "signal_id", "outcome_id", "session_id", "household_id", "device_id"):
        if isinstance(said.get(name), str):
            said[name] = f"{said[name]}~{copy}"
    asked = said.get("decision_id")
    if isinstance(asked, str) and asked in signals:
        said["decision_id"] = decision_id(f"{signals[asked]}~{copy}", digest)
    return json.dumps(said).encode()


def measured(command: Sequence[str]) -> Spent:
    """Run a command to its end.

    Raises:
      subprocess.CalledProcessError: It failed, or found something.
    """
    started, peak, cpu = time.perf_counter(), [0.0], os.times()
    process = subprocess.Popen(command)
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peak, done))
    watch.start()
    code = process.wait()
    done.set()
    watch.join()
    if code:
        raise subprocess.CalledProcessError(code, list(command))
    after = os.times()
    spent = after.children_user + after.children_system - cpu.children_user - cpu.children_system
    return Spent(time.perf_counter() - started, spent, peak[0])


def _watch(pid: int, peak: list[float], done: threading.Event) -> None:
    while not done.wait(_LOOK_S):
        peak[0] = max(peak[0], sum(map(_resident_mb, _family(pid))))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20
    except OSError:
        return 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replaying", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--customers", type=int, default=5_000, help="of the bank (default: %(default)s)")
    parser.add_argument("--days", type=int, default=2, help="of the bank (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/replaying"), help="default: %(default)s")
    args = parser.parse_args(argv)
    bank, feeds, run = args.out / "bank", args.out / "feeds", args.out / "run"
    feeds.mkdir(parents=True, exist_ok=True)
    simulate(find_plan(PLAN), bank, customers=args.customers, days=args.days, seed=7)
    events = copies(bank, feeds, args.events)
    nextbeam = [sys.executable, "-m", "pipelines.cli"]
    inputs = [f"--{name}={feeds / f'{name}.jsonl'}" for name in ("signals", "outcomes")]
    decided = measured([*nextbeam, "run", "--quiet", *inputs, "--plan", PLAN, "--out", str(run)])
    _tell(f"run, {events:,} events", decided)
    replayed = measured([*nextbeam, "replay", str(run), "--jobs", str(args.jobs)])
    _tell("replay", replayed)
    return 0


def _tell(what: str, spent: Spent) -> None:
    print(
        f"{what}: {spent.wall_s:.0f} s, {spent.cpu_s:.0f} CPU s, {spent.peak_mb:,.0f} MB at most", flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
