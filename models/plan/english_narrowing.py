"""The part of a plan that is about one action."""

from msgspec.structs import replace

from models.plan.scopes import Members
from models.plan.spec import ActionSpec, PlanSpec, ScopeSpec


def narrowed(spec: PlanSpec, action: ActionSpec) -> PlanSpec:
    """The plan with only those placements, triggers, rules, limits and weights that concern the action."""
    index, members = spec.actions.index(action), Members.of(spec)
    fits = {name for treatment in action.treatments for name in treatment.placements}
    placements = {name: body for name, body in spec.placements.items() if name in fits}
    channels = {body.channel for body in placements.values()}

    def about(scope: ScopeSpec) -> bool:
        return index in members.indices(scope)

    def said_in(names: tuple[str, ...]) -> bool:
        return not names or None in channels or not channels.isdisjoint(names)

    contact = replace(
        spec.contact,
        suppressions=tuple(each for each in spec.contact.suppressions if about(each.scope)),
        limits=tuple(each for each in spec.contact.limits if about(each.scope) and said_in(each.channels)),
        quiet_hours=tuple(
            each for each in spec.contact.quiet_hours if about(each.scope) and said_in(each.channels)
        ),
        volumes=tuple(each for each in spec.contact.volumes if about(each.scope) and said_in(each.channels)),
    )
    arbitration = replace(
        spec.arbitration,
        context_weights=tuple(each for each in spec.arbitration.context_weights if about(each.scope)),
        influences=tuple(each for each in spec.arbitration.influences if about(each.scope)),
    )
    return replace(
        spec,
        channels={name: body for name, body in spec.channels.items() if None in channels or name in channels},
        placements=placements,
        triggers=tuple(each for each in spec.triggers if fits.intersection(each.placements)),
        policies=tuple(each for each in spec.policies if about(each.scope)),
        stops=tuple(each for each in spec.stops if about(each.scope)),
        contact=contact,
        arbitration=arbitration,
        bundles=tuple(each for each in spec.bundles if action.id in (each.parent, *each.members)),
    )
