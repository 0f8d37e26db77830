"""Records of the small bank, as different deliveries of the same events leave them; and changes made to them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import msgspec
from bank_arrivals import PLAN

from models.audit.findings import Finding
from models.audit.journal import Recorded
from models.audit.ledgers import Replayer, Tally
from models.audit.seals import Record, sealed
from models.folds import Output, advance
from models.ledger.household import key_of
from models.plan.compiled import Plan
from models.times import NEVER
from schemas import Decision, Feedback, Outcome, Signal


def recorded(
    events: Iterable[Signal | Outcome],
    *,
    plan: Plan | None = None,
    restarts: bool = False,
    timers: int | None = None,
) -> list[Record]:
    """The sealed decisions and feedback of events in this order of arrival.

    Args:
      events: As they arrive.
      plan: That decides; the small bank's by default.
      restarts: Whether the worker restarts after each event, so that every state is encoded and decoded.
      timers: Seed of the moments at which timers fire: up to the latest event time seen; None: none fire.
    """
    fold = (plan or PLAN.load().plan).decide_fold()
    chance, states, outputs, newest = random.Random(timers), {}, [], 0
    for event in events:
        key = key_of(fold, event)
        states[key], said = advance(fold, states.get(key, fold.initial()), event)
        outputs += said
        newest = max(newest, fold.order(event)[0])
        if timers is not None and chance.random() < 0.3:
            outputs += _fire(fold, states, newest - chance.choice((0, 10**6, 3 * 3600 * 10**6)))
        if restarts:
            states = {name: fold.decode(fold.encode(state)) for name, state in states.items()}
    outputs += _fire(fold, states, NEVER)
    return [sealed(output) for output in outputs if isinstance(output, Decision | Feedback)]


def _fire(fold: Any, states: dict[str, Any], now: int) -> Iterator[Output]:
    for name, state in states.items():
        states[name], said = fold.expire(state, now)
        yield from said


def findings(
    records: Sequence[Record], *, plan: Plan | None = None, tally: Tally | None = None
) -> list[Finding]:
    """What a replay of all their ledgers finds."""
    replayer = Replayer.of(plan or PLAN.load().plan)
    homes = _homes(records) if replayer.household else {}
    ledgers: dict[tuple[str, datetime | None], list[Recorded]] = {}
    for record in records:
        owner = homes.get(record.customer_id, record.customer_id)
        ledgers.setdefault((owner, record.ledger_since), []).append(Recorded(record, "file"))
    tally = tally or Tally()
    return [found for ledger in ledgers.values() for found in replayer.replay(ledger, tally)]


def _homes(records: Sequence[Record]) -> dict[str, str]:
    decisions = [record for record in records if isinstance(record, Decision)]
    return {each.customer_id: each.household_id for each in decisions if each.household_id}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values inside a record that are no structs, lists or maps."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from leaves(getattr(value, name), (*path, name))
    elif isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from leaves(each, (*path, index))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    else:
        yield path


def changed(value: Any, path: Sequence[str | int]) -> Any:
    """The record with the value at `path` changed to another of its kind; the seal stays."""
    if not path:
        return _other(value)
    first, rest = path[0], path[1:]
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{str(first): changed(getattr(value, str(first)), rest)})
    if isinstance(value, dict):
        return {**value, first: changed(value[first], rest)}
    return (*value[:first], changed(value[first], rest), *value[first + 1 :])


def _other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, Enum):
        return next(other for other in type(value) if other != value)
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, float):
        return value + 0.5 if value else -0.0
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return chr(ord(value[0]) ^ 1) + value[1:] if value else "x"


def named(path: Sequence[str | int]) -> str:
    """A path as findings write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
