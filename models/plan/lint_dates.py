"""Dates that leave nothing: over, never beginning before the end, never at the time of the group; and kill switches."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from models.plan.lint_findings import Remark
from models.plan.lint_view import View, some, where
from models.plan.spec import StopSpec
from models.plan.structure import Place

_BEGINNING = datetime(1, 1, 1)  # noqa: DTZ001  (clocks of the plan's time zone)
_END = datetime(9999, 12, 31)  # noqa: DTZ001


class _Span(NamedTuple):
    """From when until when (exclusive), on the clocks of the plan's time zone."""

    starts: str | None
    ends: str | None
    place: Place
    name: str

    @property
    def first(self) -> datetime:
        return datetime.fromisoformat(self.starts) if self.starts else _BEGINNING

    @property
    def last(self) -> datetime:
        return datetime.fromisoformat(self.ends) if self.ends else _END

    @property
    def said(self) -> str:
        return f"{self.name} ({where(self.place)})"


def date_remarks(view: View) -> Iterator[Remark]:
    """Everything about effective dates and kill switches."""
    for index, action in enumerate(view.spec.actions):
        group = view.spec.groups[action.group]
        inside = [
            _Span(group.starts, group.ends, view.root / "groups" / action.group, f"group `{action.group}`"),
            _Span(action.starts, action.ends, view.action(index), f"`{action.id}`"),
        ]
        closed = list(_open(view, inside))
        yield from closed
        for number, treatment in enumerate(action.treatments):
            place, name = view.treatment(index, number), f"treatment `{treatment.id}`"
            if not closed and (treatment.starts or treatment.ends):
                yield from _open(view, [*inside, _Span(treatment.starts, treatment.ends, place, name)])
    yield from _stops(view)


def _open(view: View, spans: list[_Span]) -> Iterator[Remark]:
    """Whether the last of the spans leaves a time at which all of them are open, today or later."""
    own = spans[-1]
    for other in spans[:-1]:
        if own.first >= other.last or other.first >= own.last:
            message = f"{own.name} is never offered: {other.said} is closed at all of its time"
            yield Remark.at("never-open", own.place / "starts", message, "change the dates of one of them")
            return
    ending = min(spans, key=lambda span: span.last)
    if view.today is not None and ending.last <= view.today and ending.ends is not None:
        of = "" if ending is own else f" with {ending.said}"
        message = f"{own.name} was offered until {ending.ends}{of}"
        yield Remark.at("action-over", own.place / "ends", message, "remove it, or let it end later")


def _stops(view: View) -> Iterator[Remark]:
    for index, stop in enumerate(view.spec.stops):
        place = view.root / "stops" / index
        if view.today is not None and stop.until and datetime.fromisoformat(stop.until) <= view.today:
            message = f"stop `{stop.id}` was over on {stop.until}"
            yield Remark.at("stop-without-effect", place / "until", message, "remove it")
        elif not stop.until:
            yield from _for_good(view, stop, place)


def _for_good(view: View, stop: StopSpec, place: Place) -> Iterator[Remark]:
    """Actions that a stop without an end leaves no channel, brand or treatment."""
    closed = []
    for index in sorted(view.members.indices(stop.scope)):
        action = view.spec.actions[index]
        everywhere = not stop.channels or view.channels_of(index) <= set(stop.channels)
        every_brand = not stop.brands or set(action.brands or view.spec.brands) <= set(stop.brands)
        whole = not stop.treatments or {each.id for each in action.treatments} <= set(stop.treatments)
        if everywhere and every_brand and whole:
            closed.append(action.id)
    if closed:
        message = f"stop `{stop.id}` has no end, so no customer can get {some(closed)}"
        yield Remark.at("action-stopped", place / "id", message, "give it `until`, or remove what is stopped")
