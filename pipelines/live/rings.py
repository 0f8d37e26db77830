"""The last minutes of a stream, in bounded memory. Times are seconds since the epoch, by the clock of the service."""

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_OPEN = 5
"""Seconds that late values still count in."""
_MOST_A_SECOND = 5_000


class Latest(Generic[Key, Value]):
    """A map that forgets what was put first.

    Args:
      most: Entries kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._of)

    def get(self, key: Key) -> Value | None:
        """What is there, or None."""
        return self._of.get(key)

    def add(self, key: Key, value: Value) -> None:
        """Put it there, if nothing is."""
        if key not in self._of:
            self._of[key] = value
            if len(self._of) > self._most:
                self._of.popitem(last=False)

    def touch(self, key: Key) -> None:
        """Keep what is there for longer."""
        if key in self._of:
            self._of.move_to_end(key)

    def pop(self, key: Key) -> Value | None:
        """Take it out."""
        return self._of.pop(key, None)


class PerSecond:
    """How many happened in each of the last seconds.

    Args:
      seconds: How many of them are kept.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._counts: dict[int, int] = {}
        self.total = 0

    def add(self, at: float) -> None:
        """One more."""
        second = int(at)
        self.total += 1
        self._counts[second] = self._counts.get(second, 0) + 1
        if len(self._counts) > 2 * self._seconds:
            for old in sorted(self._counts)[: self._seconds]:
                del self._counts[old]

    def series(self, now: float, seconds: int) -> list[int]:
        """Counts of the last whole seconds, the oldest first."""
        last = int(now)
        return [self._counts.get(second, 0) for second in range(last - seconds, last)]

    def rate(self, now: float, seconds: int = 10) -> float:
        """Mean per second over the last whole seconds."""
        return sum(self.series(now, seconds)) / seconds


class Ages:
    """How long something took, of the last minute, and its percentiles second by second.

    Args:
      seconds: How long percentiles are kept.
      most: Single values kept.
    """

    def __init__(self, seconds: int, most: int = 60_000) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque(maxlen=most)
        self._open: dict[int, list[float]] = {}
        self._changed: set[int] = set()
        self._before = 0
        self._done: dict[int, tuple[float, float]] = {}

    def add(self, at: float, age: float) -> None:
        """Something was done at `at` that had waited for `age` seconds; not always are we told in that order."""
        self._values.append((at, age))
        second = int(at)
        if second not in self._open:
            if second < self._before:
                return  # the curve has gone on
            self._open[second] = []
            if len(self._open) > _OPEN:
                self._settle()
                del self._open[self._oldest()]
                self._before = self._oldest()
        of = self._open.get(second, [])
        if len(of) < _MOST_A_SECOND:
            of.append(age)
            self._changed.add(second)

    def percentiles(self, now: float, window: float = 60.0) -> tuple[float, float] | None:
        """p50 and p99 of the last minute, in seconds; None: nothing was done."""
        while self._values and self._values[0][0] < now - window:
            self._values.popleft()
        return percentiles([age for _, age in self._values])

    def series(self, now: float, seconds: int) -> list[tuple[float, float] | None]:
        """p50 and p99 of the last whole seconds, the oldest first."""
        self._settle()
        last = int(now)
        return [self._done.get(second) for second in range(last - seconds, last)]

    def _oldest(self) -> int:
        return min(self._open)

    def _settle(self) -> None:
        for second in self._changed & self._open.keys():
            found = percentiles(self._open[second])
            if found is not None:
                self._done[second] = found
        self._changed.clear()
        if len(self._done) > 2 * self._seconds:
            for old in sorted(self._done)[: self._seconds]:
                del self._done[old]


def percentiles(values: Sequence[float]) -> tuple[float, float] | None:
    """The smallest values that half, and 99 %, do not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return tuple(ordered[-(-len(ordered) * part // 100) - 1] for part in (50, 99))  # type: ignore[return-value]
