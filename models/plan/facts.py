"""The profile facts that a plan knows: those that it declares, and those that every plan knows by itself."""

from models.plan.spec import CareFactSpec, FieldSpec, PlanSpec
from schemas.common import Direction

CARE = ("vulnerable", "bereaved", "financial_difficulty", "complaint")
"""The circumstances of duty of care: fields of `PlanSpec.care`."""


def customer_facts(spec: PlanSpec) -> dict[str, FieldSpec]:
    """Every fact that the context keeps and expressions may name: the declared ones, then the others."""
    return {**spec.vocabulary.customer, **_undeclared(spec)}


def care_facts(spec: PlanSpec) -> dict[str, CareFactSpec]:
    """The circumstances in which marketing steps back, by their name in the plan."""
    return {name: getattr(spec.care, name) for name in CARE}


def consent_facts(spec: PlanSpec) -> dict[str, str]:
    """By channel that needs consent to marketing: the fact that holds it. A channel without a placement needs none."""
    used = {placement.channel for placement in spec.placements.values()}
    outbound = {
        name: f"consent_{name}"
        for name, channel in spec.channels.items()
        if channel.direction is Direction.OUTBOUND and not used.isdisjoint({name, None})
    }
    return {**outbound, **spec.care.consent}


def built_in_facts(spec: PlanSpec) -> dict[str, FieldSpec]:
    """The facts that the plan's own machinery reads, and the types they must have."""
    found = {
        care.fact: FieldSpec(type="boolean", description=f"Duty of care: {name.replace('_', ' ')}.")
        for name, care in care_facts(spec).items()
    }
    for channel, fact in consent_facts(spec).items():
        found.setdefault(fact, FieldSpec(type="boolean", description=f"Consent to marketing by {channel}."))
    if spec.contact.quiet_hours:
        zone = FieldSpec(type="string", description="Time zone, an IANA name.")
        found.setdefault(spec.contact.time_zone_of, zone)
    return found


def _undeclared(spec: PlanSpec) -> dict[str, FieldSpec]:
    declared = spec.vocabulary.customer
    return {name: field for name, field in built_in_facts(spec).items() if name not in declared}
