"""Event time as integers: microseconds since 1970-01-01 UTC, exact and cheap to compare."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from models.kernel import find

Micros = int

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

NEVER: Micros = 2**62
"""Later than any event: what `now` is when the input has ended."""

CONTEXT_KERNEL = 5
"""The version of the compiled context that this and all its other callers speak."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(microseconds=1)
_UNITS = {"ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
DURATION = r"(\d{1,6}(?=ms|s|m|h)|\d{1,5}(?=d)|\d{1,4}(?=w))(ms|s|m|h|d|w)"
"""How plans and mappings write a duration: at most 274 years, so that no sum of a moment and some of them is
a time that no state may hold (`models.stored`), or that no date can tell."""

_DURATION = re.compile(DURATION)


def micros_of(moment: datetime) -> Micros:
    """`micros` in Python."""
    return (moment - _EPOCH) // _STEP


def moment_of(at: Micros) -> datetime:
    """`moment` in Python."""
    return _EPOCH + timedelta(microseconds=at)


_kernel = find("context", CONTEXT_KERNEL)

micros: Callable[[datetime], Micros] = _kernel.micros if _kernel else micros_of
"""Microseconds since the epoch of an aware datetime, without float rounding."""

moment: Callable[[Micros], datetime] = _kernel.moment if _kernel else moment_of
"""The aware UTC datetime of `at`."""


def duration(text: str) -> Micros:
    """Microseconds of a duration as plans write it: `30m`, `7d`, `500ms`.

    Raises:
      ValueError: The text is not a number and one of ms, s, m, h, d, w, or longer than 99999d.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration; write a whole number and ms, s, m, h, d or w, e.g. 30m; 99999d at most"
        )
    return int(match[1]) * _UNITS[match[2]]
