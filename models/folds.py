"""A fold: how state follows from events, one key at a time. What hosts it decides nothing."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import partial
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar

from models.times import NEVER, Micros

State = TypeVar("State")
Event = TypeVar("Event")


class Counted(StrEnum):
    """How one input was accounted for. Each input yields exactly one of these, or a later fold yields it."""

    DECIDED = "decided"
    OBSERVED = "observed"
    DUPLICATE = "duplicates"
    DEAD = "dead_letters"


class Noticed(StrEnum):
    """What is counted besides: an input that yields one of these yields its `Counted`, too."""

    ERASED = "customers_erased"


Output = Any
"""A contract (routed by its type), or a `Counted` or `Noticed` (added to its counter)."""


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
    """Expire what is due before `event`, then apply it. The only way events are ever applied.

    A fold whose key stands for several clocks has an `advance` of its own, which knows what an event makes due; so has
    one with a compiled form, which does the same in one call.
    """
    own = getattr(fold, "advance", None)
    if own is not None:
        advanced: tuple[State, list[Output]] = own(state, event)
        return advanced
    return step_by_step(fold, state, event)


def step_by_step(fold: Fold[State, Event], state: State, event: Event) -> tuple[State, list[Output]]:
    """What `advance` does for a fold that has none of its own."""
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
    own = getattr(fold, "advance", None) or partial(step_by_step, fold)
    for event in events:
        state, outputs = own(state, event)
        yield from outputs
    _, outputs = fold.expire(state, NEVER)
    yield from outputs


def fold_together(fold: Fold[State, Event], events: Iterable[tuple[str, Event]]) -> Iterator[Output]:
    """All outputs of many keys' events in the given order, and of what is due after the last.

    Each key has its own state, as ever; but what a key does can depend, through what the fold shares among keys, on
    what others did before. Therefore what is due is done in the order of its times, whosever it is; of equal times,
    by key.

    Args:
      fold: Folds each key.
      events: Key and event, in the order of event time.
    """
    keys = _Keys(fold)
    for key, event in events:
        yield from keys.expire(fold.order(event)[0])
        yield from keys.step(key, event)
    yield from keys.expire(NEVER)


class _Keys(Generic[State, Event]):
    """The states of all keys, and what is due next."""

    def __init__(self, fold: Fold[State, Event]) -> None:
        self._fold = fold
        self._initial = fold.initial()
        self._states: dict[str, State] = {}
        self._due: dict[str, Micros] = {}
        self._queue: list[tuple[Micros, str]] = []
        """What is due, soonest first; entries that `_due` no longer says are void."""

    def step(self, key: str, event: Event) -> list[Output]:
        known = key in self._states
        state, outputs = advance(self._fold, self._states[key] if known else self._fold.initial(), event)
        self._keep(key, state)
        return outputs

    def expire(self, now: Micros) -> Iterator[Output]:
        while self._queue and self._queue[0][0] <= now:
            due, key = heappop(self._queue)
            if self._due.get(key) == due:
                del self._due[key]
                state, outputs = self._fold.expire(self._states[key], due)
                self._keep(key, state)
                if state == self._initial:
                    del self._states[key]
                yield from outputs

    def _keep(self, key: str, state: State) -> None:
        self._states[key] = state
        due = self._fold.deadline(state)
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heappush(self._queue, (due, key))
