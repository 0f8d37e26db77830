"""A fold: how state follows from events, one key at a time. What hosts it decides nothing."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from models.times import NEVER, Micros

State = TypeVar("State")
Event = TypeVar("Event")


class Counted(StrEnum):
    """How one input was accounted for. Each input yields exactly one of these, or a later fold yields it."""

    DECIDED = "decided"
    OBSERVED = "observed"
    DUPLICATE = "duplicates"
    DEAD = "dead_letters"


Output = Any
"""A contract (routed by its type) or a `Counted` (added to its counter)."""


class Fold(Protocol[State, Event]):
    """A deterministic state machine over the events of one key.

    States are immutable, or fresh on every call: a host may keep, cache or drop what it was given. Outputs that
    `expire` yields depend on what was due, never on `now`, so that it does not matter when a host calls it.
    """

    def initial(self) -> State:
        """The state of a key that was never seen."""

    def step(self, state: State, event: Event) -> tuple[State, list[Output]]:
        """Apply one event."""

    def deadline(self, state: State) -> Micros | None:
        """When something is due next, in event time; None if nothing is."""

    def expire(self, state: State, now: Micros) -> tuple[State, list[Output]]:
        """Do everything that is due at or before `now`."""

    def order(self, event: Event) -> tuple[Micros, int, str]:
        """Sort key of an event: event time, kind, id. Total and deterministic."""

    def encode(self, state: State) -> bytes:
        """The state as versioned bytes."""

    def decode(self, data: bytes) -> State:
        """The state again.

        Raises:
          ValueError: The bytes are of no version this fold can read.
        """

    def encode_event(self, event: Event) -> bytes:
        """The event as bytes, for the shuffle."""

    def decode_event(self, data: bytes) -> Event:
        """The event again."""


def advance(fold: Fold[State, Event], state: State, event: Event) -> tuple[State, list[Output]]:
    """Expire what is due before `event`, then apply it. The only way events are ever applied."""
    due = fold.deadline(state)
    at = fold.order(event)[0]
    if due is None or due > at:
        return fold.step(state, event)
    state, expired = fold.expire(state, at)
    state, outputs = fold.step(state, event)
    return state, expired + outputs


def fold_events(fold: Fold[State, Event], events: Iterable[Event]) -> Iterator[Output]:
    """All outputs of one key's events in the given order, and of what is due after the last."""
    state = fold.initial()
    for event in events:
        state, outputs = advance(fold, state, event)
        yield from outputs
    _, outputs = fold.expire(state, NEVER)
    yield from outputs
