"""FirstPlan: loads a plan for a process that has none yet, and says so when there is none to decide by."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from models.plan.terms import PlanRefusedError
from transforms.logs import tell
from transforms.plan_files import PLAN_FAULTS

Read = TypeVar("Read")

_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LONGEST_DETAIL = 2_000
"""What a line of a log has room for."""


class FirstPlan(Generic[Read]):
    """The plan of a process that would have to decide without one.

    A plan that is no good fails whoever asks: no decisions, rather than wrong ones. For a while whoever asks again is
    refused at once, so that bundles that are tried again and again do not wear out the bucket; then it is looked at
    again.

    Args:
      read: Reads the plan, and refuses one that may not be decided by.
    """

    def __init__(self, read: Callable[[], Read]) -> None:
        self._read = read
        self._lock = Lock()
        self._why, self._again_s, self._pause_s = "", 0.0, _PAUSE_S

    def load(self) -> Read:
        """What `read` makes of the plan now; by one thread at a time.

        Raises:
          PlanRefusedError: It was no good a moment ago.
          Exception: Whatever `read` raises.
        """
        with self._lock:
            if time.monotonic() < self._again_s:
                raise PlanRefusedError(f"no plan to decide by, until it is looked at again: {self._why}")
            try:
                found = self._read()
            except Exception as error:  # the client of a bucket raises what it likes
                self._why = tell_of(error)
                self._again_s = time.monotonic() + self._pause_s
                self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
                raise
            self._pause_s = _PAUSE_S
            return found


def tell_of(error: Exception, in_force: str | None = None) -> str:
    """Log why a plan was not taken; what may be said of it, which of errors of others is only their kind.

    Args:
      error: Of reading or judging it.
      in_force: Digest of the plan that is decided by instead.
    """
    kind = type(error).__name__
    detail = str(error)[:_LONGEST_DETAIL] if isinstance(error, PLAN_FAULTS) else kind
    if refused(error):
        tell("plan_refused", plan_digest=in_force, detail=detail)
    else:
        tell("plan_unreadable", plan_digest=in_force, error=kind)
    return detail


def refused(error: Exception) -> bool:
    """Whether the plan itself is at fault, and not that it cannot be read now."""
    return isinstance(error, ValueError)
