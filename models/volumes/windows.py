"""Windows: how many contacts are in the window that a new one would be in, whatever the order they came in."""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from models.plan.spec import VolumeSpec
from models.times import HOUR, Micros, duration, micros, moment

EXACT = 4096
"""Up to so many contacts a rolling window is kept to the microsecond; larger ones in so many steps."""

MOST = 65_536
"""Most steps (rolling) or windows (calendar) that are remembered."""


class Span(NamedTuple):
    """Over what capacity is to last: from `begins` until `ends`, exclusive."""

    begins: Micros
    ends: Micros


class Window(Protocol):
    """Contacts counted for one constraint. What is too old to be known counts as full: it fails closed."""

    def fullest(self, at: Micros) -> int | None:
        """Contacts in the fullest window that contains `at`; None: no longer known."""

    def add(self, at: Micros) -> None:
        """A contact was made."""

    def remove(self, at: Micros) -> None:
        """A contact came to nothing."""

    def spent(self, at: Micros, ahead: Micros) -> int:
        """Contacts made that still count `ahead` later, in the window that contains both."""

    def horizons(self, at: Micros) -> tuple[Micros, ...]:
        """How far ahead capacity is planned, shortest first."""

    def span(self, at: Micros) -> Span:
        """The period whose demand the next such period is expected to repeat."""

    def unknown_before(self, at: Micros) -> None:
        """Nobody knows what was made before `at`."""


def window_of(constraint: VolumeSpec, zone: str) -> Window:
    """The window of a constraint of a checked plan."""
    if constraint.per is not None:
        at_most = constraint.at_most if constraint.at_most is not None else constraint.at_least or 0
        return Rolling(duration(constraint.per), exact=at_most <= EXACT)
    return Calendar(constraint.calendar or "day", ZoneInfo(zone))


