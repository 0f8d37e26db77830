"""Capacity that cannot be met or never binds, and quiet hours that never end or never matter."""

from collections.abc import Iterator

from models.plan.lint_contact import Reach
from models.plan.lint_findings import Remark
from models.plan.lint_view import View, named, some, where
from models.plan.spec import QuietSpec, VolumeSpec
from models.plan.structure import Place
from models.quiet_hours import minutes
from models.times import DAY, HOUR, Micros, duration
from schemas.common import Direction

_CALENDAR = {"hour": (HOUR, HOUR), "day": (23 * HOUR, 25 * HOUR), "week": (7 * DAY - HOUR, 7 * DAY + HOUR),
             "month": (28 * DAY - HOUR, 31 * DAY + HOUR)}  # fmt: skip
"""Shortest and longest calendar windows: when clocks change, a day has an hour less or more."""
_INSIDE = {
    ("hour", "day"): 25,
    ("hour", "week"): 169,
    ("hour", "month"): 745,
    ("day", "week"): 7,
    ("day", "month"): 31,
}
"""How many of the one calendar window are in one of the other, at most."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES

_Entry = tuple[VolumeSpec, Reach, Place]


def capacity_remarks(view: View) -> Iterator[Remark]:
    """Everything about volumes and quiet hours."""
    yield from _volumes(view)
    yield from _quiet(view)


def _volumes(view: View) -> Iterator[Remark]:
    entries: list[_Entry] = []
    for index, volume in enumerate(view.spec.contact.volumes):
        place = view.root / "contact" / "volumes" / index
        governed = Reach.of(view, volume.scope, volume.channels, volume.brands, volume.directions)
        counted = Reach.of(
            view, volume.scope, volume.channels, volume.brands, volume.directions, exempts=False
        )
        if volume.at_least is not None and (reason := counted.empty(view)):
            message = f"`{volume.id}` cannot be met: {reason}"
            yield Remark.at("capacity-impossible", place / "at_least", message, "widen what it is about")
        elif volume.at_most is not None and (reason := governed.empty(view)):
            message = f"`{volume.id}` never holds anything back: {reason}"
            yield Remark.at(
                "volume-without-effect", place / "at_most", message, "remove it, or widen its scope"
            )
        else:
            if volume.at_most == 0:
                message = f"`{volume.id}` allows nothing at all in what it is about"
                remedy = "use a stop, which says why and until when"
                yield Remark.at("limit-forbids", place / "at_most", message, remedy)
            entries.append((volume, counted, place))
    yield from _impossible(view, entries)
    yield from _shadowed(entries)


def _impossible(view: View, entries: list[_Entry]) -> Iterator[Remark]:
    """Minima that maxima or limits do not leave room for, alone or together."""
    for volume, reach, place in entries:
        if volume.at_least is None:
            continue
        if (forbidden := _forbidding(view, reach)) is not None:
            message = f"`{volume.id}` cannot be met: {forbidden} allows nothing of it"
            yield Remark.at("capacity-impossible", place / "at_least", message, "change one of the two")
        for other, wider, other_place in entries:
            if other is volume or other.at_most is None or not reach.within(wider):
                continue
            most = other.at_most * _windows(other, _longest(volume))
            if most < volume.at_least:
                by = f"`{other.id}` ({where(other_place)})"
                message = f"`{volume.id}` cannot be met: {by} allows at most {most:,} in its window"
                yield Remark.at(
                    "capacity-impossible", place / "at_least", message, "raise one, or lower the other"
                )
    for most_of, wider, place in entries:
        if most_of.at_most is not None:
            yield from _together(most_of, wider, place, entries)


def _together(most_of: VolumeSpec, wider: Reach, place: Place, entries: list[_Entry]) -> Iterator[Remark]:
    """Minima of different contacts in the same window, which one maximum is about."""
    assert most_of.at_most is not None
    apart: list[_Entry] = []
    for volume, reach, at in entries:
        same = (volume.per, volume.calendar) == (most_of.per, most_of.calendar)
        if (
            volume.at_least
            and same
            and reach.within(wider)
            and all(_disjoint(reach, other) for _, other, _ in apart)
        ):
            apart.append((volume, reach, at))
    least = sum(volume.at_least or 0 for volume, _, _ in apart)
    if len(apart) > 1 and least > most_of.at_most:
        names = ", ".join(f"`{volume.id}`" for volume, _, _ in apart)
        message = f"`{most_of.id}` allows {most_of.at_most:,}, but {names} together want at least {least:,}"
        yield Remark.at("capacity-impossible", place / "at_most", message, "raise it, or lower one of them")


def _disjoint(one: Reach, other: Reach) -> bool:
    return (
        one.actions.isdisjoint(other.actions)
        or one.channels.isdisjoint(other.channels)
        or one.brands.isdisjoint(other.brands)
    )


def _forbidding(view: View, reach: Reach) -> str | None:
    """A limit of zero that is about all of it."""
    for index, limit in enumerate(view.spec.contact.limits):
        if limit.at_most == 0 and reach.within(Reach.of_limit(view, limit)):
            return f"`{limit.id}` ({where(view.root / 'contact' / 'limits' / index)})"
    return None


def _shadowed(entries: list[_Entry]) -> Iterator[Remark]:
    """Maxima that another one keeps anyway; of two equal ones, the later."""
    gone: set[str] = set()
    for volume, reach, place in reversed(entries):
        for other, wider, other_place in entries:
            if other is volume or other.id in gone or volume.at_most is None or other.at_most is None:
                continue
            most = other.at_most * _windows(other, _longest(volume))
            if not reach.within(wider) or most > volume.at_most:
                continue
            gone.add(volume.id)
            by = f"`{other.id}` ({where(other_place)}) allows at most {most:,} in its window"
            message = f"`{volume.id}` never holds anything back that is not held back anyway: {by}"
            yield Remark.at("volume-shadowed", place / "at_most", message, "remove it, or lower it")
            break


def _longest(volume: VolumeSpec) -> tuple[str | None, Micros]:
    """Kind and greatest length of a volume's window."""
    if volume.calendar is not None:
        return volume.calendar, _CALENDAR[volume.calendar][1]
    return None, duration(volume.per or "1d")


