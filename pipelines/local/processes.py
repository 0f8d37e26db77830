"""Another program as a child of ours: it ends when we end, however that happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.local import keeper
from pipelines.locate import UsageError

_LOOK_S = 0.03
_TAIL_LINES = 15
_TAIL_BYTES = 8 * 1024


class ServerError(UsageError):
    """A server did not start, or not as asked; the text says why and what to do."""


class UnavailableError(ServerError):
    """This machine lacks what the server needs; the text says how to get it."""


class Child:
    """One running command, in a session of its own: Ctrl-C reaches only us, and we end it in our own order.

    Args:
      name: What to call it in messages.
      command: Program and arguments.
      log: Where its output goes; it is appended to.
      environ: Its environment; ours if None.
      grace_s: Seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environ: Mapping[str, str] | None = None,
        grace_s: float = 5.0,
    ) -> None:
        self.name = name
        self.log = log
        self._grace_s = grace_s
        self._since = log.stat().st_size if log.exists() else 0
        self._keeper = _start_keeper(command, log, environ, grace_s)
        self.pid = self._read_pid()

    @property
    def running(self) -> bool:
        """Whether the command has not ended."""
        return self._keeper.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, 128 + N for signal N; None while it runs."""
        return self._keeper.poll()

    def wait_until(self, ready: Callable[[], bool], *, limit_s: float) -> None:
        """Wait for a server to answer; it is ended if it does not.

        Raises:
          ServerError: It ended, or did not answer in time; the text has the end of its log.
        """
        give_up = time.monotonic() + limit_s
        try:
            while not ready():
                if not self.running:
                    raise ServerError(
                        f"{self.name} ended with code {self.exit_code} before it was ready{self.tail()}"
                    )
                if time.monotonic() > give_up:
                    raise ServerError(f"{self.name} was not ready within {limit_s:g} s{self.tail()}")
                time.sleep(_LOOK_S)
        except BaseException:
            self.stop()
            raise

    def tail(self) -> str:
        """The last lines that the command wrote since it was started, and where the rest is."""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._since, size - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
        if not lines:
            return f"; it wrote nothing to {self.log}"
        return "".join([f"; the end of {self.log}:", *(f"\n  {line}" for line in lines)])

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after the grace. Nothing happens if it has ended."""
        assert self._keeper.stdin is not None
        with suppress(BrokenPipeError):
            self._keeper.stdin.close()
        try:
            self._keeper.wait(self._grace_s + 5)
        except BaseException as error:  # a second Ctrl-C, or a keeper that hangs
            self.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise

    def kill(self) -> None:
        """SIGKILL, at once: what a crash is like."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            try:
                self._keeper.wait(5)
            except subprocess.TimeoutExpired:
                self._keeper.kill()
                self._keeper.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read_pid(self) -> int:
        assert self._keeper.stdout is not None
        with self._keeper.stdout as said:
            word, _, rest = said.readline().decode().strip().partition(" ")
        if word == "pid":
            return int(rest)
        self._keeper.wait()
        raise ServerError(f"{self.name} cannot be started: {rest or 'its keeper ended'}")


def _start_keeper(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None, grace_s: float
) -> "subprocess.Popen[bytes]":
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(os.getpid()), str(log), str(grace_s), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=None if environ is None else dict(environ),
            start_new_session=True,
        )
