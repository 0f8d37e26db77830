"""In English: how offers are weighed, what is tried out, and what predicts."""

from collections.abc import Iterator

from models.plan.english_actions import scope_said
from models.plan.english_signals import Told
from models.plan.english_words import (
    counted,
    each,
    heading,
    item,
    listed,
    names,
    number,
    paragraph,
    percent,
    quoted,
    sentence,
    sentences,
    span,
)
from models.plan.fields import Scope
from models.plan.spec import ArbitrationSpec, ArmSpec, BundleSpec, InfluenceSpec, PlanSpec

_ARMS = {
    "holdout": "no marketing at all",
    "random_propensity": "the propensity of marketing is drawn by chance",
    "random_action": "any marketing that is allowed, by chance",
    "propensity_only": "the priority is the propensity alone",
    "no_levers": "levers and context weights are left out",
    "eligibility_only": "the author's applicability and suitability do not apply to marketing; duty of care does",
    "plan": "as everybody else, for comparison",
}
_NEEDS = {
    "all": "{} is offered only if all of them can be beside it",
    "any": "{} is offered only if at least one of them can be beside it",
    "one": "{} is offered only with it",
    "none": "{} can be offered alone",
}


def told_arbitration(spec: PlanSpec, told: Told) -> Iterator[str]:
    """The formula, what moves it, what goes together, what happens when nothing is left."""
    rules = spec.arbitration
    yield from heading("How offers are weighed")
    yield from paragraph(_formula(rules))
    yield ""
    yield from (line for text in _factors(spec) for line in item(text))
    if rules.context_weights:
        yield from ("", "Context weights:")
    for weight in rules.context_weights:
        what = f"{weight.percent:+g} percent for {scope_said(weight.scope)}"
        yield from item(f"{what}, while {told(weight.when, Scope.DECISION)}.", 2)
    if rules.influences:
        yield from ("", "What customers did moves the priority, for them alone; several influences multiply:")
    for influence in rules.influences:
        yield from item(_influence(influence), 2)
    yield from _bundles(spec)
    yield from _nothing(spec)


def _formula(rules: ArbitrationSpec) -> str:
    factors = [
        name
        for on, name in (
            (rules.propensity, "propensity"),
            (rules.context_weight, "context weight"),
            (rules.value, "value"),
            (rules.levers, "lever"),
        )
        if on
    ]
    off = [name for name in ("propensity", "context_weight", "value", "levers") if not getattr(rules, name)]
    switched = f" Switched off, and so 1: {listed([name.replace('_', ' ') for name in off])}." if off else ""
    return (
        f"Priority = {' x '.join(factors) or '1'}.{switched} Mandatory actions come first, then the higher priority; "
        "equal ones go by action id. The best that contact policy allows gets the first slot, the next the second."
    )


def _factors(spec: PlanSpec) -> Iterator[str]:
    rules = spec.arbitration
    model = (
        "by the model, for the actions that it knows; else the action's starting propensity"
        if spec.model
        else ""
    )
    start = (
        "the action's starting propensity, or (0.5 + positives) / (1 + responses) where the plan tells them"
    )
    yield f"Propensity: how likely a positive answer is if the offer is shown, {model or start}."
    if rules.smoothing:
        yield "While there is little evidence, the model's propensity is drawn towards the starting propensity."
    yield (
        "Context weight: 1 + the sum of the percent of all weights that hold / 100, never below 0. At 0, marketing is "
        "not offered, unless it is mandatory."
    )
    yield f"Value: what a positive answer is worth, in {spec.currency}."
    yield "Lever: 1 + (percent of issue + group + action) / 100, never below 0."
    if rules.propensity_threshold:
        yield f"Marketing with a propensity below {number(rules.propensity_threshold)} is not offered."
    if rules.priority_threshold:
        yield f"Marketing with a priority below {number(rules.priority_threshold)} is not offered."
    if rules.maturity:
        start, end = (
            percent(rules.maturity.start_percent),
            counted(rules.maturity.positives, "positive outcome"),
        )
        yield f"A new action reaches {start} of customers at first, and everybody after {end}."
    whose = "every offer" if rules.reasons_of == "offers" else "every candidate that was ranked"
    yield f"The {number(rules.reasons)} features that moved the propensity most are recorded for {whose}."


