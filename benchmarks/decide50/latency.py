"""One decision from the event to the bytes of its record, and what is remembered of a customer. No runner.

    python -m benchmarks.decide50.latency DATA

Thread CPU of one `advance` that yields a decision, and of encoding that decision; the event is decoded already, the
state is at hand. The garbage collector is on, as in a worker. States are weighed as they are after the last event,
encoded as a state cell holds them, of customers of whom more is known than their profile.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.decide50.folds import decoder, lines, load
from models.audit.seals import canonical
from models.collector import settle
from models.decide import Event
from models.folds import advance
from models.plan.compiled import Plan
from schemas import Decision, Outcome, Signal

_WARM = 200
"""Decisions not counted: the first of a process fill the plan's memos."""


class Shares(msgspec.Struct, frozen=True):
    """Of some values: how many, their mean, and what half, 99 % and 99.9 % of them do not exceed."""

    count: int
    mean: float
    p50: float
    p99: float
    p999: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Shares":
        """Zeros of nothing."""
        known = sorted(values) or [0.0]
        p50, p99, p999 = (known[min(len(known) - 1, int(len(known) * share))] for share in (0.5, 0.99, 0.999))
        return cls(len(values), sum(known) / len(known), p50, p99, p999)


class Latency(msgspec.Struct, frozen=True):
    """Microseconds of thread CPU a decision, and of any other event of behaviour; bytes of state a customer."""

    decision_us: Shares
    other_us: Shares
    state_bytes: Shares


def events(plan: Plan, data: Path) -> Iterator[Event]:
    """The workload decoded, in its order."""
    decode = decoder(plan).decode
    for line in lines(data):
        event = decode(line)
        if isinstance(event, Signal | Outcome):
            yield event


def measure(plan: Plan, data: Path) -> Latency:
    """Fold everything once, a stopwatch around each event."""
    fold = plan.decide_fold()
    clock = time.thread_time_ns
    states: dict[str, Any] = {}
    decided, other = [], []
    for event in list(events(plan, data)):
        state = states.get(event.customer_id)
        state = fold.initial() if state is None else state
        began = clock()
        states[event.customer_id], outputs = advance(fold, state, event)
        made = [canonical(output) for output in outputs if output.__class__ is Decision]
        spent = (clock() - began) / 1e3
        if made:
            decided.append(spent)
        elif not (isinstance(event, Signal) and event.type == "profile"):
            other.append(spent)
    weights = [len(fold.encode(state)) for state in states.values() if _behaved(state)]
    return Latency(Shares.of(decided[_WARM:]), Shares.of(other[_WARM:]), Shares.of(weights))


def _behaved(state: Any) -> bool:
    """Whether a session was ever opened."""
    return bool(state.context.opened)


if __name__ == "__main__":
    ours = load(Path(sys.argv[1]))
    settle()
    sys.stdout.buffer.write(msgspec.json.encode(measure(ours, Path(sys.argv[1]))))
