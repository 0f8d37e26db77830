"""Demand: how many contacts would be wanted at which price, from now on, judged by what was wanted so far.

What a contact is worth is counted in buckets 5 percent apart, over phases of the constraint's window. The next window
is expected to repeat the last ones, phase by phase, as much stronger or weaker as this one has been so far. Until a
phase was seen, it is expected to be like the mean of those that were.
"""

import math

import numpy as np
from numpy.typing import NDArray

from models.times import Micros
from models.volumes.windows import Span

Floats = NDArray[np.float64]

PHASES = 48
RATIO = 1.05
SMALLEST = 1e-6
"""Worth less than that is worth nothing."""
LARGEST = 1e6
"""What is worth more is worth that, plan currency."""
SIDE = math.ceil(math.log(LARGEST / SMALLEST) / math.log(RATIO))
"""Buckets on each side of zero."""
SIZE = 2 * SIDE + 1
NEWEST = 0.5
"""Weight of the latest window in what is expected of the next."""
RECENT = 0.8
"""What a phase says of those not seen yet, as a share of what the one after it says."""
UNKNOWN = 2.0
"""Phases not seen yet are believed to be so much busier: capacity given away at night cannot be had back at noon."""
GAP = 8
"""So many windows without any event, and all that was known is out of date."""

BOUNDS: tuple[float, ...] = (
    *(-SMALLEST * RATIO**power for power in range(SIDE, 0, -1)),
    0.0,
    *(SMALLEST * RATIO**power for power in range(SIDE)),
)
"""Least worth in each bucket: the price at which everything in it, and above, is still wanted."""

_PER_LOG = 1.0 / math.log(RATIO)


def bucket(worth: float) -> int:
    """The bucket of a worth; what is beyond the outermost bucket is in that."""
    if abs(worth) < SMALLEST:
        return SIDE
    power = min(SIDE, 1 + int(math.log(min(abs(worth), LARGEST) / SMALLEST) * _PER_LOG))
    return SIDE + power if worth > 0 else SIDE - power


class Demand:
    """What was wanted of one constraint, by worth and phase of its window."""

    def __init__(self, prior: float, prior_share: float) -> None:
        """Before anything is known.

        Args:
          prior: How many contacts, worth next to nothing, are believed to have been wanted already.
          prior_share: In which share of the window.
        """
        self._prior = prior
        self._prior_share = prior_share
        self._now: Floats = np.zeros((PHASES, SIZE))
        self._before: Floats = np.zeros((PHASES, SIZE))
        self._before_by_phase: Floats = np.zeros(PHASES)
        self._known: Floats = np.zeros(PHASES)
        """Per phase: 1 if it is in `_before`."""
        self._span: Span | None = None
        self._since = 0.0
        """Share of the window that had passed when the first event in it came."""
        self.whole = False
        """Whether a whole window has been seen."""
        self.count = 0
        """Contacts wanted in this window so far."""

    def observe(self, span: Span, at: Micros, worth: float) -> None:
        """Somebody wanted a contact at `at`, and not at any price above `worth`."""
        self.enter(span, at)
        current = self._span
        if (
            current is not None and current.begins <= at < current.ends
        ):  # else it is late, and news of the past
            self._now[self._phase(current, at), bucket(worth)] += 1
            self.count += 1

    def enter(self, span: Span, at: Micros) -> None:
        """Time has come to `at`, in `span`."""
        if self._span is None:
            self._since = self._share(span, at)
        elif span.begins >= self._span.ends:
            self._close(span)
        else:
            return
        self._span = span

    def ahead(self, at: Micros, horizon: Micros) -> Floats:
        """Contacts expected to be wanted from `at` until `horizon` later, by bucket (SIZE,).

        At most one window ahead; `at` lies in the latest window entered.
        """
        if self._span is None:
            return np.zeros(SIZE)
        span = self._span
        length = span.ends - span.begins
        done = self._share(span, at)
        weights = _cover(done, horizon / length)
        passed = _cover(0.0, done)
        expected = float(passed @ self._before_by_phase)
        strength = (self.count + self._weight) / (expected + self._weight) if self._known.any() else 1.0
        known: Floats = (weights * self._known) @ self._before * strength
        unknown = float(weights @ (1.0 - self._known)) / PHASES
        if unknown > 0:
            known += UNKNOWN * unknown * self._mean(done)
        return known

    @property
    def _weight(self) -> float:
        """How many contacts this window must have seen to say as much of its rest as those before."""
        return max(self._prior, 20.0, float(self._before_by_phase.sum()))

    def _mean(self, done: float) -> Floats:
        """What is wanted in a whole window, by the phases seen, mostly the latest."""
        last = min(PHASES - 1, int(done * PHASES))
        age = (last - np.arange(PHASES)) % PHASES
        fading: Floats = np.power(RECENT, age)
        wanted: Floats = fading @ np.where((age <= last)[:, None], self._now, self._before)
        wanted[SIDE + 1] += self._prior
        passed = _cover(self._since, max(0.0, done - self._since))
        seen = float(fading @ np.where(age <= last, passed, self._known)) / PHASES
        mean: Floats = wanted / max(seen + self._prior_share, 1e-9)
        return mean

    def _close(self, following: Span) -> None:
        """A window is over: what it saw becomes what is expected."""
        last = self._span
        assert last is not None
        missed = (following.begins - last.ends) // (last.ends - last.begins)
        if missed >= GAP:
            self._before[:], self._before_by_phase[:], self._known[:] = 0.0, 0.0, 0.0
        else:
            seen = np.ones(PHASES)
            seen[: round(self._since * PHASES)] = 0.0
            newest = np.where(self._known > 0, NEWEST, 1.0) * seen
            self._before += newest[:, None] * (self._now - self._before)
            self._known = np.maximum(self._known, seen)
            self._before_by_phase[:] = self._before.sum(axis=1)
            self.whole = self.whole or bool(self._known.all())
        self._now = np.zeros((PHASES, SIZE))
        self._since, self.count = 0.0, 0

    @staticmethod
    def _share(span: Span, at: Micros) -> float:
        return (min(max(at, span.begins), span.ends) - span.begins) / (span.ends - span.begins)

    @staticmethod
    def _phase(span: Span, at: Micros) -> int:
        return (at - span.begins) * PHASES // (span.ends - span.begins)


def _cover(begins: float, length: float) -> Floats:
    """How much of each phase lies between `begins` and `begins + length`, in shares of a window; it wraps around."""
    edges = np.arange(PHASES + 1) / PHASES

    def covered(first: float, last: float) -> Floats:
        clipped: Floats = np.clip(edges, first, last)
        return np.diff(clipped) * PHASES

    ends = begins + min(length, 1.0)
    return covered(begins, min(ends, 1.0)) + (covered(0.0, ends - 1.0) if ends > 1.0 else 0.0)
