"""What the parts of a decision are called when one talks to the customer: no ids, no jargon."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from models.plan.compiled import Plan
from models.plan.english_words import sentence, span, times
from models.plan.spec import LimitSpec, PlanSpec, SuppressionSpec
from schemas import Stage

BECAUSE: Mapping[Stage, str] = {
    Stage.ACTION_AVAILABILITY: "This was not on offer at the time, or not from this brand.",
    Stage.ACTION_EMERGENCY_EXCLUSION: "We had stopped offering this at the time.",
    Stage.UNIVERSAL_HOLDOUT: (
        "You are one of a few customers, picked by chance, to whom we make no offers. "
        "It lets us see whether our offers do any good."
    ),
    Stage.ELIGIBILITY: "We may not offer you this.",
    Stage.APPLICABILITY: "This does not fit what you have or need at the moment.",
    Stage.SUITABILITY: "We do not think this would be good for you at the moment.",
    Stage.ACTION_MATURITY: "This is new, and we show it to few customers at first.",
    Stage.PROPENSITY_THRESHOLDS: "We thought it unlikely that this would interest you.",
    Stage.PRIORITY_THRESHOLDS: "We did not think this useful enough to take up your time.",
    Stage.TREATMENT_AVAILABILITY: "We had nothing current to say about this here.",
    Stage.TREATMENT_EMERGENCY_EXCLUSION: "We had stopped this message here at the time.",
    Stage.TREATMENT_ELIGIBILITY: "What we say about this was not meant for you here.",
    Stage.CHANNEL_AVAILABILITY: "We do not write to you about this at this hour.",
    Stage.ACTION_SUPPRESSIONS: "You have answered us on this lately, so we give it a rest.",
    Stage.TREATMENT_SUPPRESSIONS: "You have answered this message lately, so we give it a rest.",
    Stage.CONTACT_LIMITS: "You have heard enough from us for now.",
    Stage.CHANNEL_LIMITS: "You have heard enough from us here for now.",
    Stage.VOLUME_CONSTRAINTS: (
        "We can only look after so many customers at a time with this, and others needed it more."
    ),
    Stage.BUNDLING: "We only offer this together with something else, and that could not be offered.",
    Stage.TREATMENT_PLACEMENTS: "We have nothing to say about this in this place.",
    Stage.ARBITRATION: "You could have had this, but we thought that something else would help you more.",
}
"""Why something was not offered, by the stage that removed it, where the rule itself does not say."""

SILENCE: Mapping[str, str] = {
    "no_candidates": "There is nothing that we could have offered.",
    "all_removed_by_engagement_policy": "Nothing that we have was right for you at that moment.",
    "all_below_thresholds": "Nothing that was left seemed useful enough to take up your time.",
    "universal_holdout": "You are one of a few customers, picked by chance, to whom we make no offers.",
    "not_permitted_here": "What was right for you may not be offered in this way at that moment.",
    "contact_policy": "You have heard enough from us for now.",
    "volume_constraints": "We can only look after so many customers at a time, and others needed it more.",
    "incomplete_bundle": "What was left is only offered together with something that could not be offered.",
    "no_treatment_for_placements": "We had nothing to say in this place.",
}
"""Why nothing was offered."""

_LEDGER = {
    "memory-full": "We could not be sure how often you have heard from us, so we held back.",
    "memory-lost": "We could not be sure what you have heard from us before, so we held back.",
    "household-unsure": "We could not be sure what your household has heard from us, so we held back.",
}


def whys(plan: Plan) -> dict[str, str]:
    """What each rule of a plan says to the customer, by id; those that say nothing are not in it."""
    found = dict(_LEDGER)
    for rule in plan.engagement.rules:
        found.setdefault(rule.id, rule.why)
    for (_, name), why in zip(plan.gates.rules, plan.gates.whys, strict=True):
        found.setdefault(name, why)
    contact = plan.spec.contact
    found |= {each.id: each.why or _suppressed(each) for each in contact.suppressions}
    found |= {each.id: each.why or _limited(each) for each in contact.limits}
    found |= {each.id: each.why for each in contact.volumes}
    return {name: sentence(why) for name, why in found.items() if why}


def _suppressed(rule: SuppressionSpec) -> str:
    return f"After what you told us, we leave this alone for {span(rule.pause)}."


def _limited(limit: LimitSpec) -> str:
    whom = "your household" if limit.whose == "household" else "you"
    what = {"action": "about the same thing", "treatment": "with the same message", "group": "on one subject"}
    about = what.get(limit.each, "")
    often = f"at most {times(limit.at_most)}" if limit.at_most else "not even once"
    return f"We turn to {whom} {about + ' ' if about else ''}{often} in {span(limit.per)}."


def names(spec: PlanSpec) -> dict[str, str]:
    """What each action is called."""
    return {action.id: action.name or plain(action.id) for action in spec.actions}


def plain(name: str) -> str:
    """A name of the plan without its punctuation."""
    return name.replace("_", " ").replace("-", " ")


def lowered(text: str) -> str:
    """A description as part of a sentence: its first part, no full stop, no capital unless it is a name's."""
    text = " ".join(text.split(";", maxsplit=1)[0].split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def told_at(at: datetime, zone: str) -> str:
    """`Monday 2 March 2026 at 14:05`, by the clock of the plan."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%A} {local.day} {local:%B %Y} at {local:%H:%M}"


def features(spec: PlanSpec) -> dict[str, str]:
    """What each column of the model's vector is about; of values of one feature the same, with the value."""
    found: dict[str, str] = {}
    for feature in spec.features:
        about = lowered(feature.description) or plain(feature.name)
        found[feature.name] = about
        found |= {f"{feature.name}_{value}": f"{about}: {plain(value)}" for value in feature.values}
    return found
