"""Conversions of single values. Each takes a present value and a label; none ever tells the value in an error."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from schemas.dead_letter import Reason

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_BOOLEANS = {
    "true": True,
    "t": True,
    "yes": True,
    "1": True,
    "false": False,
    "f": False,
    "no": False,
    "0": False,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MappingError(ValueError):
    """A row that the mapping cannot reshape. Its text names record, field and rule, never a value.

    Attributes:
      reason: The stable code of what was wrong.
    """

    def __init__(self, detail: str, reason: Reason = Reason.MAPPING_FAILED) -> None:
        super().__init__(detail)
        self.reason = reason


class SkippedError(MappingError):
    """A row that the mapping leaves out on purpose. Where nothing counts those, it is a rejection."""


def missing(label: str) -> NoReturn:
    """Reject a row without a value it needs."""
    raise MappingError(f"{label} is missing", Reason.MISSING_FIELD)


def skip(label: str) -> NoReturn:
    """Leave a row out."""
    raise SkippedError(label)


def reject(label: str) -> NoReturn:
    """Reject a row because the mapping says so."""
    raise MappingError(label)


def member(value: Any, key: str | int) -> Any:
    """The value one step into a nested one; None where there is no such way."""
    if isinstance(value, dict):
        return value.get(key if isinstance(key, str) else str(key))
    if isinstance(value, list | tuple) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return None


def parsed(value: Any, label: str) -> Any:
    """The content of a column that holds JSON as text."""
    try:
        return msgspec.json.decode(value)
    except (TypeError, ValueError, RecursionError):
        raise MappingError(f"{label} is not JSON text", Reason.MALFORMED_JSON) from None


def part(value: Any, spec: str, label: str) -> str:
    """A column's text inside a template."""
    if isinstance(value, str) and not spec:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return format(value, spec)
    raise MappingError(f"{label} has no plain text or whole number for the template", Reason.WRONG_TYPE)


def matched(value: Any, pattern: re.Pattern[str], label: str) -> str | None:
    """The first group of a pattern found in a text."""
    if not isinstance(value, str):
        raise MappingError(f"{label} is not text", Reason.WRONG_TYPE)
    found = pattern.search(value)
    return found[1] if found else None


def look_up(value: Any, table: Mapping[str, Any], label: str) -> Any:
    """The table's entry for a text or whole number."""
    try:
        return table[_key(value)]  # type: ignore[index]
    except KeyError:
        raise MappingError(f"{label} is not in the lookup table", Reason.UNKNOWN_VALUE) from None


def look_up_or(value: Any, table: Mapping[str, Any], otherwise: Any) -> Any:
    """The table's entry for a text or whole number, or `otherwise`."""
    return table.get(_key(value), otherwise)  # type: ignore[arg-type]


def _key(value: Any) -> str | None:
    if value.__class__ is int:
        return str(value)
    return value if isinstance(value, str) else None


def to_string(value: Any, label: str) -> str:
    """Text; numbers as written in JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal) and math.isfinite(value):
        return str(value)
    raise MappingError(f"{label} is not text", Reason.WRONG_TYPE)


def to_integer(value: Any, label: str) -> int:
    """A whole number, also from text or a float without a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise MappingError(f"{label} is not a whole number", Reason.BAD_NUMBER)


def to_number(value: Any, label: str) -> int | float:
    """A finite number, also from text."""
    if isinstance(value, Decimal) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise MappingError(f"{label} is not a finite number", Reason.BAD_NUMBER)


def to_boolean(value: Any, label: str) -> bool:
    """True or false; also 1 and 0, and true, yes, t, false, no, f in text."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    raise MappingError(f"{label} is neither true nor false", Reason.WRONG_TYPE)


def to_strings(value: Any, separator: str | None, label: str) -> tuple[str, ...]:
    """A list of texts; text is split at the separator."""
    if isinstance(value, str) and separator is not None:
        return tuple(item.strip() for item in value.split(separator) if item.strip())
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise MappingError(f"{label} is not a list of texts", Reason.WRONG_TYPE)


def to_time(value: Any, layout: str | None, zone: tzinfo | None, label: str) -> datetime:
    """An aware time from ISO 8601, from `layout`, or from a time column."""
    time = value if isinstance(value, datetime) else _read_time(value, layout, label)
    if time.tzinfo is not None:
        return time
    if zone is None:
        raise MappingError(f"{label} has no offset and the mapping no time_zone", Reason.BAD_TIME)
    return time.replace(tzinfo=zone)


def _read_time(value: Any, layout: str | None, label: str) -> datetime:
    if isinstance(value, date):  # a column of days: their midnights
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    try:
        return datetime.fromisoformat(value) if layout is None else datetime.strptime(value, layout)  # noqa: DTZ007
    except (TypeError, ValueError):
        raise MappingError(f"{label} is not a time", Reason.BAD_TIME) from None


def later(one: Any, other: Any, by: timedelta, zone: tzinfo | None, label: str) -> bool:
    """Whether a time is later than another by more than `by`; no if either is missing."""
    if one is None or other is None:
        return False
    return to_time(one, None, zone, label) - to_time(other, None, zone, label) > by


def to_epoch(value: Any, per_second: int, label: str) -> datetime:
    """UTC time from a count of seconds (per_second 1) or milliseconds (1000) since 1970."""
    try:
        count = to_number(value, label)
        return _EPOCH + timedelta(microseconds=round(count * (1_000_000 // per_second)))
    except (MappingError, OverflowError):
        raise MappingError(f"{label} is not a time", Reason.BAD_TIME) from None
