"""Rolling windows over the events of one customer: packed, bounded, exact at any arrival order.

A series is `[times, payload]`: event times as little-endian int64 in ascending order, and beside each either
nothing, a float64, or an 8-byte fingerprint. It is the value that lies in the state cell: adding is one copy of
bytes, and a series that an event does not touch is never unpacked. `Latest` keeps whole values instead, but only
those that a question within the lateness horizon could still ask for.

Windows are (low, high] in event time. `settled` is the time before which no event can come any more.
"""

import math
import struct
import sys
from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import Any, NamedTuple

from models.times import Micros

MAX_SERIES = 1024
"""Most events that one series remembers (8 or 16 KiB); the oldest are dropped first."""

MAX_LATEST = 256
"""Most values that one `Latest` remembers within the lateness horizon; the oldest are dropped first."""

if sys.byteorder != "little":
    raise ImportError("series are packed for little-endian machines; this one is big-endian")

_time = struct.Struct("<q")
_number = struct.Struct("<d")

Packed = Sequence[bytes]
"""`[times, payload]`."""

Entry = Sequence[Any]
"""`[time, tie, value]`; ties at one microsecond are ordered by `tie`."""


class Series(NamedTuple):
    """A packed series that answers windows up to `reach` before the event that asks.

    `keep_one` also keeps the newest event before that, for questions about the latest one.
    """

    reach: Micros
    keep_one: bool = False

    def add(
        self, old: Packed | None, at: Micros, _tie: str, value: float | bytes | None, settled: Micros
    ) -> list[bytes]:
        """The series with one more event, without what no window can reach any more."""
        times, payload = old or (b"", b"")
        word = _word(value)
        if not times or at >= _time.unpack_from(times, len(times) - 8)[0]:
            times, payload = times + _time.pack(at), payload + word
        else:
            place = 8 * bisect_right(memoryview(times).cast("q"), at)
            times = times[:place] + _time.pack(at) + times[place:]
            payload = payload[:place] + word + payload[place:] if word else payload
        return self._cut(times, payload, settled - self.reach)

    def _cut(self, times: bytes, payload: bytes, limit: Micros) -> list[bytes]:
        excess = len(times) // 8 - MAX_SERIES
        if excess <= 0 and _time.unpack_from(times)[0] > limit:
            return [times, payload]
        old = bisect_right(memoryview(times).cast("q"), limit)
        cut = 8 * max(excess, old - 1 if self.keep_one and old else old)
        return [times[cut:], payload[cut:]]

    @staticmethod
    def newest(packed: Packed) -> Micros | None:
        """Time of the newest event."""
        times = packed[0]
        return _time.unpack_from(times, len(times) - 8)[0] if times else None


class Latest(NamedTuple):
    """The latest values, for questions up to `reach` (a delay) before the event that asks."""

    reach: Micros
    keep_one: bool = True

    def add(
        self, old: Sequence[Entry] | None, at: Micros, tie: str, value: Any, settled: Micros
    ) -> list[Entry]:
        """The values with one more, without those that a later one hides from every question to come."""
        entries = list(old or ())
        insort(entries, [at, tie, value], key=_order)
        limit = settled - self.reach
        hidden = bisect_right(entries, limit, key=_at) - 1
        return entries[max(hidden, len(entries) - MAX_LATEST, 0) :]

    @staticmethod
    def newest(entries: Sequence[Entry]) -> Micros | None:
        """Time of the newest value."""
        return entries[-1][0] if entries else None


def window_count(packed: Packed | None, low: Micros, high: Micros) -> int:
    """Events in (low, high]."""
    if packed is None:
        return 0
    first, end = _bounds(packed, low, high)
    return end - first


def window_total(packed: Packed | None, low: Micros, high: Micros) -> float:
    """Sum of the values in (low, high], correctly rounded: no order of arrival changes a bit of it."""
    return math.fsum(_numbers(packed, low, high)) + 0.0


def window_mean(packed: Packed | None, low: Micros, high: Micros) -> float | None:
    """Mean of the values in (low, high]; None without any."""
    values = _numbers(packed, low, high)
    return math.fsum(values) / len(values) + 0.0 if len(values) else None


def window_maximum(packed: Packed | None, low: Micros, high: Micros) -> float | None:
    """Largest value in (low, high]; None without any."""
    return max(_numbers(packed, low, high), default=None)


def window_distinct(packed: Packed | None, low: Micros, high: Micros) -> int:
    """Different fingerprints in (low, high]."""
    if packed is None:
        return 0
    first, end = _bounds(packed, low, high)
    return len(set(memoryview(packed[1]).cast("q")[first:end]))


def window_latest_at(packed: Packed | None, low: Micros, high: Micros) -> Micros | None:
    """Time of the latest event in (low, high]."""
    if packed is None:
        return None
    times = memoryview(packed[0]).cast("q")
    last = bisect_right(times, high)
    return times[last - 1] if last and times[last - 1] > low else None


def window_last(entries: Sequence[Entry] | None, low: Micros, high: Micros) -> Any:
    """Value of the latest entry in (low, high]; None without any."""
    if not entries:
        return None
    last = bisect_right(entries, high, key=_at)
    return entries[last - 1][2] if last and entries[last - 1][0] > low else None


def _bounds(packed: Packed, low: Micros, high: Micros) -> tuple[int, int]:
    times = memoryview(packed[0]).cast("q")
    end = bisect_right(times, high)
    return bisect_right(times, low, 0, end), end


def _numbers(packed: Packed | None, low: Micros, high: Micros) -> Sequence[float]:
    if packed is None:
        return ()
    first, end = _bounds(packed, low, high)
    return memoryview(packed[1]).cast("d")[first:end]


def _word(value: float | bytes | None) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else _number.pack(value)


def _at(entry: Entry) -> Micros:
    at: Micros = entry[0]
    return at


def _order(entry: Entry) -> tuple[Micros, str]:
    return entry[0], entry[1]
