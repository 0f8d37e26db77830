"""What a session remembers of its events so that features can be computed: small plain values, merged exactly.

A memory is a pair of pure functions over values that lie in the state cell as they are (lists, bytes, numbers):
`add(old, at, tie, value, settled)` and `merge(earlier, later)` for two parts of one session. Adding in any order
and merging in any grouping gives the same answers. Nothing is ever changed in place.
"""

import math
from bisect import insort
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from models.identity import FINGERPRINT_BYTES
from models.times import Micros

MAX_DISTINCT = 128
"""Most different values counted in one session; there the count stays."""

MAX_BALANCE = 512
"""Most changes of one balance that are kept apart; older ones are summed up first."""

_UNSETTLED = 16  # changes of a balance kept before settled ones are summed up

ADD, SUBTRACT, RESET = range(3)
"""What a change does to a balance."""

Add = Callable[[Any, Micros, str, Any, Micros], Any]
Merge = Callable[[Any, Any], Any]


class Memory(NamedTuple):
    """How one kind of memory takes in events and merges."""

    add: Add
    merge: Merge


def _add_tally(old: Sequence[int] | None, at: Micros, _tie: str, _value: Any, _settled: Micros) -> list[int]:
    if not old:
        return [1, at]
    return [old[0] + 1, at if at > old[1] else old[1]]


