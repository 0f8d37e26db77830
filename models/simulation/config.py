"""What one simulation is to be: size, period, seed, and how badly the feeds behave."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from models.simulation.days import CARD_PAYMENTS_PER_DAY, VISITS_PER_DAY
from models.times import DAY, Micros, micros

_SHARES = ("duplicates", "late", "malformed", "unattributed", "conversions_without_decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationConfig:
    """All that a simulation depends on, besides the plan and the fold that decides.

    A customer's life depends on the seed and their number only, never on how many others there are.
    """

    customers: int = 2_000
    days: int = 1
    seed: int = 1
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    settle: timedelta = timedelta(days=1)
    """How long after the last day outcomes still come in; signals end with the last day."""
    visits_per_day: float = VISITS_PER_DAY
    card_payments_per_day: float = CARD_PAYMENTS_PER_DAY
    duplicates: float = 0.01
    """Share of lines that come twice, byte for byte."""
    late: float = 0.02
    """Share of lines held back; only the order of lines shows it."""
    late_mean: timedelta = timedelta(minutes=45)
    malformed: float = 0.005
    """Unreadable lines added, as a share of the good ones."""
    unattributed: float = 0.002
    """Outcomes of offers nobody made, as a share of signals."""
    conversions_without_decision: float = 0.2
    """Share of conversions that name the action only, as product systems do."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated.

        Raises:
          ValueError: With the field, the value and what it may be.
        """
        for name in _SHARES:
            demand(0 <= getattr(self, name) <= 1, name, getattr(self, name), "between 0 and 1")
        for name in ("customers", "days", "seed"):
            demand(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        for name in ("visits_per_day", "card_payments_per_day"):
            demand(0 <= getattr(self, name) <= 100, name, getattr(self, name), "between 0 and 100")
        demand(self.start.tzinfo is not None, "start", self.start, "a time with an offset, e.g. ...+00:00")
        demand(self.settle >= timedelta(0), "settle", self.settle, "0 or more")
        demand(self.late_mean > timedelta(0), "late_mean", self.late_mean, "more than 0")

    @property
    def begins(self) -> Micros:
        """Start of the first day."""
        return micros(self.start)

    @property
    def ends(self) -> Micros:
        """End of the last day: signals stop."""
        return self.begins + self.days * DAY

    @property
    def closes(self) -> Micros:
        """End of observation: outcomes stop."""
        return self.ends + self.settle // timedelta(microseconds=1)

    def described(self) -> dict[str, object]:
        """The fields, as JSON knows them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {
            "start": self.start.isoformat(),
            "settle": self.settle.total_seconds(),
            "late_mean": self.late_mean.total_seconds(),
        }


def demand(met: bool, name: str, value: object, rule: str) -> None:
    """Refuse a value that breaks its rule.

    Raises:
      ValueError: With the name, the value and what it may be.
    """
    if not met:
        raise ValueError(f"{name}={value} cannot be simulated: it must be {rule}")
