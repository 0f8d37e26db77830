"""Meaning of what a plan closes: dates that exist and are in order, kill switches and quiet hours about something."""

from collections.abc import Iterator
from datetime import datetime

from models.plan.findings import Finding
from models.plan.names import repeated, taken, unknown_names
from models.plan.scopes import Members
from models.plan.spec import PlanSpec, QuietSpec, ScopeSpec, StopSpec
from models.plan.structure import Place


def availability_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Dates, brands, kill switches and quiet hours that cannot do what they say."""
    for place, starts, ends in _periods(spec, root):
        yield from _period(place, starts, ends)
    for index, action in enumerate(spec.actions):
        place = root / "actions" / index / "brands"
        yield from unknown_names(place, action.brands, spec.brands, "brand")
        yield from repeated(place, action.brands)
    ids: dict[str, Place] = _rule_ids(spec, root)
    for index, stop in enumerate(spec.stops):
        yield from taken(ids, stop.id, root / "stops" / index / "id")
        yield from _stop(stop, spec, root / "stops" / index)
    for index, quiet in enumerate(spec.contact.quiet_hours):
        place = root / "contact" / "quiet_hours" / index
        yield from taken(ids, quiet.id, place / "id")
        yield from _quiet(quiet, spec, place)


def _rule_ids(spec: PlanSpec, root: Place) -> dict[str, Place]:
    """Where rules, suppressions and limits got their ids."""
    contact = root / "contact"
    places = [(policy.id, root / "policies" / i / "id") for i, policy in enumerate(spec.policies)]
    places += [
        (one.id, contact / "suppressions" / i / "id") for i, one in enumerate(spec.contact.suppressions)
    ]
    places += [(one.id, contact / "limits" / i / "id") for i, one in enumerate(spec.contact.limits)]
    for index, action in enumerate(spec.actions):
        for tier in ("eligibility", "applicability", "suitability"):
            place = root / "actions" / index
            places += [(rule.id, place / tier / i / "id") for i, rule in enumerate(getattr(action, tier))]
            for number, treatment in enumerate(action.treatments):
                own = place / "treatments" / number / tier
                places += [(rule.id, own / i / "id") for i, rule in enumerate(getattr(treatment, tier))]
    return dict(places)


def _periods(spec: PlanSpec, root: Place) -> Iterator[tuple[Place, str | None, str | None]]:
    """Every first and last moment, and the place of the part that has them."""
    for name, group in spec.groups.items():
        yield root / "groups" / name, group.starts, group.ends
    for index, action in enumerate(spec.actions):
        place = root / "actions" / index
        yield place, action.starts, action.ends
        for number, treatment in enumerate(action.treatments):
            yield place / "treatments" / number, treatment.starts, treatment.ends
    for index, stop in enumerate(spec.stops):
        yield root / "stops" / index, stop.since, stop.until


def _period(place: Place, starts: str | None, ends: str | None) -> Iterator[Finding]:
    first, last = ("since", "until") if "stops" in place.path else ("starts", "ends")
    faults = [(key, text) for key, text in ((first, starts), (last, ends)) if text and _moment(text) is None]
    for key, text in faults:
        yield (place / key).finding(f"{text} is no day or time", "write one that the calendar has")
    if starts and ends and not faults and str(_moment(starts)) >= str(_moment(ends)):
        yield (place / last).finding(f"{ends} is not after {starts}", "let it end after it began")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _stop(stop: StopSpec, spec: PlanSpec, place: Place) -> Iterator[Finding]:
    treatments = {treatment.id for action in spec.actions for treatment in action.treatments}
    unknown = [
        *unknown_names(place / "treatments", stop.treatments, treatments, "treatment"),
        *unknown_names(place / "channels", stop.channels, spec.channels, "channel"),
        *unknown_names(place / "brands", stop.brands, spec.brands, "brand"),
    ]
    yield from unknown
    if stop.scope == ScopeSpec() and not (stop.treatments or stop.channels or stop.brands):
        remedy = "name a scope, treatments, channels or brands"
        yield place.finding("a stop that names nothing would stop everything", remedy)
    elif stop.treatments and not unknown and not _said(stop, spec):
        yield place.finding(
            "none of these treatments is of an action in scope", "correct the scope, or remove it"
        )


def _said(stop: StopSpec, spec: PlanSpec) -> bool:
    """Whether the stop's scope has one of its treatments."""
    said = (t.id for i in Members.of(spec).indices(stop.scope) for t in spec.actions[i].treatments)
    return not set(stop.treatments).isdisjoint(said)


def _quiet(quiet: QuietSpec, spec: PlanSpec, place: Place) -> Iterator[Finding]:
    yield from unknown_names(place / "channels", quiet.channels, spec.channels, "channel")
    yield from repeated(place / "days", quiet.days)
    if quiet.begins == quiet.ends:
        yield (place / "ends").finding(
            "quiet hours that end as they begin", "write the hour at which they end"
        )
    exempt = frozenset(spec.contact.exempt)
    covered = Members.of(spec).indices(quiet.scope)
    if covered and all(spec.actions[index].message_class in exempt for index in covered):
        remedy = "widen the scope, or take the class out of contact.exempt"
        yield (place / "scope").finding("only messages that contact policy exempts", remedy)
