"""PlanWatch: sees that a plan's files have changed, loads the new plan beside the old one, swaps when it is good."""

import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Generic, TypeVar

from apache_beam.metrics.execution import MetricsEnvironment
from apache_beam.metrics.metricbase import Counter

from models.plan.compiled import Plan
from models.plan.terms import PlanRefusedError
from models.signing import TrustedKey
from transforms.logs import tell
from transforms.metrics import PLAN_REFUSED, PLAN_RELOADED
from transforms.plan_files import Stamp, plan_at, stamp_of
from transforms.plan_first import FirstPlan, refused, tell_of

Loaded = TypeVar("Loaded")

_SETTLED_S = 2.0
"""So long files must be the same to be taken for whole; or for the time between looks, if that is less."""


class PlanWatch(Generic[Loaded]):
    """The last good plan at a path.

    The first one is loaded by the first who asks; while it is not good, all who ask fail: see `FirstPlan`. After that,
    whoever asks gets what is loaded, at once. A thread of its own looks at the files, whether anything is decided or
    not, and loads a plan that has changed, once its files have been the same for a while: a file that is half written
    may be a whole plan. One that is not good, or that a running job cannot take over, is refused whole: the old one
    stays, a log line says why, once, and `plan_refused` counts. One that cannot be read now is tried again at the next
    look.

    Args:
      path: As for `plan_at`.
      every_s: Seconds between looks.
      build: What to make of a plan.
      refusal: Why a plan cannot take the place of another in a running job, or be the first of a process, where there
        is no other; None: it can.
      keys: As for `plan_at`: of the first plan and of each that follows.
    """

    def __init__(
        self,
        path: str,
        every_s: float,
        build: Callable[[Plan], Loaded],
        refusal: Callable[[Plan | None, Plan], str | None],
        keys: Sequence[TrustedKey] = (),
    ) -> None:
        self._path = path
        self._every_s = every_s
        self._build = build
        self._refusal = refusal
        self._keys = tuple(keys)
        self._first = FirstPlan(self._begin)
        self._stamp: Stamp = ()
        self._taken: tuple[Plan, Loaded] | None = None
        self._uncounted: list[Counter] = []

    def current(self) -> Loaded:
        """What is loaded. Waits for the files only as long as nothing is.

        Raises:
          Exception: As of `FirstPlan`, if nothing is.
        """
        # Others ask too, and what is counted outside of a step is counted nowhere.
        while self._uncounted and MetricsEnvironment.current_container() is not None:
            self._uncounted.pop().inc()
        return (self._taken or self._first.load())[1]

    def _begin(self) -> tuple[Plan, Loaded]:
        if self._taken is None:  # else another thread was quicker
            stamp, plan = stamp_of(self._path), plan_at(self._path, self._keys)
            self._check(plan)
            self._stamp, self._taken = stamp, (plan, self._build(plan))
            Thread(target=self._watch, name="plan-watch", daemon=True).start()
        return self._taken

    def _watch(self) -> None:
        while True:
            time.sleep(self._every_s)
            self._look()

    def _look(self) -> None:
        try:
            stamp = stamp_of(self._path)
            if stamp == self._stamp or not stamp:  # an empty folder is one that is being written
                return
            time.sleep(min(self._every_s, _SETTLED_S))
            if stamp_of(self._path) != stamp:
                return
            self._stamp = stamp
            plan = plan_at(self._path, self._keys)
            if stamp_of(self._path) == stamp:
                self._take(plan)
        except Exception as error:
            # The client of a bucket raises what it likes, and a thread that ends never looks again.
            if refused(error):
                self._uncounted.append(PLAN_REFUSED)
            else:
                self._stamp = ()  # the plan may be good: try again
            tell_of(error, self._digest())

    def _take(self, plan: Plan) -> None:
        if plan.digest == self._digest():
            return
        self._check(plan)
        self._taken = plan, self._build(plan)
        self._uncounted.append(PLAN_RELOADED)
        tell("plan_reloaded", plan_digest=plan.digest)

    def _check(self, plan: Plan) -> None:
        why = self._refusal(self._taken[0] if self._taken else None, plan)
        if why is not None:
            raise PlanRefusedError(why)

    def _digest(self) -> str | None:
        return self._taken[0].digest if self._taken else None