class Rolling:
    """Half-open windows [s, s + length), any s.

    A large window is kept in steps of 1/4096 of its length: then two contacts up to one step further apart than the
    length still share a window. That errs on the safe side.
    """

    def __init__(self, length: Micros, *, exact: bool) -> None:
        self.length = length
        self._step = 1 if exact else max(1, -(-length // EXACT))
        self._reach = length - 1 if self._step == 1 else -(-length // self._step)
        """Steps between the first and the last that one window can touch."""
        self._steps: list[int] = []
        self._until: list[int] = []
        """Aligned with `_steps`: contacts up to and including the step, since the beginning."""
        self._forgotten = 0
        """Contacts before the first step that is remembered."""
        self._floor: int | None = None
        """Steps before it are unknown."""

    def fullest(self, at: Micros) -> int | None:
        """Contacts in the fullest window that contains `at`; None: no longer known."""
        step = at // self._step
        if self._floor is not None and step - self._reach < self._floor:
            return None
        most = self._between(step - self._reach, step)
        # The fullest windows end with a contact, or at `at` itself: beyond, moving one only loses.
        steps = self._steps
        if steps and steps[-1] > step:
            first, end = bisect_right(steps, step), bisect_right(steps, step + self._reach)
            for last in steps[first:end]:
                most = max(most, self._between(last - self._reach, last))
        return most

    def add(self, at: Micros) -> None:
        """A contact was made."""
        self._change(at // self._step, 1)
        if len(self._steps) > MOST:
            self._drop(len(self._steps) - MOST // 2)

    def remove(self, at: Micros) -> None:
        """A contact came to nothing."""
        step = at // self._step
        if self._between(step, step) > 0:
            self._change(step, -1)

    def spent(self, at: Micros, ahead: Micros) -> int:
        """Contacts made that still count `ahead` later, in the window that contains both."""
        step = at // self._step
        return self._between(step + -(-ahead // self._step) - self._reach, step)

    def horizons(self, at: Micros) -> tuple[Micros, ...]:  # noqa: ARG002  (as Window has it)
        """An eighth of the window, and up to the whole: nothing may run dry in between."""
        return (self.length // 8, self.length // 4, self.length // 2, self.length)

    def span(self, at: Micros) -> Span:
        """Windows laid end to end from the epoch: days are UTC days, weeks begin on Thursday."""
        begins = at // self.length * self.length
        return Span(begins, begins + self.length)

    def unknown_before(self, at: Micros) -> None:
        """Nobody knows what was made before `at`: full until it would no longer count."""
        self._floor = at // self._step

    def _drop(self, count: int) -> None:
        self._floor = self._steps[count - 1] + 1
        self._forgotten = self._until[count - 1]
        del self._steps[:count], self._until[:count]

    def _between(self, first: int, last: int) -> int:
        """Contacts in the steps from `first` to `last`, both included."""
        before, end = bisect_left(self._steps, first), bisect_right(self._steps, last)
        if before >= end:
            return 0
        return self._until[end - 1] - (self._until[before - 1] if before else self._forgotten)

    def _change(self, step: int, by: int) -> None:
        if self._floor is not None and step < self._floor:
            return
        position = bisect_left(self._steps, step)
        if position == len(self._steps) or self._steps[position] != step:
            self._steps.insert(position, step)
            self._until.insert(position, self._until[position - 1] if position else self._forgotten)
        for index in range(position, len(self._until)):
            self._until[index] += by


class Calendar:
    """Windows that start anew with each hour, day, week (on Monday) or month of a time zone.

    A day is as long as the clocks make it; its hours are counted from its beginning, so that a day of 25 hours has 25.
    """

    def __init__(self, every: str, zone: ZoneInfo) -> None:
        self._every = every
        self._zone = zone
        self._counts: dict[Micros, int] = {}
        self._floor: Micros | None = None
        self._latest = Span(0, 0)

    def fullest(self, at: Micros) -> int | None:
        """Contacts in the window that contains `at`; None: no longer known."""
        begins = self.span(at).begins
        if self._floor is not None and begins < self._floor:
            return None
        return self._counts.get(begins, 0)

    def add(self, at: Micros) -> None:
        """A contact was made."""
        begins = self.span(at).begins
        if self._floor is None or begins >= self._floor:
            self._counts[begins] = self._counts.get(begins, 0) + 1
            if len(self._counts) > MOST:
                self._drop(sorted(self._counts)[MOST // 2])

    def remove(self, at: Micros) -> None:
        """A contact came to nothing."""
        begins = self.span(at).begins
        if self._counts.get(begins, 0) > 0:
            self._counts[begins] -= 1

    def spent(self, at: Micros, ahead: Micros) -> int:  # noqa: ARG002  (as Window has it)
        """Contacts in the window that contains `at`; `ahead` never leads out of it."""
        return self._counts.get(self.span(at).begins, 0)

    def horizons(self, at: Micros) -> tuple[Micros, ...]:
        """What remains of the window."""
        return (self.span(at).ends - at,)

    def span(self, at: Micros) -> Span:
        """The window that contains `at`."""
        if not self._latest.begins <= at < self._latest.ends:
            self._latest = self._span(at)
        return self._latest

    def unknown_before(self, at: Micros) -> None:
        """Nobody knows what was made before `at`: full until the next window begins."""
        self._drop(self.span(at).ends)

    def _drop(self, floor: Micros) -> None:
        self._floor = floor
        self._counts = {begins: count for begins, count in self._counts.items() if begins >= floor}

    def _span(self, at: Micros) -> Span:
        date = (
            moment(at).astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        )
        # A clock that is put back across midnight shows the old date once more: what counts is when a date first began.
        while self._first(self._following(date)) <= at:
            date = self._following(date)
        date = self._start(date)
        begins, ends = self._first(date), self._first(self._following(date))
        if self._every != "hour":
            return Span(begins, ends)
        hour = begins + (at - begins) // HOUR * HOUR
        return Span(hour, min(hour + HOUR, ends))

    def _first(self, date: datetime) -> Micros:
        """The first moment of a local date."""
        return micros(date.replace(tzinfo=self._zone).astimezone(UTC))

    def _start(self, date: datetime) -> datetime:
        """The date on which the window of a date begins."""
        if self._every == "week":
            return date - timedelta(days=date.weekday())
        return date.replace(day=1) if self._every == "month" else date

    def _following(self, date: datetime) -> datetime:
        """The date on which the window after that of a date begins."""
        date = self._start(date)
        if self._every == "month":
            return (date + timedelta(days=32)).replace(day=1)
        return date + timedelta(days=7 if self._every == "week" else 1)
