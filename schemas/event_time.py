"""When what a record tells of happened: each contract has a name of its own for it."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.feedback import Feedback
from schemas.session import SessionContext

_FIELD: dict[type, Callable[[Any], Any]] = {
    Decision: attrgetter("decided_at"),
    Feedback: attrgetter("occurred_at"),
    SessionContext: attrgetter("ended_at"),
    DeadLetter: attrgetter("occurred_at"),
}


def event_time(record: Any) -> datetime | None:
    """The event time of a decision, a feedback, a session or a dead letter; None where a dead letter has none."""
    at: datetime | None = _FIELD[type(record)](record)
    return at