def _merge_tally(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [one[0] + other[0], max(one[1], other[1])]


def _add_total(
    old: Sequence[float] | None, _at: Micros, _tie: str, value: float, _settled: Micros
) -> list[float]:
    return [old[0] + 1, *exact_add(old[1:], value)] if old else [1, value]


def _merge_total(one: Sequence[float], other: Sequence[float]) -> list[float]:
    parts = list(one[1:])
    for part in other[1:]:
        parts = exact_add(parts, part)
    return [one[0] + other[0], *parts]


def exact_add(parts: Sequence[float], value: float) -> list[float]:
    """Floats whose exact sum is that of `parts` and `value` (Shewchuk): rounding never depends on order."""
    kept = []
    for part in parts:
        large, small = (value, part) if abs(value) >= abs(part) else (part, value)
        value = large + small
        rest = small - (value - large)
        if rest:
            kept.append(rest)
    return [*kept, value]


def _add_maximum(old: float | None, _at: Micros, _tie: str, value: float, _settled: Micros) -> float:
    return value if old is None or value > old else old


def _merge_maximum(one: float, other: float) -> float:
    return max(one, other)


def _add_latest(old: Sequence[Any] | None, at: Micros, tie: str, value: Any, _settled: Micros) -> list[Any]:
    new = [at, tie, value]
    return new if old is None else _merge_latest(old, new)


def _merge_latest(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    return list(one if (one[0], one[1]) > (other[0], other[1]) else other)


def _add_distinct(old: bytes | None, _at: Micros, _tie: str, value: bytes, _settled: Micros) -> bytes:
    if old is None:
        return value
    full = len(old) >= MAX_DISTINCT * FINGERPRINT_BYTES
    return old if full or holds(old, value) else old + value


def _merge_distinct(one: bytes, other: bytes) -> bytes:
    both = one
    for start in range(0, len(other), FINGERPRINT_BYTES):
        both = _add_distinct(both, 0, "", other[start : start + FINGERPRINT_BYTES], 0)
    return both


def holds(fingerprints: bytes, value: bytes) -> bool:
    """Whether one of the concatenated fingerprints is `value`."""
    place = fingerprints.find(value)
    while place % FINGERPRINT_BYTES and place > 0:  # found across two of them
        place = fingerprints.find(value, place + 1)
    return place >= 0


def _add_balance(
    old: Sequence[Any] | None, at: Micros, tie: str, value: Sequence[float], settled: Micros
) -> list[Any]:
    base, changes = old or (0.0, ())
    return _settle(base, _inserted(changes, [at, tie, *value]), settled)


def _merge_balance(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    changes = sorted([*one[1], *other[1]], key=_order)
    return [one[0] + other[0], changes]


def _settle(base: float, changes: list[Sequence[Any]], settled: Micros) -> list[Any]:
    """Sum up the oldest changes: those that no late event can precede, and those beyond the cap."""
    if len(changes) <= _UNSETTLED:
        return [base, changes]
    done = 0
    while done < len(changes) and (changes[done][0] < settled or len(changes) - done > MAX_BALANCE):
        done += 1
    return [session_balance([base, changes[:done]]), changes[done:]]


def _add_trail(
    size: int, old: Sequence[Any] | None, at: Micros, tie: str, labels: dict[int, Any], _settled: Micros
) -> list[Any]:
    return _inserted(old or (), [at, tie, labels])[-size:]


def _merge_trail(size: int, one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    return sorted([*one, *other], key=_order)[-size:]


def _inserted(entries: Sequence[Any], entry: list[Any]) -> list[Any]:
    new = list(entries)
    if not new or _order(new[-1]) <= _order(entry):  # in order of time, as nearly always
        new.append(entry)
    else:
        insort(new, entry, key=_order)
    return new


def _order(entry: Sequence[Any]) -> tuple[Micros, str]:
    return entry[0], entry[1]


TALLY = Memory(_add_tally, _merge_tally)
"""`[count, latest time]`."""
TOTAL = Memory(_add_total, _merge_total)
"""`[count, parts of the exact sum...]`."""
MAXIMUM = Memory(_add_maximum, _merge_maximum)
LATEST = Memory(_add_latest, _merge_latest)
"""`[time, tie, value]`."""
DISTINCT = Memory(_add_distinct, _merge_distinct)
"""Concatenated fingerprints."""
BALANCE = Memory(_add_balance, _merge_balance)
"""`[base, [[time, tie, change, amount]...]]`, by event time."""


def trail(size: int) -> Memory:
    """The latest `size` events: `[[time, tie, {label: value}]...]`, by event time."""
    return Memory(partial(_add_trail, size), partial(_merge_trail, size))


def session_count(tally: Sequence[int] | None) -> int:
    """Events counted."""
    return tally[0] if tally else 0


def session_latest_at(tally: Sequence[int] | None) -> Micros | None:
    """Time of the latest event counted."""
    return tally[1] if tally else None


def session_total(total: Sequence[float] | None) -> float:
    """The sum, correctly rounded."""
    return math.fsum(total[1:]) + 0.0 if total else 0.0


def session_mean(total: Sequence[float] | None) -> float | None:
    """The mean; None without values."""
    return math.fsum(total[1:]) / total[0] + 0.0 if total else None


def session_maximum(maximum: float | None) -> float | None:
    """The largest value; None without values."""
    return maximum


def session_distinct(fingerprints: bytes | None) -> int:
    """Different values."""
    return len(fingerprints) // FINGERPRINT_BYTES if fingerprints else 0


def session_last(latest: Sequence[Any] | None) -> Any:
    """The latest value; None without values."""
    return latest[2] if latest else None


def session_balance(balance: Sequence[Any] | None) -> float:
    """What is left after all changes in event-time order; taking away stops at 0."""
    if not balance:
        return 0.0
    left: float = balance[0]
    for _at, _tie, change, amount in balance[1]:
        if change == ADD:
            left += amount
        elif change == SUBTRACT:
            left = max(0.0, left - amount)
        else:
            left = 0.0
    return left


def trail_count(steps: Sequence[Any] | None, last: int, label: int) -> int:
    """Of the `last` events, those with the label."""
    return len([step for step in steps[-last:] if label in step[2]]) if steps else 0


def trail_latest_at(steps: Sequence[Any] | None, last: int, label: int) -> Micros | None:
    """Time of the latest event with the label, among the `last`."""
    return next((step[0] for step in reversed((steps or ())[-last:]) if label in step[2]), None)


def trail_total(steps: Sequence[Any] | None, last: int, label: int) -> float:
    """Sum over the `last` events."""
    return math.fsum(_labelled(steps, last, label)) + 0.0


def trail_mean(steps: Sequence[Any] | None, last: int, label: int) -> float | None:
    """Mean over the `last` events; None without values."""
    values = _labelled(steps, last, label)
    return math.fsum(values) / len(values) + 0.0 if values else None


def trail_maximum(steps: Sequence[Any] | None, last: int, label: int) -> float | None:
    """Largest value among the `last` events; None without values."""
    return max(_labelled(steps, last, label), default=None)


def trail_distinct(steps: Sequence[Any] | None, last: int, label: int) -> int:
    """Different values among the `last` events."""
    return len(set(_labelled(steps, last, label)))


def trail_last(steps: Sequence[Any] | None, last: int, label: int) -> Any:
    """Latest value among the `last` events; None without values."""
    return next(reversed(_labelled(steps, last, label)), None)


def _labelled(steps: Sequence[Any] | None, last: int, label: int) -> list[Any]:
    return [step[2][label] for step in (steps or ())[-last:] if label in step[2]]
