"""In English: what can be said, and who may hear it."""

from collections.abc import Iterator, Sequence

from models.care import applies, care_rules, consent_rules
from models.exploration.evidence import known_propensity
from models.plan.english_signals import Told
from models.plan.english_words import (
    heading,
    item,
    listed,
    names,
    number,
    paragraph,
    period,
    quoted,
    sentence,
    sentences,
)
from models.plan.facts import care_facts
from models.plan.fields import Scope
from models.plan.spec import (
    ActionSpec,
    GroupSpec,
    PlanSpec,
    PolicySpec,
    RuleSpec,
    ScopeSpec,
    StopSpec,
    TreatmentSpec,
    WeightSpec,
)

TIERS = {
    "eligibility": "Eligibility: may we?",
    "applicability": "Applicability: does it fit now?",
    "suitability": "Suitability: should we?",
}


def scope_said(scope: ScopeSpec, every: str = "all") -> str:
    """`marketing actions of the issues "acquire" and "grow"`; `all actions`, or `any action`, if it says nothing."""
    classes = (
        f"{listed([each.value for each in scope.classes], 'or')} actions" if scope.classes else "actions"
    )
    if scope == ScopeSpec(classes=scope.classes):
        return f"{every} {classes if every == 'all' else classes.removesuffix('s')}"
    parts = [
        f"of the {key}{'s' * (len(found) > 1)} {names(found)}"
        for key, found in (("issue", scope.issues), ("group", scope.groups))
        if found
    ]
    if scope.actions:
        kinds = f"{listed([each.value for each in scope.classes], 'or')} " if scope.classes else ""
        classes = f"the {kinds}action{'s' * (len(scope.actions) > 1)} {names(scope.actions)}"
    return " ".join([classes, *parts])


def told_catalogue(spec: PlanSpec, told: Told) -> Iterator[str]:
    """Issues, their groups, their actions."""
    yield from heading("What can be said")
    first = next(iter(spec.issues))
    for issue_id, issue in spec.issues.items():
        lever = _lever(issue.lever_percent)
        yield from [""] * (issue_id != first)
        yield from paragraph(f"ISSUE {issue_id}: {issue.name or issue_id}{lever}.")
        for group_id, group in spec.groups.items():
            if group.issue == issue_id:
                yield ""
                yield from paragraph(_group(group_id, group), 2, 2)
                for action in spec.actions:
                    if action.group == group_id:
                        yield ""
                        yield from told_action(spec, action, told, indent=4)


def _group(name: str, group: GroupSpec) -> str:
    when = period(group.starts, group.ends)
    return f"GROUP {name}: {group.name or name}{_lever(group.lever_percent)}{f', {when}' if when else ''}."


def _lever(value: float) -> str:
    return f", lever {value:+g} percent" if value else ""


def told_action(spec: PlanSpec, action: ActionSpec, told: Told, indent: int = 0) -> Iterator[str]:
    """One action: what it is, its own rules, its treatments."""
    yield from paragraph(
        f"{action.id}: {action.name or action.id}. {sentences(action.description)}", indent, 2
    )
    yield from paragraph(sentences(*_qualities(spec, action)), indent + 2)
    for tier in TIERS:
        yield from _rules(getattr(action, tier), tier, told, indent + 2)
    for weight in action.context_weights:
        yield from item(f"{_weighed(weight, told)}.", indent + 2)
    for treatment in action.treatments:
        yield from _treatment(treatment, told, indent + 2)


def _qualities(spec: PlanSpec, action: ActionSpec) -> Iterator[str]:
    kind = f"a {action.message_class.value} message"
    first = ", mandatory: it comes before all that is not" if action.mandatory else ""
    yield f"{kind}{first}, worth {number(action.value)} {spec.currency}{_lever(action.lever_percent)}"
    start = f"its propensity starts at {number(action.starting_propensity)}"
    weight = f", worth {number(action.starting_evidence)} responses" if action.starting_evidence else ""
    yield start + weight
    if action.evidence:
        seen = f"{number(action.evidence.positives)} of {number(action.evidence.responses)} responses were positive"
        yield f"so far {seen}, which without a model makes it {number(round(known_propensity(action), 6))}"
    if action.propensity_threshold is not None:
        yield f"it is not offered below a propensity of {number(action.propensity_threshold)}"
    if action.brands:
        yield f"only {names(action.brands)} may offer it"
    if when := period(action.starts, action.ends):
        yield f"it is offered {when}"


