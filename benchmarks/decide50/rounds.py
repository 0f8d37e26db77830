"""Interleaved rounds: each job in turn on the first lines and on everything; a noisy minute hits all of them."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchmarks.decide50.gate import compare
from benchmarks.decide50.jobs import Job
from benchmarks.decide50.latency import Latency
from benchmarks.decide50.limits import Limit
from benchmarks.decide50.results import Measured
from benchmarks.decide50.running import ROOT, child_env

Tell = Callable[[str], None]


class DifferentError(RuntimeError):
    """Outputs differ, so no number counts; the text says which, and how."""


def blank(jobs: Sequence[Job]) -> list[Measured]:
    """Nothing measured yet."""
    return [Measured(job.name, job.label, job.about, job.ours) for job in jobs]


def one_round(
    jobs: Sequence[Job], measured: Sequence[Measured], data: tuple[Path, Path], out: Path, tell: Tell
) -> None:
    """Run each job once on `data`, which is everything and the first lines; add what it spent.

    Raises:
      JobError: One failed.
    """
    everything, small = data
    for job, spent in zip(jobs, measured, strict=True):
        spent.starts.append(job.run(small, out / f"{job.name}.start"))
        spent.runs.append(job.run(everything, out / job.name))
        tell(f"{job.label}: {spent.runs[-1].cpu_s:.1f} CPU s, of it start {spent.starts[-1].cpu_s:.1f}")


def same(jobs: Sequence[Job], out: Path, reference: Job) -> list[str]:
    """What the gate says of each job's outputs beside those of `reference`.

    Raises:
      DifferentError: Some differ.
    """
    expected = reference.comparable(out / reference.name)
    said, differ = [], []
    for job in jobs:
        if job is reference:
            continue
        try:
            verdict = compare(expected, job.comparable(out / job.name))
        except (OSError, ValueError) as error:
            raise DifferentError(f"{job.label}: {error}") from error
        said.append(f"{job.label}: {verdict}")
        if not verdict.same:
            differ.append(said[-1])
    if differ:
        raise DifferentError("outputs differ, so no number counts:\n" + "\n".join(differ))
    return said


def limits(data: Path, decisions: Path) -> list[Limit]:
    """What the machine allows, measured by a process of its own."""
    return msgspec.json.decode(_said("limits", str(data), str(decisions)), type=list[Limit])


def latency(data: Path, *, plain: bool) -> Latency:
    """Of one decision, measured by a process of its own; `plain`: without the kernel."""
    env = {"NEXTBEAM_KERNEL": "0"} if plain else {}
    return msgspec.json.decode(_said("latency", str(data), env=env), type=Latency)


def _said(module: str, *args: str, env: dict[str, str] | None = None) -> bytes:
    command = [sys.executable, "-m", f"benchmarks.decide50.{module}", *args]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=child_env(env))
    return done.stdout
