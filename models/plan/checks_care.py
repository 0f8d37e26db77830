"""Meaning of duty of care: facts that can hold what they must, and no way around it without words."""

from collections.abc import Iterator

from models.care import consent_id, rule_id
from models.plan.facts import CARE, built_in_facts, care_facts, consent_facts
from models.plan.findings import Finding
from models.plan.names import unknown
from models.plan.spec import PlanSpec
from models.plan.structure import Place


def care_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """What makes duty of care, as written, no care."""
    care = root / "care"
    yield from _waiver(spec, care)
    yield from _facts(spec, root)
    yield from _consent(spec, care)
    softened = any(fact.then == "soften" for fact in care_facts(spec).values())
    if softened and spec.care.soften_percent == 0:
        remedy = "write e.g. -50, or then: stop"
        yield (care / "soften_percent").finding("softened by nothing", remedy)
    if softened and spec.care.soften_percent <= -100:
        remedy = "write then: stop, which says why, or something above -100"
        yield (care / "soften_percent").finding("softened until nothing is left: that is a stop", remedy)


def care_ids(spec: PlanSpec) -> frozenset[str]:
    """Ids of the rules that duty of care gives a plan."""
    return frozenset([*map(rule_id, CARE), *map(consent_id, consent_facts(spec))])


def _waiver(spec: PlanSpec, care: Place) -> Iterator[Finding]:
    place = care / "waived"
    if place.node is not None and not any(map(str.isalpha, spec.care.waived)):
        remedy = "say in words why duty of care does not apply to this plan, or remove the key"
        yield place.finding("waived without a reason", remedy)


def _facts(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """A declaration of the vocabulary must not take a fact away from what the plan needs it for."""
    for name, needed in built_in_facts(spec).items():
        declared = spec.vocabulary.customer.get(name)
        if declared is not None and declared.type != needed.type:
            place = root / "vocabulary" / "customer" / name / "type"
            message = f"{name!r} is declared as {declared.type}, but is a {needed.type} in every plan"
            remedy = f"declare it {needed.type}, or name another fact in {_asked_by(spec, name)}"
            yield place.finding(message, remedy)
        if declared is not None and declared.one_of and needed.type == "string":
            place = root / "vocabulary" / "customer" / name / "one_of"
            yield place.finding("time zones by a closed list", "remove one_of: any zone can come")


def _asked_by(spec: PlanSpec, fact: str) -> str:
    for name in CARE:
        if getattr(spec.care, name).fact == fact:
            return f"care.{name}.fact"
    for channel, name in consent_facts(spec).items():
        if name == fact:
            return f"care.consent.{channel}"
    return "contact.time_zone_of"


def _consent(spec: PlanSpec, care: Place) -> Iterator[Finding]:
    markers = {fact.fact: name for name, fact in care_facts(spec).items()}
    for channel, fact in spec.care.consent.items():
        yield from unknown((care / "consent").key(channel), channel, spec.channels, "channel")
        if fact in markers:
            message = (
                f"{fact!r} says that the customer is {markers[fact].replace('_', ' ')}, not that they agree"
            )
            yield (care / "consent" / channel).finding(message, "name the fact that holds the consent")