def _influence(influence: InfluenceSpec) -> str:
    causes = [kind.value for kind in influence.outcomes]
    causes += [f"any {influence.label} outcome"] if influence.label else []
    fades = f", halving every {each(influence.half_life)}" if influence.half_life else ""
    of = {"action": "the action", "group": "the action's group", "issue": "the action's issue"}[influence.of]
    why = f' "{sentence(influence.why)}"' if influence.why else ""
    return (
        f"{influence.id}: {listed(causes, 'or')} of {scope_said(influence.scope, 'any')} moves {of} by "
        f"{influence.percent:+g} percent{fades}, for {span(influence.lasts)}.{why}"
    )


def _bundles(spec: PlanSpec) -> Iterator[str]:
    if spec.bundles:
        yield from ("", "Bundles:")
    for bundle in spec.bundles:
        yield from item(_bundle(bundle), 2)


def _bundle(bundle: BundleSpec) -> str:
    members = "The member" if len(bundle.members) == 1 else "The members"
    alone = (
        f"{members} can be offered without it."
        if bundle.alone
        else f"{members} {'is' if len(bundle.members) == 1 else 'are'} not offered without it."
    )
    one = len(bundle.members) == 1
    slots = "follows {} into the slot after it" if one else "follow {} into the slots after it"
    follow = f"{names(bundle.members)} {slots.format(quoted(bundle.parent))}"
    needs = _NEEDS["one" if one and bundle.needs != "none" else bundle.needs].format(quoted(bundle.parent))
    return f"{bundle.id}: {follow}; {needs}. {sentences(alone, bundle.why)}"


def _nothing(spec: PlanSpec) -> Iterator[str]:
    yield ""
    instead = ""
    if any(body.fallback for body in spec.placements.values()):
        instead = (
            " A placement can name an action for that case: it takes the first slot, if its rules let it."
        )
    yield from paragraph(
        f"When nothing may be offered, nothing is: no action is a decision too, with its reasons recorded.{instead}"
    )


def told_trials(spec: PlanSpec) -> Iterator[str]:
    """Exploration and experiments."""
    if spec.arbitration.exploration == "none" and not spec.experiments.arms:
        return
    yield from heading("What is tried out")
    if spec.arbitration.exploration == "thompson":
        yield from paragraph(
            "Exploration: for each slot the propensity of marketing is drawn anew from Beta(p x evidence, (1 - p) x "
            "evidence), from a seed that the decision gives: the less is known of an action, the more it varies. "
            "The exact probability of every choice is recorded."
        )
    if spec.experiments.arms:
        yield from paragraph(_dealt(spec))
        yield ""
    for arm in spec.experiments.arms:
        yield from item(_arm(arm))


def _dealt(spec: PlanSpec) -> str:
    again = (
        "anew each month (a holdout never)" if spec.experiments.reshuffle == "monthly" else "once and for all"
    )
    rest = 1 - sum(arm.share for arm in spec.experiments.arms)
    return (
        f"Experiments: customers are dealt into arms by a hash of their id and the seed "
        f"{quoted(spec.experiments.seed)}, {again}. {percent(round(100 * rest, 6))} of customers are in none."
    )


def _arm(arm: ArmSpec) -> str:
    share = percent(round(100 * arm.share, 6))
    return f"{arm.id}, {share} of customers: {sentences(_ARMS[arm.kind], arm.description)}"


def told_model(spec: PlanSpec) -> Iterator[str]:
    """What predicts, and what the plan is known by."""
    yield from heading("Model")
    if spec.model is None:
        yield from paragraph("None: propensities are the starting ones, until a model is trained.")
    else:
        by = f"digest {spec.model.digest}" if spec.model.digest else "digest not stated"
        yield from paragraph(f"The model in the plan's folder {quoted(spec.model.path)} predicts, {by}.")
