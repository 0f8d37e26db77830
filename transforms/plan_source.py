"""Where a worker gets its plan: a small value that pickles, and loads once per process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from apache_beam.utils.shared import Shared

from models.folds import Fold
from models.funnel import Funnel
from models.plan.compiled import Plan

FoldName = Literal["context", "ledger", "decide"]


@dataclass(eq=False)
class LoadedPlan:
    """A plan, and what is built of it when it is first asked for."""

    plan: Plan
    _folds: dict[FoldName, Fold[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.funnel: Funnel = self.plan.funnel

    def fold(self, name: FoldName) -> Fold[Any, Any]:
        """One of the plan's folds, built once."""
        if name not in self._folds:
            builders: dict[FoldName, Callable[[], Fold[Any, Any]]] = {
                "context": self.plan.context_fold,
                "ledger": self.plan.contact_fold,
                "decide": self.plan.decide_fold,
            }
            self._folds[name] = builders[name]()
        return self._folds[name]


_lock = Lock()
_handles: dict[str, Shared] = {}


@dataclass(frozen=True)
class PlanSource:
    """The path of a plan: a snapshot that does not change while a pipeline runs.

    All steps of a process get the same loaded plan. Beam keeps only the object that was asked for last, so
    everything a step needs hangs on that one object.
    """

    path: str

    def load(self) -> LoadedPlan:
        """The plan, loaded by the first who asks.

        Raises:
          PlanError: The plan is not valid.
        """
        with _lock:
            handle = _handles.setdefault(self.path, Shared())
        return handle.acquire(lambda: LoadedPlan(Plan.load(Path(self.path))))

    def fold(self, name: FoldName) -> "PlanFold":
        """A source of one of the plan's folds, for `FoldPerKey`."""
        return PlanFold(self, name)


@dataclass(frozen=True)
class PlanFold:
    """Yields one fold of a plan."""

    source: PlanSource
    name: FoldName

    def __call__(self) -> Fold[Any, Any]:
        """The fold; the same object for every caller in a process."""
        return self.source.load().fold(self.name)
