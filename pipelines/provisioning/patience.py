"""How long to go on with a service that fails, and what to say where there is no hope."""

import logging
import re
import time

import grpc
from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
    ResourceExhausted,
    RetryError,
    ServerError,
    ServiceUnavailable,
    Unauthorized,
    Unknown,
    from_grpc_error,
)

from pipelines.locate import UsageError

_LOGGER = logging.getLogger(__name__)

GONE_S = 300.0
"""How long something that was there may be missing before it is taken for gone."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_PASSING = (
    ServiceUnavailable,
    DeadlineExceeded,
    InternalServerError,
    Aborted,
    Cancelled,
    ResourceExhausted,
    Unknown,
)
_PATH = re.compile(r"(?:projects/)?(?P<project>[^/.]*)(?:/(?P<kind>topic|subscription|schema)s/|\.)?")


class Patience:
    """How to go on after a call of Pub/Sub that failed: wait a little longer each time, and say so once.

    A service that is away comes back, and nothing is lost meanwhile. That something which was there is not found may
    pass, too: an emulator that was restarted has forgotten everything until somebody makes it anew.
    """

    def __init__(self) -> None:
        self._worked = False
        self._pause = _PAUSE_S
        self._since: float | None = None

    def after(self, error: Exception, name: str) -> float:
        """Seconds to wait before the next try.

        Raises:
          Exception: The error, if there is no hope.
        """
        now = time.monotonic()
        missing = isinstance(error, NotFound)
        if not isinstance(error, _PASSING) and not missing:
            raise error
        begun = now if self._since is None else self._since
        if missing and not (self._worked and now < begun + GONE_S):
            raise error
        if self._since is None:
            self._since, self._pause = now, _PAUSE_S
            _LOGGER.warning("%s: %s; trying again until it answers", name, _kind(error))
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE_S)
        return pause

    def over(self, name: str) -> None:
        """A call was answered."""
        self._worked = True
        if self._since is not None:
            _LOGGER.warning("%s answers again after %.0f s", name, time.monotonic() - self._since)
            self._since = None


def api_error(error: grpc.RpcError) -> GoogleAPICallError:
    """The error of a bare call, as Google's clients would have raised it."""
    told: GoogleAPICallError = from_grpc_error(error)  # type: ignore[no-untyped-call]
    return told


def refused(name: str, error: Exception) -> UsageError:
    """What to tell a user of a call about something that will not get better.

    Args:
      name: Of the thing: `projects/P/topics/T`, `projects/P/subscriptions/S`, or `P.DATASET.TABLE`.
      error: What the call raised.
    """
    found = _PATH.match(name)
    project, kind = (found["project"], found["kind"]) if found else ("", None)
    dataset = "" if kind or name.count(".") < 2 else name.split(".")[-2]
    kind, of = kind or "table", f" --dataset {dataset}" if dataset else ""
    said = " ".join(str(getattr(error, "message", error)).split())[:300]
    if isinstance(error, NotFound):
        return UsageError(
            f"there is no {kind} {name}; check project, prefix and name, "
            f"or make it: `nextbeam provision --project {project}{of}`"
        )
    if isinstance(error, Forbidden | Unauthorized):
        return UsageError(
            f"{name}: we may not use this {kind} ({said}); give the identity that runs this the roles to"
        )
    if isinstance(error, Conflict):
        return UsageError(f"{name}: the {kind} is there, and differs ({said}); name another one")
    if isinstance(error, ServerError | RetryError | OSError):
        return UsageError(f"{name}: the service does not answer ({said}); start it, or try again later")
    return UsageError(f"{name}: the service refused what was asked of this {kind}: {said}")


def _kind(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {int(code)}" if code else type(error).__name__
