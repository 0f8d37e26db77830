"""The other controller: a dual price moved along its gradient, by how much more was spent than planned."""

from models.plan.spec import VolumeSpec
from models.times import Micros
from models.volumes.pacing import TICKS
from models.volumes.windows import Window


class DualGradient:
    """The price rises where more is spent in a tick than the even share of what is left, and falls where less is.

    The step adapts, as AdaGrad's: the mean bid, over the root of the sum of squared relative errors.
    """

    def __init__(self, constraint: VolumeSpec, window: Window, ceiling: float) -> None:
        self.at_most = constraint.at_most
        self.at_least = constraint.at_least
        self._window = window
        self._ceiling = ceiling
        self._price = 0.0
        self._mean = 0.0
        self._count = 0
        self._squares = 0.0
        self._ticked: Micros | None = None
        self._spent = 0

    def observe(self, at: Micros, clock: Micros, worth: float) -> None:  # noqa: ARG002  (as Pacer has it)
        """A bid: only its size matters."""
        if abs(worth) < self._ceiling:
            self._count += 1
            self._mean += (abs(worth) - self._mean) / self._count

    def price(self, clock: Micros) -> float:
        """The price at `clock`."""
        span = self._window.span(clock)
        tick = (span.ends - span.begins) // TICKS
        if self._ticked is None or self._ticked < span.begins:
            self._ticked, self._spent = max(span.begins, clock - clock % tick), 0
        while clock >= self._ticked + tick:
            self._ticked += tick
            self._move(clock, max(1.0, (span.ends - self._ticked) / tick))
        return self._price

    def _move(self, clock: Micros, ticks_left: float) -> None:
        spent = self._window.spent(clock, 0)
        made, self._spent = spent - self._spent, spent
        goal = self.at_most if self.at_most is not None else self.at_least
        assert goal is not None
        planned = max(0.0, goal - (spent - made)) / (ticks_left + 1.0)
        error = (made - planned) / max(1.0, goal / TICKS)
        self._squares += error * error
        price = self._price + self._mean * error / (1e-9 + self._squares) ** 0.5
        self._price = max(0.0, price) if self.at_least is None else min(0.0, price)
