"""Quiet hours: when nothing is sent, by the customer's own clock."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from models.plan.scopes import Members, bits
from models.plan.spec import PlanSpec, QuietSpec
from schemas import DecisionRequest
from schemas.common import Direction

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZONES = 1024


class _Hours(NamedTuple):
    """One quiet period of a channel."""

    rule: int
    actions: int
    """As bits."""
    begins: int
    ends: int
    """Minutes after midnight; not after `begins`: of the next day."""
    days: frozenset[int]
    """Days on which they begin; 0 is Monday."""

    def hold(self, weekday: int, minute: int) -> bool:
        """Whether it is quiet at this minute, on clocks, of this day."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends and weekday in self.days
        if minute >= self.begins:
            return weekday in self.days
        return minute < self.ends and (weekday - 1) % 7 in self.days


class QuietHours:
    """The quiet hours of one plan.

    What clocks show counts: an hour that they skip is not quiet, one that comes twice is quiet twice.
    """

    def __init__(self, spec: PlanSpec, rules: Sequence[int]) -> None:
        """Compile the quiet hours of `spec`, whose rules have these numbers."""
        self._zone_of = spec.contact.time_zone_of
        self._home = ZoneInfo(spec.time_zone)
        self._hours: dict[str, list[_Hours]] = {}
        members, exempt = Members.of(spec), frozenset(spec.contact.exempt)
        for rule, quiet in zip(rules, spec.contact.quiet_hours, strict=True):
            covered = [i for i in members.indices(quiet.scope) if spec.actions[i].message_class not in exempt]
            for channel in quiet.channels or _outbound(spec):
                self._hours.setdefault(channel, []).append(_compiled(quiet, rule, bits(covered)))

    def refused(self, request: DecisionRequest, channel: str) -> list[tuple[int, int]]:
        """The rules in force in `channel` now, and the actions they hold back, as bits."""
        if (periods := self._hours.get(channel)) is None:
            return []
        zone = _zone(request.context.customer.get(self._zone_of)) or self._home
        local = request.requested_at.astimezone(zone)
        weekday, minute = local.weekday(), local.hour * 60 + local.minute
        return [(hours.rule, hours.actions) for hours in periods if hours.hold(weekday, minute)]


def minutes(clock: str) -> int:
    """Minutes after midnight of a time of day such as 21:00."""
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)


def _compiled(quiet: QuietSpec, rule: int, actions: int) -> _Hours:
    days = frozenset(map(_WEEKDAYS.index, quiet.days)) or frozenset(range(7))
    return _Hours(rule, actions, minutes(quiet.begins), minutes(quiet.ends), days)


def _outbound(spec: PlanSpec) -> list[str]:
    return [name for name, channel in spec.channels.items() if channel.direction is Direction.OUTBOUND]


@lru_cache(_ZONES)
def _known_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _zone(name: Any) -> ZoneInfo | None:
    """The time zone of a fact, if it is one."""
    return _known_zone(name) if name.__class__ is str else None