def _windows(other: VolumeSpec, window: tuple[str | None, Micros]) -> int:
    """How many windows of `other` a window of this kind and length can have a part in, or be covered by."""
    calendar, length = window
    if other.calendar is None:
        return -(-length // duration(other.per or "1d"))
    if other.calendar == calendar or (calendar, other.calendar) in _INSIDE:
        return 1
    if calendar is not None and (inside := _INSIDE.get((other.calendar, calendar))):
        return inside
    return 1 + -(-length // _CALENDAR[other.calendar][0])


def _quiet(view: View) -> Iterator[Remark]:
    spec, contact = view.spec, view.root / "contact" / "quiet_hours"
    covered: dict[tuple[str, int], list[int]] = {}
    for index, quiet in enumerate(spec.contact.quiet_hours):
        reach = Reach.of(view, quiet.scope, quiet_channels(view, quiet), ())
        if reason := reach.empty(view) if quiet_channels(view, quiet) else "no channel is outbound":
            message = f"`{quiet.id}` never holds anything back: {reason}"
            yield Remark.at(
                "quiet-without-effect", contact / index, message, "remove it, or widen what it is about"
            )
        for action in reach.actions:
            for channel in view.channels_of(action) & reach.channels:
                covered.setdefault((channel, action), []).append(index)
    never: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for (channel, action), rules in sorted(covered.items()):
        never.setdefault((channel, tuple(rules)), []).append(action)
    for (channel, found), actions in never.items():
        periods = [spec.contact.quiet_hours[rule] for rule in found]
        if _always(periods):
            names = named([quiet.id for quiet in periods])
            held = some([spec.actions[action].id for action in actions])
            message = f"in `{channel}`, {names} leave no minute of the week to {held}"
            yield Remark.at(
                "quiet-always", contact / found[0] / "begins", message, "let them end before they begin again"
            )


def quiet_channels(view: View, quiet: QuietSpec) -> tuple[str, ...]:
    """Where quiet hours hold; all outbound channels unless they say."""
    outbound = (
        name for name, channel in view.spec.channels.items() if channel.direction is Direction.OUTBOUND
    )
    return quiet.channels or tuple(outbound)


def _always(periods: list[QuietSpec]) -> bool:
    """Whether every minute of the week is in one of the periods."""
    spans: list[tuple[int, int]] = []
    for quiet in periods:
        begins, ends = minutes(quiet.begins), minutes(quiet.ends)
        length = (ends - begins - 1) % _DAY_MINUTES + 1
        for day in quiet.days or _WEEKDAYS:
            start = _WEEKDAYS.index(day) * _DAY_MINUTES + begins
            spans += [(start, start + length), (start - _WEEK_MINUTES, start + length - _WEEK_MINUTES)]
    reached = 0
    for start, end in sorted(spans):
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= _WEEK_MINUTES
