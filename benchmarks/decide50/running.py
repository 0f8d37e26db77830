"""One process tree, measured to its end: CPU seconds, wall clock, peak memory.

CPU is what the kernel accounts to the process and all children it waited for, or the sum of what was last seen of each
process of the tree, whichever is more: a child that outlives its parent is only in the latter. Peak memory is the
largest sum seen, every tenth of a second. Pages that several processes share are counted once (proportional set size).
What the kernel accounts as the largest resident set is of no use here: a child begins with its parent's.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
"""One thread each, and bytecode: without it every start of Beam compiles it anew."""

_EVERY_S = 0.1
_TAIL = 2000


class Spent(msgspec.Struct, frozen=True):
    """What one process and its children used."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    processes: int
    """At most, at one time."""


class JobError(RuntimeError):
    """A process failed; the text has the end of what it said."""


class Watched:
    """What is seen of a process tree while it lives."""

    def __init__(self, pid: int) -> None:
        self._top = psutil.Process(pid)
        self._cpu: dict[tuple[int, float], float] = {}
        self.peak = 0
        self.most = 1

    @property
    def cpu_s(self) -> float:
        """Of all processes that were ever seen, when they were last seen."""
        return sum(self._cpu.values())

    def look(self) -> None:
        """See what there is now."""
        try:
            tree = [self._top, *self._top.children(recursive=True)]
        except psutil.Error:
            return
        self.most = max(self.most, len(tree))
        self.peak = max(self.peak, sum(self._one(each, alone=len(tree) == 1) for each in tree))

    def _one(self, process: psutil.Process, *, alone: bool) -> int:
        """Its memory in bytes; 0: it ended meanwhile."""
        try:
            with process.oneshot():
                times = process.cpu_times()
                self._cpu[process.pid, process.create_time()] = times.user + times.system
                resident = process.memory_info().rss
            return resident if alone else int(process.memory_full_info().pss)
        except psutil.Error:
            return 0


def child_env(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of what is measured."""
    return {**os.environ, **QUIET, **(more or {})}


def measure(
    command: Sequence[str], env: Mapping[str, str] | None = None, *, timeout_s: float = 3600.0
) -> Spent:
    """Run a command to its end, in a session of its own.

    Raises:
      JobError: It failed, or took longer than `timeout_s`.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            env=child_env(env),
            cwd=ROOT,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        watched, over = Watched(process.pid), threading.Event()
        watcher = threading.Thread(target=_watch, args=(watched, over, began + timeout_s), daemon=True)
        watcher.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            over.set()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # whatever it left behind
        watcher.join()
        if process.returncode:
            said.seek(0)
            tail = said.read()[-_TAIL:].decode("utf-8", "replace")
            raise JobError(f"{' '.join(command[:4])} ... ended with {process.returncode}: {tail}")
    return Spent(
        cpu_s=max(usage.ru_utime + usage.ru_stime, watched.cpu_s),
        wall_s=time.monotonic() - began,
        peak_mb=watched.peak / 1e6,
        processes=watched.most,
    )


def _watch(watched: Watched, over: threading.Event, until: float) -> None:
    while not over.wait(_EVERY_S):
        watched.look()
        if time.monotonic() > until:
            with suppress(ProcessLookupError):
                os.killpg(watched._top.pid, signal.SIGKILL)
            return
