"""Where a worker gets its plan: a small value that pickles, and loads once per process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock, RLock
from typing import Any, Literal

from apache_beam.utils.shared import Shared

from models.collector import settle
from models.folds import Fold
from models.funnel import Funnel
from models.plan.compiled import Plan
from models.plan.terms import PlanRefusedError, PlanTerms
from models.signing import TrustedKey
from models.volumes import VolumeBook
from models.volumes.book import Past
from transforms.plan_files import plan_at
from transforms.plan_first import FirstPlan
from transforms.plan_watch import PlanWatch

FoldName = Literal["context", "ledger", "decide"]
Keys = tuple[TrustedKey, ...]
_Key = tuple[str, Keys, PlanTerms | None]


@dataclass(eq=False)
class LoadedPlan:
    """A plan, and what is built of it when it is first asked for."""

    plan: Plan
    _folds: dict[FoldName, Fold[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.funnel: Funnel = self.plan.funnel

    def fold(self, name: FoldName, past: Past = "unknown") -> Fold[Any, Any]:
        """One of the plan's folds, built once; all share the process's book of capacity."""
        if name not in self._folds:
            book = _shared(self.plan, past).book if self.plan.shares_capacity else None
            self._folds[name] = self._build(name, book)
        return self._folds[name]

    def fresh(self, name: FoldName) -> Fold[Any, Any]:
        """One of the plan's folds, with a book of its own in which nothing was spent."""
        return self._build(name, VolumeBook.of(self.plan.spec) if self.plan.shares_capacity else None)

    def turn(self, past: Past) -> AbstractContextManager[Any]:
        """Lets one thread at a time use the process's book of capacity; everybody, where the plan has none."""
        return _shared(self.plan, past).turn if self.plan.shares_capacity else nullcontext()

    def _build(self, name: FoldName, book: VolumeBook | None) -> Fold[Any, Any]:
        builders: dict[FoldName, Callable[[], Fold[Any, Any]]] = {
            "context": self.plan.context_fold,
            "ledger": lambda: self.plan.contact_fold(volumes=book),
            "decide": lambda: self.plan.decide_fold(volumes=book),
        }
        return builders[name]()


@dataclass(frozen=True)
class _SharedBook:
    """The book that all folds of a plan in this process share."""

    book: VolumeBook
    turn: Any = field(default_factory=RLock)
    """From the quote of a decision until all is taken, nobody else may ask."""


_lock = Lock()
_handles: dict[_Key, tuple[Shared, FirstPlan[LoadedPlan]]] = {}
_books: dict[str, _SharedBook] = {}
_watches: dict[tuple[str, float, Keys, PlanTerms | None], PlanWatch[LoadedPlan]] = {}
_instead: dict[str, LoadedPlan] = {}


def _watch(source: "PlanSource", every_s: float) -> PlanWatch[LoadedPlan]:
    key = source.path, every_s, source.keys, source.terms
    with _lock:
        if key not in _watches:
            _watches[key] = PlanWatch(
                source.path, every_s, _loaded, partial(_refusal, source.terms), source.keys
            )
        return _watches[key]


def _loaded(plan: Plan) -> LoadedPlan:
    """The plan, out of the collector's sight: to walk over the objects of a large plan takes 50 ms, each time.

    Until the next one is loaded: what is left of those before is collected then.
    """
    loaded = LoadedPlan(plan)
    settle()
    return loaded


def _refusal(terms: PlanTerms | None, old: Plan | None, new: Plan) -> str | None:
    """Why a job does not go over to a plan, nor begin with it in a process of its own.

    Processes that start later know nothing of what the others have decided by: what the job was started with is all
    that holds every one of them to the same. One that has a plan also keeps what that has.
    """
    for each in (terms, PlanTerms.of(old) if old else None):
        why = each.refusal(new) if each else None
        if why:
            return why
    return None


def _shared(plan: Plan, past: Past) -> _SharedBook:
    """The book of the plan with this digest, opened by the first who asks. It lives as long as the process."""
    with _lock:
        if plan.digest not in _books:
            _books[plan.digest] = _SharedBook(VolumeBook.of(plan.spec, past=past))
        return _books[plan.digest]


@contextmanager
def standing_in(path: str, plan: Plan) -> Iterator[None]:
    """Within, this plan is the one at `path`: a graph is built where the path cannot be read. Not for what runs."""
    _instead[path] = LoadedPlan(plan)
    try:
        yield
    finally:
        del _instead[path]


