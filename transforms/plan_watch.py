"""PlanWatch: sees that a plan's files have changed, loads the new plan beside the old one, swaps when it is good."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Generic, TypeVar

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.execution import MetricsEnvironment
from apache_beam.metrics.metricbase import Counter

from models.plan.compiled import Plan
from transforms.metrics import PLAN_REFUSED, PLAN_RELOADED

_LOGGER = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")
Stamp = tuple[tuple[str, int, float], ...]

_MOST_BYTES = 512 * 2**20
"""Of a plan with its model, before any of it is fetched."""


def plan_at(path: str) -> Plan:
    """The plan at a local path, or at one that Beam's file systems know, e.g. `gs://BUCKET/plans/current`.

    Raises:
      PlanError: It is not valid.
      ArtifactError: Its model is not.
      OSError: It cannot be read.
    """
    if "://" not in path:
        return Plan.load(Path(path))
    with tempfile.TemporaryDirectory(prefix="nextbeam-plan-") as folder:
        files = [each for each in _remote(path) if not each.path.endswith("/")]  # a folder is an object, too
        if sum(each.size_in_bytes for each in files) > _MOST_BYTES:
            raise OSError(f"{path} has more than {_MOST_BYTES >> 20} MiB")
        for found in files:
            target = Path(folder, "plan", _inside(found.path, path))
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileSystems.open(found.path) as source:
                target.write_bytes(source.read())
        return Plan.load(Path(folder, "plan"))


def _inside(name: str, folder: str) -> PurePosixPath:
    """Where an object lies below a folder. Buckets take any name, and one with `..` would be written elsewhere."""
    place = PurePosixPath(name).relative_to(PurePosixPath(folder))
    if ".." in place.parts:
        raise OSError(f"{name!r} lies outside of the plan's folder")
    return place


def stamp_of(path: str) -> Stamp:
    """What changes when the plan's files do: their names, sizes and times."""
    return tuple(sorted(_stamps(path)))


def _stamps(path: str) -> Iterator[tuple[str, int, float]]:
    if "://" in path:
        for each in _remote(path):
            yield each.path, each.size_in_bytes, each.last_updated_in_seconds or 0.0
        return
    local = Path(path)
    for file in [local] if local.is_file() else local.rglob("*"):
        if file.is_file():
            about = file.stat()
            yield str(file), about.st_size, about.st_mtime


def _remote(path: str) -> list[FileMetadata]:
    matched = FileSystems.match([path, f"{path.rstrip('/')}/**"])
    return [each for result in matched for each in result.metadata_list]


class PlanWatch(Generic[Loaded]):
    """The last good plan at a path.

    Whoever asks gets what is loaded, at once. A thread of its own looks at the files, whether anything is decided or
    not, and loads a plan that has changed. One that is not good, or that a running job cannot take over, is refused
    whole: the old one stays, a warning says why, once, and `plan/refused` counts.

    Args:
      path: As for `plan_at`.
      every_s: Seconds between looks.
      build: What to make of a plan.
      refusal: Why a plan cannot take the place of another in a running job; None: it can.
    """

    def __init__(
        self,
        path: str,
        every_s: float,
        build: Callable[[Plan], Loaded],
        refusal: Callable[[Plan, Plan], str | None],
    ) -> None:
        self._path = path
        self._every_s = every_s
        self._build = build
        self._refusal = refusal
        self._stamp = stamp_of(path)
        self._plan = plan_at(path)
        self._current = build(self._plan)
        self._uncounted: list[Counter] = []
        Thread(target=self._watch, name="plan-watch", daemon=True).start()

    def current(self) -> Loaded:
        """What is loaded. Never waits for the files."""
        # Others ask too, and what is counted outside of a step is counted nowhere.
        while self._uncounted and MetricsEnvironment.current_container() is not None:
            self._uncounted.pop().inc()
        return self._current

    def _watch(self) -> None:
        while True:
            time.sleep(self._every_s)
            self._look()

    def _look(self) -> None:
        try:
            stamp = stamp_of(self._path)
            if stamp != self._stamp and stamp:  # an empty folder is one that is being written
                self._stamp = stamp
                self._take(plan_at(self._path))
        except (
            Exception
        ) as error:  # a bucket's client raises what it likes, and a thread that ends never looks again
            self._refuse(str(error) or type(error).__name__)

    def _take(self, plan: Plan) -> None:
        if plan.digest == self._plan.digest:
            return
        why = self._refusal(self._plan, plan)
        if why:
            self._refuse(why)
            return
        self._current, self._plan = self._build(plan), plan
        self._uncounted.append(PLAN_RELOADED)
        _LOGGER.warning("the plan at %s is now %s", self._path, plan.digest)

    def _refuse(self, why: str) -> None:
        self._uncounted.append(PLAN_REFUSED)
        _LOGGER.warning("the plan at %s was refused; %s decides on. %s", self._path, self._plan.digest, why)
