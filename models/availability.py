"""What is closed, when and where: effective dates, the brands of an action, kill switches, holdouts.

All of it is one thing, a closure: some actions, or some of their treatments, may not be offered from one moment to
another, in some channels, by some brands. What is closed changes only at the moments when a closure begins or ends,
so it is looked up once for all requests between two such moments.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from models.care import marketing
from models.plan.scopes import Members
from models.plan.spec import ActionSpec, PlanSpec, ScopeSpec, StopSpec
from schemas import Stage

T = TypeVar("T")

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Closure(NamedTuple):
    """What may not be offered, and why."""

    stage: Stage
    id: str
    why: str
    text: str
    """As the plan says it."""
    actions: frozenset[int]
    treatments: frozenset[str] = frozenset()
    """Only these treatments of the actions; empty: the actions whole."""
    channels: frozenset[str] = frozenset()
    """Only in these channels; empty: in all."""
    brands: frozenset[str] = frozenset()
    """Only by these brands; empty: by all."""
    open_to: frozenset[str] = frozenset()
    """Not by these brands."""
    arm: str | None = None
    """Only for customers in this experiment arm."""
    since: datetime = _FIRST
    until: datetime = _LAST
    """Exclusive."""

    def concerns(self, brand: str, arm: str, channel: str) -> bool:
        """Whether it is about such a request."""
        return (
            (not self.brands or brand in self.brands)
            and brand not in self.open_to
            and self.arm in {None, arm}
            and (not self.channels or channel in self.channels)
        )


class Timetable(Generic[T]):
    """What is worked out from the closures in force, kept for as long as none begins or ends."""

    def __init__(self, closures: Iterable[Closure], work_out: Callable[[list[int]], T]) -> None:
        """Ask `work_out` for every span of time: it gets the positions of the closures in force, in order."""
        self._closures = tuple(closures)
        moments = {moment for closure in self._closures for moment in (closure.since, closure.until)}
        self._changes = sorted(moments - {_FIRST, _LAST})
        self._work_out = work_out
        self._known: dict[datetime, T] = {}
        self._since = self._until = _LAST

    def at(self, moment: datetime) -> T:
        """What holds at an aware `moment`."""
        if not self._since <= moment < self._until:
            span = bisect_right(self._changes, moment)
            self._since = self._changes[span - 1] if span else _FIRST
            self._until = self._changes[span] if span < len(self._changes) else _LAST
        found = self._known.get(self._since)
        if found is None:
            found = self._known[self._since] = self._work_out(self._in_force(self._since))
        return found

    def _in_force(self, moment: datetime) -> list[int]:
        return [i for i, closure in enumerate(self._closures) if closure.since <= moment < closure.until]


def instant(text: str, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which clocks in `zone` show the date or time `text`, or a later one.

    When clocks go back and show a time twice, that is the first time; when they skip it, the moment they do.

    Raises:
      ValueError: There is no such day or time.
    """
    local = datetime.fromisoformat(text)
    early, late = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    return _moment_of_skip(zone, late, early)


def _moment_of_skip(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """When clocks go forward between two moments."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def whole_closures(spec: PlanSpec) -> Iterator[Closure]:
    """What closes actions as a whole, in the order tried: brands, dates, kill switches, holdouts."""
    zone = ZoneInfo(spec.time_zone)
    members = Members.of(spec)
    for index, action in enumerate(spec.actions):
        yield from _of_brands(action, index)
        yield from _of_dates(action.id, action.starts, action.ends, frozenset({index}), zone)
    for name, group in spec.groups.items():
        yield from _of_dates(
            f"group:{name}", group.starts, group.ends, members.indices(ScopeSpec(groups=(name,))), zone
        )
    for stop in spec.stops:
        if not stop.channels and not stop.treatments:
            yield _of_stop(stop, Stage.ACTION_EMERGENCY_EXCLUSION, members, zone)
    for arm in spec.experiments.arms:
        if arm.kind == "holdout":
            why = "You are in a small group that we send no marketing for now, to learn what it is worth."
            yield Closure(Stage.UNIVERSAL_HOLDOUT, arm.id, why, "holdout", marketing(spec), arm=arm.id)


def narrow_closures(spec: PlanSpec) -> Iterator[Closure]:
    """What closes channels and treatments, in the order tried: dates, kill switches."""
    zone = ZoneInfo(spec.time_zone)
    for index, action in enumerate(spec.actions):
        for treatment in action.treatments:
            name = f"treatment:{treatment.id}"
            for closure in _of_dates(name, treatment.starts, treatment.ends, frozenset({index}), zone):
                yield closure._replace(
                    stage=Stage.TREATMENT_AVAILABILITY, treatments=frozenset({treatment.id})
                )
    members = Members.of(spec)
    for stop in spec.stops:
        if stop.channels or stop.treatments:
            yield _of_stop(stop, Stage.TREATMENT_EMERGENCY_EXCLUSION, members, zone)


def first_by_action(closures: Sequence[Closure], among: Iterable[int]) -> dict[int, int]:
    """By action: the first closure, of those at the positions `among`, that is about it."""
    found: dict[int, int] = {}
    for position in among:
        for action in closures[position].actions:
            found.setdefault(action, position)
    return found


def _of_brands(action: ActionSpec, index: int) -> Iterator[Closure]:
    if action.brands:
        names = " and ".join(brand.replace("_", " ").replace("-", " ").title() for brand in action.brands)
        yield Closure(
            Stage.ACTION_AVAILABILITY,
            f"brands:{action.id}",
            f"This is an offer of {names}.",
            f"brands {', '.join(action.brands)}",
            frozenset({index}),
            open_to=frozenset(action.brands),
        )


def _of_dates(
    name: str, starts: str | None, ends: str | None, actions: frozenset[int], zone: ZoneInfo
) -> Iterator[Closure]:
    stage = Stage.ACTION_AVAILABILITY
    if starts is not None:
        why, until = f"This is not offered before {_said(starts)}.", instant(starts, zone)
        yield Closure(stage, f"starts:{name}", why, f"starts {starts}", actions, until=until)
    if ends is not None:
        why, since = f"This was offered until {_said(ends)}.", instant(ends, zone)
        yield Closure(stage, f"ends:{name}", why, f"ends {ends}", actions, since=since)


def _of_stop(stop: StopSpec, stage: Stage, members: Members, zone: ZoneInfo) -> Closure:
    return Closure(
        stage,
        stop.id,
        stop.why or "This is not offered at the moment.",
        "stop",
        members.indices(stop.scope),
        frozenset(stop.treatments),
        frozenset(stop.channels),
        frozenset(stop.brands),
        since=instant(stop.since, zone) if stop.since else _FIRST,
        until=instant(stop.until, zone) if stop.until else _LAST,
    )


def _said(moment: str) -> str:
    """A date or time as one would say it: 1 December 2026, 1 December 2026 at 09:00."""
    at = datetime.fromisoformat(moment)
    day = f"{at.day} {at:%B %Y}"
    return day if "T" not in moment else f"{day} at {at:%H:%M}"
