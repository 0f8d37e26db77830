"""What the servers of other people have in common here: ports, a folder, a child process, a probe."""

import os
import tempfile
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pipelines.local.processes import Child, ServerError

_PROBE_S = 5.0


class Server(ABC):
    """One server: started and ended by us, or running already and only used.

    Args:
      folder: For its log and data; None: one of its own, removed when it stops.
      limit_s: How long it may take until it answers.
      environ: Where its settings are looked up.
    """

    name: ClassVar[str]

    def __init__(
        self,
        *,
        folder: Path | None = None,
        limit_s: float = 120.0,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._given = folder
        self._limit_s = limit_s
        self._environ = os.environ if environ is None else environ
        self._child: Child | None = None

    @property
    @abstractmethod
    def running_already(self) -> bool:
        """Whether the environment names a server to use instead of starting one."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """What to run; ports are claimed here, and stay what they are over restarts."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers now."""

    def _settings(self) -> Mapping[str, str] | None:
        """The environment of the process; ours if None."""
        return None

    @property
    def folder(self) -> Path:
        """Where its log and data are."""
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = tempfile.TemporaryDirectory(prefix="nextbeam-")
        return Path(self._own.name)

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.folder / f"{type(self).__name__.lower()}.log"

    @property
    def pid(self) -> int | None:
        """Its process; None if it is not ours or does not run."""
        return self._child.pid if self._child is not None and self._child.running else None

    def start(self) -> Self:
        """Start it and wait until it answers; what runs already is only asked.

        Raises:
          UnavailableError: This machine lacks what it needs.
          ServerError: It did not start, or does not answer.
        """
        if self.running_already:
            self._check_running_already()
        elif self.pid is None:
            self._child = Child(self.name, self._command(), self.log, environ=self._settings())
            self._child.wait_until(self.ready, limit_s=self._limit_s)
        return self

    def check(self) -> None:
        """See that it runs, if it is ours.

        Raises:
          ServerError: It has ended; the text has the end of its log.
        """
        if self._child is not None and not self._child.running:
            raise ServerError(f"{self.name} ended with code {self._child.exit_code}{self._child.tail()}")

    def stop(self) -> None:
        """End it if we started it, and remove the folder if it is its own."""
        if self._child is not None:
            self._child.stop()
            self._child = None
        if self._own is not None:
            self._own.cleanup()
            self._own = None

    def kill(self) -> None:
        """SIGKILL: what a crash is like. `start` brings it back on the same ports, with the same folder."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _check_running_already(self) -> None:
        if not self.ready():
            raise ServerError(
                f"{self.name}: the environment names one that does not answer; start it, or unset the variable "
                "to have one started"
            )


def responds(url: str, *, limit_s: float = _PROBE_S) -> bool:
    """Whether a GET of this address is answered with success, in time, and not by way of a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=limit_s) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
