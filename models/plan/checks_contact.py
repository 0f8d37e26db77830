"""Meaning of the contact policy: limits that limit something, suppressions that something sets off."""

from collections.abc import Iterator

from models.plan.findings import Finding
from models.plan.names import repeated, taken, unknown_names
from models.plan.spec import LimitSpec, PlanSpec, ScopeSpec, SuppressionSpec
from models.plan.structure import Place


def contact_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """What of limits, suppressions and channels cannot mean anything."""
    contact = root / "contact"
    ids: dict[str, Place] = {}
    for index, suppression in enumerate(spec.contact.suppressions):
        place = contact / "suppressions" / index
        yield from taken(ids, suppression.id, place / "id")
        yield from _suppression(suppression, spec, place)
    for index, limit in enumerate(spec.contact.limits):
        place = contact / "limits" / index
        yield from taken(ids, limit.id, place / "id")
        yield from _limit(limit, spec, place)
    for name, channel in spec.channels.items():
        if channel.unconfirmed == "release" and channel.response_window is None:
            message = "what nothing confirms is released, but silence never says so in this channel"
            remedy = "give it a response_window, or commit"
            yield (root / "channels" / name / "unconfirmed").finding(message, remedy)


def _suppression(suppression: SuppressionSpec, spec: PlanSpec, place: Place) -> Iterator[Finding]:
    yield from _channels_and_brands(suppression, spec, place)
    if not suppression.outcomes and suppression.label is None and suppression.signal is None:
        remedy = "add e.g. outcomes: [Rejected], or signal: a condition"
        yield place.finding("a suppression that nothing sets off", remedy)
    if suppression.signal is None:
        return
    if suppression.pauses == "treatment":
        message = "a signal names an action, not the treatment to pause"
        yield (place / "pauses").finding(message, "write pauses: action, or remove the signal")
    if suppression.pauses not in ("channel", "all") or suppression.scope != ScopeSpec():
        yield from _action_attribute(place / "action_attribute", suppression.action_attribute, spec)


def _action_attribute(place: Place, name: str, spec: PlanSpec) -> Iterator[Finding]:
    declared = spec.vocabulary.attributes.get(name)
    if declared is None:
        remedy = f"declare vocabulary.attributes.{name}, of type string"
        yield place.finding(f"attribute {name!r}, which should name the action, is not declared", remedy)
    elif declared.type != "string":
        yield place.finding(f"attribute {name!r} is a {declared.type}", "an action is named by a string")


def _limit(limit: LimitSpec, spec: PlanSpec, place: Place) -> Iterator[Finding]:
    yield from _channels_and_brands(limit, spec, place)
    known = [spec.channels[name] for name in limit.channels or spec.channels if name in spec.channels]
    if limit.directions and known and not any(each.direction in limit.directions for each in known):
        among = "of these channels" if limit.channels else "of the plan"
        message = f"no channel {among} is {' or '.join(limit.directions)}"
        yield (place / "directions").finding(message, "remove the directions, or change the channels")
    if limit.whose == "customer" and limit.at_most > spec.contact.keep:
        message = f"at_most {limit.at_most}, but only {spec.contact.keep} contacts are remembered"
        yield (place / "at_most").finding(message, "raise contact.keep, or lower the limit")


def _channels_and_brands(
    written: LimitSpec | SuppressionSpec, spec: PlanSpec, place: Place
) -> Iterator[Finding]:
    yield from unknown_names(place / "channels", written.channels, spec.channels, "channel")
    yield from unknown_names(place / "brands", written.brands, spec.brands, "brand")
    yield from repeated(place / "channels", written.channels)
    yield from repeated(place / "brands", written.brands)
    if written.per_brand and len(written.brands) == 1:
        message = "per_brand, but it is about one brand only"
        yield (place / "per_brand").finding(message, "remove per_brand, or name more brands")
