"""The values that features are computed from: how they are read, and what counts as a number."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.identity import fingerprint
from models.times import SECOND, Micros, moment
from schemas import Outcome, Signal

Event = Signal | Outcome
Read = Callable[[Event | None], Any]

LARGEST = 1e100
"""Numbers are clipped to plus and minus this, so that no sum of them overflows."""

_NUMBERS = (int, float)


def reader(path: str) -> Read:
    """Read `signal.X`, `signal.attributes.X`, `outcome.X` or `outcome.attributes.X`; None where it is missing."""
    root, _, rest = path.partition(".")
    owner = Signal if root == "signal" else Outcome
    if rest.startswith("attributes."):
        name = rest.removeprefix("attributes.")
        return lambda event: event.attributes.get(name) if isinstance(event, owner) else None
    return lambda event: getattr(event, rest) if isinstance(event, owner) else None


def number(value: Any) -> float | None:
    """A finite float of a number or a truth value; None of anything else."""
    if value.__class__ in _NUMBERS and -LARGEST <= value <= LARGEST:  # nearly always
        return float(value)
    if not isinstance(value, _NUMBERS):
        return None
    try:
        converted = float(value)
    except OverflowError:
        converted = LARGEST if value > 0 else -LARGEST
    if math.isnan(converted):
        return None
    return min(max(converted, -LARGEST), LARGEST)


def text(value: Any) -> str | None:
    """The text by which a value is compared with names in a plan: true, 12, 1.5, gold."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def mark(value: Any) -> bytes | None:
    """A fingerprint of the value, for counting different ones."""
    return None if value is None else fingerprint(text(value) or "")


def is_one(value: Any, name: str) -> float:
    """1.0 if the value is `name` or a list that has it."""
    if isinstance(value, tuple | list):
        return float(name in value)
    return float(text(value) == name)


def is_member(value: Any, members: Any, default: float) -> float:
    """1.0 if the value is in the customer's list; the default if one of both is not known."""
    if value is None or not isinstance(members, tuple | list):
        return default
    return float(text(value) in members)


def size(members: Any, default: float) -> float:
    """Length of a customer's list; the default if it is not known."""
    return float(len(members)) if isinstance(members, tuple | list) else default


def ratio(part: int, whole: int, default: float) -> float:
    """A share; the default of nothing."""
    return part / whole if whole else default


def decay(age: Micros, time_constant: Micros) -> float:
    """From 1 towards 0; 1 for an event that is later than the one that asks."""
    return math.exp(-max(age, 0) / time_constant)


def halve(age: Micros, half_life: Micros) -> float:
    """From 1 towards 0, one half at the half-life."""
    return float(0.5 ** (max(age, 0) / half_life))


def local_time(zone: str) -> Callable[[Micros], Micros]:
    """From event time to microseconds of the local calendar.

    Raises:
      ValueError: The time zone is not known.
    """
    if zone == "UTC":
        return lambda at: at
    try:
        info = ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone; write an IANA name, e.g. Europe/London") from error

    def local(at: Micros) -> Micros:
        offset = _in_calendar(at).astimezone(info).utcoffset()
        return at + (int(offset.total_seconds()) * SECOND if offset is not None else 0)

    return local


_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _in_calendar(at: Micros) -> datetime:
    return min(max(moment(at), _FIRST), _LAST)
