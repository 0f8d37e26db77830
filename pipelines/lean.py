"""Import Beam for a run between local files without the clients of services that such a run never speaks to.

`import apache_beam` imports, where they are installed, the clients of Google's storage, BigQuery, Pub/Sub and Dataflow,
MongoDB's, and pandas: more than half of its time and 80 MB. Beam guards each of these imports, and does without what
is missing. While Beam is imported here they are missing; afterwards all can be imported again by whoever wants to.

Libraries that Beam or we import, and that such a run seldom uses, are executed when they are first used (`LATER`).

Beam is imported whole, as ever, where its version is not the one we measured, where an option of Beam is given (a
runner may need its clients), where a file is not here, and with `NEXTBEAM_LEAN_IMPORTS=0`.
"""

import atexit
import gc
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import version
from importlib.util import LazyLoader
from types import ModuleType

from pipelines.lean_signatures import remember_signatures

SWITCH = "NEXTBEAM_LEAN_IMPORTS"
_MEASURED_ON = "2.77."

OPTIONAL = (
    "apache_beam.io.gcp.bigquery",
    "apitools",
    "bson",
    "google.api_core",
    "google.auth",
    "google.cloud",
    "oauth2client",
    "pandas",
    "pymongo",
)
"""What Beam imports if it can. All of it is the affair of other services, or of data frames."""

LATER = ("asyncio", "grpc.aio", "httplib2", "pyarrow.compute")
"""What is imported as a whole and once, and is not used but for services and for Parquet that is read.

To import it again executes it. One thread does so: Python 3.11 does not lock meanwhile.
"""

_NEEDED = (
    "apache_beam",
    "apache_beam.io.gcp.pubsub",
    "apache_beam.runners.portability.fn_api_runner",
)
"""What a run needs of Beam; of Pub/Sub only what a message is."""

_TELL = ("apache_beam.io.mongodbio",)
"""Loggers that mention what is missing."""


def suits(places: Iterable[object], flags: Sequence[str]) -> bool:
    """Whether a run between these places, with these options of Beam, can do without."""
    return not flags and not any("://" in str(place) for place in places)


@contextmanager
def quick_imports(*, lean: bool) -> Iterator[bool]:
    """Import Beam, without what is optional if `lean`; what is imported inside of the block is imported as ever.

    Until its end no garbage is collected: what modules hold stays, and would be looked through a dozen times.

    Yields:
      Whether Beam was imported without; it never is where it had been imported before.
    """
    lean = lean and _can_be_lean()
    with uncollected(), ExitStack() as stack:
        if lean:
            stack.enter_context(_found_by(_Later(LATER)))
        with ExitStack() as beam:
            if lean:
                beam.enter_context(_found_by(_Missing(OPTIONAL)))
                beam.enter_context(_silent(_TELL))
            for module in _NEEDED:
                import_module(module)
            if lean:
                import_module("pyarrow").array([])  # looks for pandas with its first array, and never again
                remember_signatures()
        yield lean


def _can_be_lean() -> bool:
    if os.environ.get(SWITCH) == "0" or "apache_beam" in sys.modules:
        return False
    return version("apache-beam").startswith(_MEASURED_ON)


class _Missing(MetaPathFinder):
    """Finds that some modules are not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._below = tuple(f"{name}." for name in names)

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """None: others may find it."""
        if name in self._names or name.startswith(self._below):
            raise ModuleNotFoundError(f"{name} is left out ({SWITCH}=0 brings it back)", name=name)
        return None


class _Later(MetaPathFinder):
    """Finds some modules so that they are executed when an attribute of theirs is first asked for."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the module is; None for all others."""
        spec = PathFinder.find_spec(name, path, target) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def _found_by(finder: MetaPathFinder) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def _silent(loggers: Sequence[str]) -> Iterator[None]:
    found = [logging.getLogger(name) for name in loggers]
    before = [logger.level for logger in found]
    for logger in found:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(found, before, strict=True):
            logger.setLevel(level)


@contextmanager
def uncollected() -> Iterator[None]:
    """Within, no garbage is collected."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def leave(code: int) -> None:
    """End this process as the interpreter would, but for taking apart what it holds: the system frees that sooner.

    It takes a seventh of a short run. Whoever watches the process from inside sees it end as ever.
    """
    if sys.gettrace() or sys.getprofile():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
