"""tell: the only way anything here gets into a log. The lines are `models.observability.log_lines`'s."""

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from apache_beam.utils.secret import GcpSecret

from models.observability.log_lines import EVENTS, Quota, line, pseudonym, sampled
from models.observability.traces import trace_context
from schemas import DeadLetter, Decision, Reason

LOGGER = logging.getLogger("nextbeam")
ENVIRONMENT = "env:"
PER_MINUTE = 60
"""Lines of one event and reason, per process: Dataflow throttles those who log more, whatever it is."""

_quota = Quota(PER_MINUTE)
_LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}


def tell(event: str, **fields: Any) -> None:
    """Log an event, unless its kind has been told of too often in this minute.

    Args:
      event: Of `EVENTS`.
      fields: What it says; those that it does not have are dropped.
    """
    level = _LEVELS[EVENTS[event][0]]
    if not LOGGER.isEnabledFor(level):
        return
    held = _quota.ask(f"{event} {fields.get('reason', '')}", time.monotonic())
    if held is None:
        return
    about = {"time": datetime.now(UTC).isoformat(), "pipeline_version": pipeline_version()}
    LOGGER.log(level, "%s", line(event, {**about, **fields, **({"held_back": held} if held else {})}))


@cache
def pipeline_version() -> str:
    """The release that runs."""
    try:
        return version("nextbeam")
    except PackageNotFoundError:
        return "unreleased"


class _ToStderr(logging.Handler):
    """Writes to what is standard error by then.

    One that is gone is no reason to fail. The handlers of `logging` would print what happened, with all that an error
    at hand follows from, and whose words it repeats.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{record.getMessage()}\n")
            sys.stderr.flush()


def to_stderr() -> None:
    """Let this process say its lines as they are; workers of a cloud leave that to the handlers of Beam."""
    LOGGER.handlers[:] = [_ToStderr()]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


@dataclass(frozen=True)
class LogPolicy:
    """What is told of records. Small, and pickles: workers get the pepper themselves.

    Args:
      pepper: Where the key of pseudonyms is: `env:NAME`, or `projects/PROJECT/secrets/SECRET/versions/VERSION`. None:
        lines do not say whose record it was.
      decisions: Share of decisions that is told of, in [0, 1].
    """

    pepper: str | None = None
    decisions: float = 0.0

    def tell_of(self, record: Any) -> None:
        """Log a dead letter, or a decision of the share."""
        if isinstance(record, DeadLetter):
            self._tell_of_letter(record)
        elif isinstance(record, Decision) and self.decisions and sampled(record.decision_id, self.decisions):
            self._tell_of_decision(record)

    def _tell_of_letter(self, letter: DeadLetter) -> None:
        customer = self._customer(letter.customer_id)
        tell("dead_letter", reason=letter.reason, step=letter.step, customer=customer)
        if letter.reason is Reason.STATE_UNREADABLE:
            tell("state_unreadable", step=letter.step, customer=customer)

    def _tell_of_decision(self, decision: Decision) -> None:
        context = trace_context(decision.trace)
        tell(
            "decision",
            decision_id=decision.decision_id,
            reason=decision.no_action or "offered",
            plan_digest=decision.plan_digest,
            model_digest=decision.model_digest,
            customer=self._customer(decision.customer_id),
            **(context._asdict() if context else {}),
        )

    def _customer(self, customer_id: str | None) -> str | None:
        return None if customer_id is None else pseudonym(customer_id, pepper_at(self.pepper))


@cache
def pepper_at(source: str | None) -> bytes | None:
    """The key of pseudonyms, fetched once per process; without it there are none, and all else goes on."""
    if source is None:
        return None
    try:
        found = _secret(source)
        pseudonym("", found)
    except Exception as error:
        tell("pepper_missing", error=type(error).__name__)
        return None
    return found


def _secret(source: str) -> bytes:
    name = source.removeprefix(ENVIRONMENT)
    return os.environ[name].encode() if name != source else bytes(GcpSecret(source).get_secret_bytes())
