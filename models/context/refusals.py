"""Events that a context cannot take in, as dead letters."""

from collections.abc import Set

import msgspec

from models.context.profile import too_long
from models.context.sessions import SessionRules, Starts
from models.context.state import ContextState, Event
from models.times import Micros
from schemas import DeadLetter, Outcome, Reason

_STEP = "BuildSessionContext"

_to_json = msgspec.json.Encoder().encode


class Refusals:
    """What comes too late, or says too much, under one plan."""

    def __init__(self, rules: SessionRules, late: Micros, declared: Set[str]) -> None:
        """`declared`: the facts that a detail may name."""
        self._rules = rules
        self._late = late
        self._declared = declared

    def of(self, state: ContextState, event: Event, at: Micros) -> DeadLetter | None:
        """Why the event cannot be taken in, if it cannot."""
        if at < state.clock - self._late:
            return _dead(
                event,
                Reason.TOO_LATE,
                "$.occurred_at: older than the customer's newest event by more than session.late",
            )
        if isinstance(event, Outcome):
            return None
        if event.profile and (key := too_long(event.profile)) is not None:
            place = f"$.profile.{key}" if key in self._declared else "$.profile"
            return _dead(event, Reason.OUT_OF_RANGE, f"{place}: longer than a fact may be")
        name = self._rules.declared_id(event)
        if self._rules.longest is None or name is None:
            return None
        started = Starts(state.starts).of(name)
        if started is None or at <= started + self._rules.longest:
            return None
        return _dead(
            event, Reason.TOO_LATE, "$.session_id: its session started more than session.longest before"
        )


def _dead(event: Event, reason: Reason, detail: str) -> DeadLetter:
    return DeadLetter.of(
        _to_json(event),
        reason=reason,
        step=_STEP,
        detail=detail,
        occurred_at=event.occurred_at,
        customer_id=event.customer_id,
    )
