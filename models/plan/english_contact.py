"""In English: how often, when, and how many."""

from collections.abc import Iterator, Sequence

from models.plan.english_actions import scope_said
from models.plan.english_signals import Told
from models.plan.english_words import (
    counted,
    heading,
    item,
    listed,
    names,
    number,
    paragraph,
    quoted,
    sentence,
    span,
    times,
)
from models.plan.fields import Scope
from models.plan.spec import LimitSpec, PlanSpec, QuietSpec, ScopeSpec, SuppressionSpec, VolumeSpec
from schemas.common import Direction

_EACH = {
    "customer": "all together",
    "channel": "counted for each channel",
    "direction": "counted for inbound and outbound apart",
    "group": "counted for each group",
    "issue": "counted for each issue",
    "action": "counted for each action",
    "treatment": "counted for each treatment",
}
_PAUSED = {
    "treatment": "the treatment",
    "action": "the action",
    "group": "the action's group",
    "issue": "the action's issue",
    "channel": "the channel",
    "all": "everything",
}


def told_contact(spec: PlanSpec, told: Told) -> Iterator[str]:
    """Contact policy: suppressions, limits, quiet hours, capacity."""
    yield from heading("How often")
    yield from paragraph(_introduction(spec))
    yield from _suppressions(spec, told)
    yield from _limits(spec)
    yield from _quiet(spec)
    yield from _volumes(spec)


def _introduction(spec: PlanSpec) -> str:
    exempt = listed([each.value for each in spec.contact.exempt])
    free = (
        f"{exempt} messages neither count nor are held back. "
        if spec.contact.exempt
        else "No message is exempt. "
    )
    return sentence(
        f"{free}Every offer reserves a contact. Delivery, impression or an answer commits it; a bounce or expiry gives "
        f"it back. At most {number(spec.contact.keep)} contacts are remembered for a customer; when all of them are "
        "still needed, what a limit is about is refused rather than a contact forgotten"
        + (
            f". They are remembered for at least {span(spec.contact.remember)}"
            if spec.contact.remember
            else ""
        )
    )


def _suppressions(spec: PlanSpec, told: Told) -> Iterator[str]:
    if spec.contact.suppressions:
        yield from ("", "Suppressions, asked first:")
    for rule in spec.contact.suppressions:
        yield from item(f"{rule.id}: {_suppression(rule, told)}.{_why(rule.why)}", 2)


def _suppression(rule: SuppressionSpec, told: Told) -> str:
    causes = [kind.value for kind in rule.outcomes] + ([f"any {rule.label} outcome"] if rule.label else [])
    said = (
        [f"{listed(causes, 'or')} of {scope_said(rule.scope, 'any')}{_where(rule.channels, rule.brands)}"]
        if causes
        else []
    )
    if rule.signal is not None:
        which = f"a signal where {told(rule.signal, Scope.SIGNAL)}"
        named = f", about the action in its attribute {quoted(rule.action_attribute)},"
        said.append(which + ("" if rule.pauses in {"all", "channel"} else named))
    often = f", {times(rule.times)} within {span(rule.within)}," if rule.times > 1 else ""
    apart = ", each brand for itself" if rule.per_brand else ""
    return f"{' or '.join(said)}{often} pauses {_PAUSED[rule.pauses]} for {span(rule.pause)}{apart}"


def _limits(spec: PlanSpec) -> Iterator[str]:
    if spec.contact.limits:
        yield from ("", "Limits, in any window of the length given, wherever it begins:")
    for limit in spec.contact.limits:
        yield from item(f"{limit.id}: {_limit(limit)}.{_why(limit.why)}", 2)


def _limit(limit: LimitSpec) -> str:
    directions = f" {listed([each.value for each in limit.directions])}" if limit.directions else ""
    about = f" with {scope_said(limit.scope)}" if limit.scope != ScopeSpec() else ""
    noun = f"{directions.strip()} contact".strip()
    parts = [
        f"at most {counted(limit.at_most, noun)}{about}{_where(limit.channels, limit.brands)} in {span(limit.per)}",
        _EACH[limit.each],
    ]
    if limit.per_brand:
        parts.append("each brand for itself")
    if limit.whose == "household":
        parts.append("those of the whole household together")
    if limit.counts == "committed":
        parts.append("once they are confirmed")
    if limit.same_decision == "exempt":
        parts.append("the offers of one decision not counting against each other")
    return ", ".join(parts)


def _where(channels: Sequence[str], brands: Sequence[str]) -> str:
    placed = f" in {names(channels)}" if channels else ""
    return f"{placed}{f' by {names(brands)}' if brands else ''}"


def _quiet(spec: PlanSpec) -> Iterator[str]:
    if not spec.contact.quiet_hours:
        return
    yield ""
    zone = f"the customer's time zone (fact {quoted(spec.contact.time_zone_of)}, else {spec.time_zone})"
    whose = "for what is not exempt, " if spec.contact.exempt else ""
    yield from paragraph(f"Quiet hours, {whose}on clocks in {zone}:")
    outbound = [name for name, channel in spec.channels.items() if channel.direction is Direction.OUTBOUND]
    for quiet in spec.contact.quiet_hours:
        yield from item(f"{quiet.id}: {_hours(quiet, outbound)}.{_why(quiet.why)}", 2)


def _hours(quiet: QuietSpec, outbound: Sequence[str]) -> str:
    later = " the next day" if quiet.ends <= quiet.begins else ""
    days = f"on {listed([day.capitalize() for day in quiet.days])}" if quiet.days else "every day"
    hours = f"from {quiet.begins} until {quiet.ends}{later}"
    of = "" if quiet.scope == ScopeSpec() else f" of {scope_said(quiet.scope)}"
    return f"{days}, {hours}, nothing{of} is sent by {names(quiet.channels or outbound)}"


def _volumes(spec: PlanSpec) -> Iterator[str]:
    if not spec.contact.volumes:
        return
    yield ""
    yield from paragraph(
        "Capacity, for all customers together. Maxima are never exceeded by what is not exempt; shadow prices spread "
        "them over the window and go to whom the offer is worth most. Minima lower the price of what they are about:"
    )
    for volume in spec.contact.volumes:
        yield from item(f"{volume.id}: {_volume(volume)}.{_why(volume.why)}", 2)


def _volume(volume: VolumeSpec) -> str:
    bounds = []
    if volume.at_least is not None:
        bounds.append(f"at least {number(volume.at_least)}")
    if volume.at_most is not None:
        bounds.append(f"at most {number(volume.at_most)}")
    window = (
        f"in every calendar {volume.calendar}" if volume.calendar else f"in any {span(volume.per or '1d')}"
    )
    directions = f" {listed([each.value for each in volume.directions])}" if volume.directions else ""
    about = f" with {scope_said(volume.scope)}" if volume.scope != ScopeSpec() else ""
    noun = (
        "contact"
        if 1 in {volume.at_most, volume.at_least if volume.at_most is None else None}
        else "contacts"
    )
    return f"{listed(bounds)}{directions} {noun}{about}{_where(volume.channels, volume.brands)} {window}"


def _why(why: str) -> str:
    return f' "{sentence(why)}"' if why else ""