def _rules(rules: Sequence[RuleSpec], tier: str, told: Told, indent: int) -> Iterator[str]:
    for rule in rules:
        yield from item(f"{_rule(rule, told)} ({tier})", indent)


def _rule(rule: RuleSpec, told: Told) -> str:
    why = f' Else: "{sentence(rule.why)}"' if rule.why else ""
    return f"{rule.id}: {told(rule.when, Scope.DECISION)}.{why}"


def _weighed(weight: WeightSpec, told: Told) -> str:
    return f"context weight {weight.percent:+g} percent while {told(weight.when, Scope.DECISION)}"


def _treatment(treatment: TreatmentSpec, told: Told, indent: int) -> Iterator[str]:
    when = period(treatment.starts, treatment.ends)
    text = f': "{treatment.text}"' if treatment.text else ""
    places = f"treatment {treatment.id} for {listed(treatment.placements)}"
    yield from item(f"{places}{f', {when}' if when else ''}{text}", indent)
    for tier in TIERS:
        yield from _rules(getattr(treatment, tier), tier, told, indent + 2)


def told_policies(spec: PlanSpec, told: Told) -> Iterator[str]:
    """The shared rules, in the order tried."""
    yield from heading("Who may hear it")
    yield from paragraph(
        "Three questions are asked of every action, in this order; of each, first the rules below in their order, "
        "then the action's own. What must hold is said; the first rule that is not met removes the action. "
        "Before that, an action must be open: its dates, its brands, no stop; and duty of care comes first."
    )
    for tier, title in TIERS.items():
        found = [policy for policy in spec.policies if policy.tier == tier]
        if found:
            yield ""
            yield from paragraph(title)
        for policy in found:
            yield from item(_policy(policy, told), 2)


def _policy(policy: PolicySpec, told: Told) -> str:
    why = f' Else: "{sentence(policy.why)}"' if policy.why else ""
    return f"{policy.id}, for {scope_said(policy.scope)}: {told(policy.when, Scope.DECISION)}.{why}"


def told_care(spec: PlanSpec) -> Iterator[str]:
    """Duty of care: part of every plan."""
    yield from heading("Duty of care")
    if not applies(spec):
        yield from paragraph(
            f"Duty of care is waived in this plan. The reason given: {sentence(spec.care.waived)}"
        )
        return
    yield from paragraph(
        "Part of every plan, whatever its author writes. It holds back marketing; service and regulatory messages pass."
    )
    yield ""
    whys = {rule.text: rule.why for rule, _ in care_rules(spec)}
    for name, care in care_facts(spec).items():
        circumstance = f"{name.replace('_', ' ')}, while the customer's fact {quoted(care.fact)} is true"
        if care.then == "stop":
            yield from item(f'{circumstance}: no marketing. "{whys[f"not customer.{care.fact}"]}"')
        else:
            softer = f"{spec.care.soften_percent:+g} percent"
            yield from item(f"{circumstance}: marketing gets a context weight of {softer}.")
    for channel, fact, _ in consent_rules(spec):
        yield from item(
            f"consent to marketing by {channel}: the customer's fact {quoted(fact)} must be true. "
            "Missing consent is no consent."
        )


def told_stops(spec: PlanSpec) -> Iterator[str]:
    """Kill switches."""
    if not spec.stops:
        return
    yield from heading("Stopped")
    for stop in spec.stops:
        when = period(stop.since, stop.until)
        yield from item(
            f"{stop.id}: {_stopped(stop)} {when or 'until further notice'}. {sentences(stop.why)}"
        )


def _stopped(stop: StopSpec) -> str:
    what = scope_said(stop.scope)
    if stop.treatments:
        what = f"the treatment{'s' * (len(stop.treatments) > 1)} {names(stop.treatments)}"
        what += f" of {scope_said(stop.scope)}" if stop.scope != ScopeSpec() else ""
    channels = f" in {names(stop.channels)}" if stop.channels else ""
    brands = f" by {names(stop.brands)}" if stop.brands else ""
    return f"{what}{channels}{brands}"
