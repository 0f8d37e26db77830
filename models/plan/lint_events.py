"""Triggers that never ask, places that nobody asks for or nothing fills, filters that no event meets."""

from collections.abc import Iterator

from models.plan.conditions import Condition, Known
from models.plan.fields import Scope
from models.plan.lint_claims import Claim
from models.plan.lint_findings import Remark
from models.plan.lint_reasoner import Reasoner
from models.plan.lint_view import View, named, where
from schemas.common import Direction

_FILTERS = ("where", "among", "add", "subtract", "reset")


def event_remarks(view: View) -> Iterator[Remark]:
    """Everything about triggers, placements and the filters of features."""
    yield from _triggers(view)
    yield from _placements(view)
    yield from _filters(view)


def _triggers(view: View) -> Iterator[Remark]:
    """In the order written: each must be met by a signal that meets none before it."""
    earlier: dict[Claim, int] = {}
    filled = _filled(view)
    for index, trigger in enumerate(view.spec.triggers):
        place = view.root / "triggers" / index
        condition = view.reasoner.parse(trigger.when, Scope.TRIGGER)
        met, unmet = Claim(condition), Claim(condition, "unmet")
        if not view.reasoner.possible([met]):
            yield Remark.at("trigger-never-met", place / "when", "no signal can meet this", "correct it")
        elif not view.reasoner.possible([*earlier, met]):
            core = view.reasoner.core([met, *earlier])
            others = [_trigger(view, earlier[claim]) for claim in core if claim in earlier]
            message = f"`{trigger.id}` is never the first: what meets it meets {named(others)} before it"
            yield Remark.at("trigger-covered", place / "when", message, "write it above, or remove it")
        else:
            earlier.setdefault(unmet, index)
        if not filled & set(trigger.placements):
            message = f"nothing can be said where `{trigger.id}` asks"
            remedy = "give a treatment one of its placements, or remove it"
            yield Remark.at("trigger-empty", place / "placements", message, remedy)


def _trigger(view: View, index: int) -> str:
    return f"`{view.spec.triggers[index].id}` ({where(view.root / 'triggers' / index / 'when')})"


def _filled(view: View) -> set[str]:
    """The placements that some treatment fits."""
    return {
        name
        for action in view.spec.actions
        for treatment in action.treatments
        for name in treatment.placements
    }


def _placements(view: View) -> Iterator[Remark]:
    spec, filled = view.spec, _filled(view)
    triggered = {name for trigger in spec.triggers for name in trigger.placements}
    for name, placement in spec.placements.items():
        place = (view.root / "placements").key(name)
        if name not in filled:
            message = f"no treatment fits the placement `{name}`"
            yield Remark.at("unused", place, message, "give a treatment this placement, or remove it")
        channel = spec.channels.get(placement.channel or "")
        if channel is not None and channel.direction is Direction.OUTBOUND and name not in triggered:
            message = f"no trigger asks for `{name}`, and its channel `{placement.channel}` is outbound"
            remedy = "let a trigger ask for it, unless signals do"
            yield Remark.at("placement-unasked", place, message, remedy)


def _filters(view: View) -> Iterator[Remark]:
    """Filters that neither a signal nor an outcome meets."""
    events = Reasoner(view.spec)  # of its own: here even the type of a signal can be missing
    for index, feature in enumerate(view.spec.features):
        for key in _FILTERS:
            text = getattr(feature, key)
            if text is not None and not _can_count(events, events.parse(text, Scope.EVENT)):
                place = view.root / "features" / index / key
                message = f"no event can meet this, so `{feature.name}` never changes by it"
                yield Remark.at("feature-never-counts", place, message, "correct it")


def _can_count(events: Reasoner, condition: Condition) -> bool:
    met = Claim(condition)
    return any(
        events.possible([met, *(claim for claim in claims if claim.names <= met.names)])
        for claims in (_kind_of_event(events, "signal"), _kind_of_event(events, "outcome"))
    )


def _kind_of_event(events: Reasoner, kind: str) -> Iterator[Claim]:
    """What is known of every event of this kind, and what is not."""
    for name, field in events.table(Scope.EVENT).items():
        if not name.startswith(f"{kind}."):
            yield Claim(Known(field), "unmet")
        elif name in {"signal.type", "signal.channel", "signal.brand", "outcome.kind"}:
            yield Claim(Known(field))
