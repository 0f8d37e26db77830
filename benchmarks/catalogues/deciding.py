"""Deciding for the customers of a catalogue as a host does it: state from bytes, one event, state to bytes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import msgspec

from benchmarks.catalogues.customers import answers, events
from models.decide import Event
from models.folds import Fold, Output, advance
from schemas import Decision

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


@dataclass
class Decided:
    """What deciding for some customers took, and what came of it."""

    seconds: list[float] = field(default_factory=list)
    """CPU of the thread, by decision; state and record from and to bytes included."""
    remaining: list[int] = field(default_factory=list)
    """Actions that engagement policy let through, by decision."""
    records: list[int] = field(default_factory=list)
    """Bytes, by decision."""
    states: list[int] = field(default_factory=list)
    """Bytes at the end of the history, by customer."""
    offers: int = 0


def decide(fold: Fold[Any, Event], customers: range, days: int) -> Decided:
    """Everything that these customers do in so many days, and how they answer."""
    found, state = Decided(), 0
    for number in customers:
        for outputs, seconds, state, record in lived(fold, number, days):  # noqa: B007 - the last counts
            for decision in outputs:
                if isinstance(decision, Decision):
                    found.seconds.append(seconds)
                    found.remaining.append(len(decision.ranked))
                    found.records.append(record)
                    found.offers += len(decision.offers)
        found.states.append(state)
    return found


def lived(
    fold: Fold[Any, Event],
    number: int,
    days: int,
    watch: Callable[[Event], None] = lambda _: None,
) -> Iterator[tuple[list[Output], float, int, int]]:
    """The life of a customer, event by event: outputs, CPU seconds, bytes of state, bytes of a decision's record.

    Args:
      fold: Decides.
      number: Which customer.
      days: For how long.
      watch: Is told of each event before it is folded.
    """
    state = fold.encode(fold.initial())
    waiting: list[tuple[Any, bytes, Event]] = []
    for event in events(number, days):
        heappush(waiting, (fold.order(event), b"", event))
    while waiting:
        *_, event = heappop(waiting)
        watch(event)
        started = time.thread_time()
        after, outputs = advance(fold, fold.decode(state), event)
        state = fold.encode(after)
        decisions = [output for output in outputs if isinstance(output, Decision)]
        record = sum(len(_encode(decision)) for decision in decisions)
        seconds = time.thread_time() - started
        for answer in (answer for decision in decisions for answer in answers(decision)):
            heappush(waiting, (fold.order(answer), b"", answer))
        yield outputs, seconds, len(state), record
