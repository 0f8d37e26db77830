"""Meaning of what moves and ties offers: bundles that can be complete, fallbacks that can be said, influences."""

from collections.abc import Iterator

from models.plan.findings import Finding
from models.plan.names import repeated, taken, unknown, unknown_names
from models.plan.spec import BundleSpec, InfluenceSpec, PlanSpec
from models.plan.structure import Place
from models.times import duration


def allocation_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """What of bundles, fallbacks and influences cannot mean anything."""
    yield from _bundles(spec, root / "bundles")
    for name in spec.placements:
        yield from _fallback(spec, name, root / "placements" / name / "fallback")
    ids: dict[str, Place] = {}
    for index, influence in enumerate(spec.arbitration.influences):
        place = root / "arbitration" / "influences" / index
        yield from taken(ids, influence.id, place / "id")
        yield from _influence(influence, place)


def _bundles(spec: PlanSpec, place: Place) -> Iterator[Finding]:
    ids: dict[str, Place] = {}
    parents: dict[str, Place] = {}
    actions = [action.id for action in spec.actions]
    for index, bundle in enumerate(spec.bundles):
        one = place / index
        yield from taken(ids, bundle.id, one / "id")
        names = [
            *unknown(one / "parent", bundle.parent, actions, "action"),
            *unknown_names(one / "members", bundle.members, actions, "action"),
            *repeated(one / "members", bundle.members),
        ]
        yield from names
        own = one / "parent"
        first = parents.setdefault(bundle.parent, own)
        if first is not own:
            where = f"{first.mark.file} line {first.mark.line}"
            message = f"{bundle.parent!r} is the parent of another bundle, in {where}"
            yield own.finding(message, "write one bundle with the members of both")
        nested = [*_nested(spec, bundle, one / "members")]
        yield from nested
        if not names and not nested:
            yield from _never_complete(spec, bundle, one)


def _nested(spec: PlanSpec, bundle: BundleSpec, place: Place) -> Iterator[Finding]:
    parents = {other.parent for other in spec.bundles}
    for number, member in enumerate(bundle.members):
        if member == bundle.parent:
            message = f"{member!r} is its own parent"
            yield (place / number).finding(message, "remove it: the parent goes first anyway")
        elif member in parents:
            message = f"{member!r} is itself the parent of a bundle"
            yield (place / number).finding(message, "bundles do not nest: name its members here")


def _never_complete(spec: PlanSpec, bundle: BundleSpec, place: Place) -> Iterator[Finding]:
    """No placement has room and treatments for the parent and the members that it needs, or any member at all."""
    least = len(bundle.members) if bundle.needs == "all" else 1
    said = {
        action.id: {name for treatment in action.treatments for name in treatment.placements}
        for action in spec.actions
    }
    for name, placement in spec.placements.items():
        together = sum(name in said[member] for member in bundle.members)
        if name in said[bundle.parent] and placement.slots > least and together >= least:
            return
    members = "all its members" if bundle.needs == "all" else "a member"
    message = f"no placement has slots and treatments for {bundle.parent!r} and {members}"
    yield place.finding(message, "give one more slots, or the members treatments there")


def _fallback(spec: PlanSpec, name: str, place: Place) -> Iterator[Finding]:
    fallback = spec.placements[name].fallback
    if fallback is None:
        return
    actions = {action.id: action for action in spec.actions}
    yield from unknown(place, fallback, actions, "action")
    if fallback not in actions:
        return
    action = actions[fallback]
    if not any(name in treatment.placements for treatment in action.treatments):
        message = f"{fallback!r} has no treatment for {name}"
        yield place.finding(message, f"add {name} to the placements of one, or choose another action")
    if action.mandatory:
        message = f"{fallback!r} is mandatory: it goes first, but a fallback only when nothing else does"
        yield place.finding(message, "remove mandatory, or choose another action")
    tied = [bundle.id for bundle in spec.bundles if fallback in (bundle.parent, *bundle.members)]
    if tied:
        message = f"{fallback!r} is part of the bundle {tied[0]!r}, but a fallback competes nowhere"
        yield place.finding(message, "take it out of the bundle, or choose another action")


def _influence(influence: InfluenceSpec, place: Place) -> Iterator[Finding]:
    yield from repeated(place / "outcomes", [kind.value for kind in influence.outcomes])
    if not influence.outcomes and influence.label is None:
        remedy = "add e.g. outcomes: [Clicked], or label: positive"
        yield place.finding("an influence that nothing sets off", remedy)
    if influence.percent == 0:
        message = "it moves priorities by nothing"
        yield (place / "percent").finding(message, "write how many percent, or remove the influence")
    for key in ("half_life", "lasts"):
        text = getattr(influence, key)
        if text is not None and duration(text) == 0:
            yield (place / key).finding(f"{text} is no time at all", "write a longer one, e.g. 1d")
