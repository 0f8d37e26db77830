"""Runs one command, and ends it when told, when its input closes, or when its parent is gone.

`python keeper.py PARENT_PID LOG GRACE_S COMMAND...`. Standard input is a pipe whose other end only the parent holds: it
closes however the parent ends, also by SIGKILL. A process of its own, because a death signal that the parent asked for
would fire when the *thread* that started the child ends, and threads start servers here.

The first line on standard output is `pid N`, or `error WHY`. The exit code is the command's, 128 + N for signal N.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_LOOK_S = 1.0


def keep(parent: int, log: str, grace_s: float, command: Sequence[str]) -> int:
    """Run the command until it ends or is to end; returns its exit code."""
    told = _listen()
    try:
        child = _start(log, command)
    except OSError as error:
        _say(f"error {error.strerror}: {error.filename or command[0]}")
        return 127
    _say(f"pid {child.pid}")
    while child.poll() is None and os.getppid() == parent:
        ready, _, _ = select.select([0, told], [], [], _LOOK_S)
        if told in ready and signal.SIGTERM in os.read(told, 64):
            break
        if 0 in ready and not os.read(0, 64):
            break
    return _end(child, grace_s)


def _listen() -> int:
    """A descriptor from which the numbers of the signals we got can be read."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN: the command would inherit that
    return told


def _start(log: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    with open(log, "ab") as out:  # noqa: PTH123  (pathlib would double the time to start)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            process_group=0,
            preexec_fn=_die_with_keeper if sys.platform == "linux" else None,  # noqa: PLW1509  (one thread)
        )


def _die_with_keeper() -> None:
    """Should someone SIGKILL the keeper itself, Linux kills the command."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: "subprocess.Popen[bytes]", grace_s: float) -> int:
    """SIGTERM to the command and all it started; SIGKILL to what is left after the grace."""
    _signal(child, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    _signal(child, signal.SIGKILL)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _signal(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _say(line: str) -> None:
    """The one line for the parent; who reads until the end is not kept waiting."""
    with suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode())
    os.dup2(2, 1)


if __name__ == "__main__":
    sys.exit(keep(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