@dataclass(frozen=True)
class PlanSource:
    """The path of a plan: a snapshot that does not change while a pipeline runs, or one that is looked at again.

    All steps of a process get the same loaded plan. Beam keeps only the object that was asked for last, so
    everything a step needs hangs on that one object.

    Volume constraints on unbounded input are kept by one book per process and plan. It lives in memory: a restart
    loses what was spent. `past` says what the first book of a process takes for spent: `unknown`, the default, fails
    closed, since capacity that was promised to nobody is cheaper than a call centre overrun: what a constraint governs
    is not offered until nothing that an earlier process may have made can count any more (the next window of the
    calendar, or one length of a rolling window). `nothing` is for a first start. A bundle that fails and is tried
    again takes its contacts twice: less is offered than could be, never more. Bounded input starts from nothing.

    Args:
      path: Of the YAML file or folder.
      past: What was spent before the process.
      refresh_s: Seconds between looks at the files; None: they are read once. A plan that takes the place of another
        in a running job opens a book of capacity of its own, as after a restart.
      keys: Who may approve plans, as for `plan_at`.
      terms: What every plan is held to, the first one of each process included. See `as_launched`.
    """

    path: str
    past: Past = "unknown"
    refresh_s: float | None = None
    keys: Keys = ()
    terms: PlanTerms | None = None

    def as_launched(self) -> "PlanSource":
        """The same, but held to the terms of the plan that is there now: to be called as a graph is built.

        Steps that are pickled carry them to processes that may start weeks later.
        """
        held = replace(self, terms=PlanTerms.of(self.load().plan))
        if self.path not in _instead:
            held._share(self)
        return held

    def hold(self, plan: Plan) -> None:
        """Have in this process, from now on, this plan that was just loaded from the path, which is not read again."""
        shared = Shared()
        shared.acquire(lambda: _loaded(plan))
        with _lock:
            for key in [key for key in _handles if key[:2] == (self.path, self.keys)]:
                del _handles[key]  # whatever its terms: it may still have the plan of an earlier run
            _handles[self.path, self.keys, self.terms] = shared, FirstPlan(self._read)

    def load(self) -> LoadedPlan:
        """The plan, loaded by the first who asks. Steps ask at the start of each bundle.

        Raises:
          PlanError: The plan is not valid, and none that was is loaded.
          SignatureError: It is not signed by one of `keys`, likewise.
          PlanRefusedError: It is against the terms, likewise; or it was not good a moment ago.
        """
        if self.path in _instead:
            return _instead[self.path]
        if self.refresh_s is not None:
            return _watch(self, self.refresh_s).current()
        shared, first = self._handle()
        return shared.acquire(first.load)

    def _handle(self) -> tuple[Shared, FirstPlan[LoadedPlan]]:
        with _lock:
            key = self.path, self.keys, self.terms
            if key not in _handles:
                _handles[key] = Shared(), FirstPlan(self._read)
            return _handles[key]

    def _read(self) -> LoadedPlan:
        plan = plan_at(self.path, self.keys)
        why = _refusal(self.terms, None, plan)
        if why:
            raise PlanRefusedError(why)
        return _loaded(plan)

    def _share(self, other: "PlanSource") -> None:
        """Have in this process what another source has loaded, whose plan is within our terms."""
        with _lock:
            if self.refresh_s is not None:
                every_s = self.refresh_s
                watch = _watches[other.path, every_s, other.keys, other.terms]
                _watches.setdefault((self.path, every_s, self.keys, self.terms), watch)
            else:
                shared, _ = _handles[other.path, other.keys, other.terms]
                _handles.setdefault((self.path, self.keys, self.terms), (shared, FirstPlan(self._read)))

    @property
    def shares_capacity(self) -> bool:
        """Whether the plan has volume constraints, so that its customers cannot be decided for independently."""
        return self.load().plan.shares_capacity

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
        return self.source.load().fold(self.name, self.source.past)

    def fresh(self) -> Fold[Any, Any]:
        """A fold that shares nothing with any other."""
        return self.source.load().fresh(self.name)

    def turn(self) -> AbstractContextManager[Any]:
        """Held while the fold folds an event."""
        return nullcontext() if self.name == "context" else self.source.load().turn(self.source.past)
