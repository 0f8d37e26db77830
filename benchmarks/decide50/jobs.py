"""What does the job: our forms of it, and the peers. Each is a command from a folder of data to a file of outputs."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.decide50.compare import write_ndjson, write_records
from benchmarks.decide50.folds import records
from benchmarks.decide50.running import ROOT, Spent, measure

PEERS = ROOT / "benchmarks" / "decide50" / "peers"
ENVIRONMENTS = ROOT / ".venv-peers"
INSTALL = "make peers"

Convert = Callable[[Path, Path], None]
"""From what a job wrote to one JSON object a line, in the workload's own form; outside of what is measured."""


@dataclass(frozen=True)
class Job:
    """One way to do the work.

    Attributes:
      name: As `--only` takes it.
      label: As reports call it.
      command: With {data} and {out} to be filled in.
      env: Variables it needs.
      convert: None: it writes the workload's own form.
      needs: A file without which it cannot run.
      about: What it is, in a few words.
    """

    name: str
    label: str
    command: tuple[str, ...]
    about: str
    env: tuple[tuple[str, str], ...] = ()
    convert: Convert | None = None
    needs: Path | None = None
    ours: bool = False

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return self.needs is None or self.needs.exists()

    def run(self, data: Path, out: Path) -> Spent:
        """Do the work, measured.

        Raises:
          JobError: It failed.
        """
        return measure([part.format(data=data, out=out) for part in self.command], dict(self.env))

    def comparable(self, out: Path) -> Path:
        """The file of its outputs in the workload's own form."""
        if self.convert is None:
            return out
        target = out.with_name(f"{out.name}.ndjson")
        self.convert(out, target)
        return target


_RUN = (
    *(sys.executable, "-m", "pipelines.cli", "run", "--quiet", "--mapping", "decide_50"),
    *(
        "--plan",
        "{data}/plan",
        "--signals",
        "{data}/customers.ndjson",
        "{data}/events.ndjson",
        "--out",
        "{out}",
    ),
)
_STATEFUL = (sys.executable, "-m", "benchmarks.decide50.stateful", "{data}", "{out}")
_FOLDS = (sys.executable, "-m", "benchmarks.decide50.folds", "{data}", "{out}")


def _convert_records(out: Path, target: Path) -> None:
    write_records(records(out), target)


def _own(
    name: str, label: str, about: str, command: tuple[str, ...], convert: Convert, *, plain: bool
) -> Job:
    env = (("NEXTBEAM_KERNEL", "0"),) if plain else ()
    return Job(name, label, command, about, env, convert, ours=True)


def _peer(name: str, label: str, about: str, environment: str) -> Job:
    python = ENVIRONMENTS / environment / "bin" / "python"
    command = (str(python), str(PEERS / name / "main.py"), "{data}", "{out}")
    return Job(name.replace("_", "-"), label, command, about, needs=python)


OURS = (
    _own("nextbeam", "Nextbeam", "`nextbeam run`", _RUN, write_ndjson, plain=False),
    _own("nextbeam-plain", "Nextbeam, no kernel", "the same in Python alone", _RUN, write_ndjson, plain=True),
    _own(
        "nextbeam-stateful",
        "Nextbeam, stateful",
        "a cell and a timer a customer, as in streaming",
        _STATEFUL,
        write_ndjson,
        plain=False,
    ),
    _own(
        "folds",
        "Nextbeam's folds",
        "no runner: lines in, records out",
        _FOLDS,
        _convert_records,
        plain=False,
    ),
    _own("folds-plain", "folds, no kernel", "the same in Python alone", _FOLDS, _convert_records, plain=True),
)

NAIVE = "naive-beam"
LOOP = "plain-loop"

OTHERS = (
    _peer("plain_loop", "plain Python loop", "no framework; hand-written for this workload", "beam"),
    _peer("bytewax", "Bytewax", "the logic of the plain loop", "bytewax"),
    _peer("pathway", "Pathway", "the logic of the plain loop", "pathway"),
    _peer("grouped_beam", "Beam, grouped", "the logic of the plain loop behind GroupByKey", "beam"),
    _peer("runinference_beam", "Beam, RunInference", "as tutorials score in Beam", "beam"),
    _peer("naive_beam", "Beam, naive", "as tutorials write it: dicts, JSON, a model an action", "beam"),
)

JOBS = {job.name: job for job in (*OURS, *OTHERS)}


def in_own_environment(job: Job) -> Job:
    """The same peer by our interpreter, where its own is not installed: for those that need no more than we have."""
    if job.installed or job.name not in (NAIVE, LOOP):
        return job
    return replace(job, command=(sys.executable, *job.command[1:]), needs=None)
