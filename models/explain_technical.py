"""A decision with its ids and numbers, for those who look after the plan."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from models.plan.spec import PlanSpec
from models.stage_words import STAGES
from schemas import Candidate, Decision, MessageClass, Offer, Stage

_SILENCE = {
    "universal_holdout": "the customer is in the holdout",
    "all_below_thresholds": "what was left is below a threshold",
    "not_permitted_here": "no action left may be offered in the places asked for",
    "volume_constraints": "no action left is worth the capacity it takes",
    "incomplete_bundle": "what was left is offered only with something else",
    "no_candidates": "the plan has no actions",
    "all_removed_by_engagement_policy": "engagement policy left no action",
    "contact_policy": "contact policy allowed none of the actions left",
    "no_treatment_for_placements": "no action left has a treatment for the places asked for",
}


def explain_technically(decision: Decision, spec: PlanSpec) -> str:
    """The whole decision with its ids and numbers: what was asked, what was offered and why, why nothing else was."""
    return "\n".join(_lines(decision, spec)) + "\n"


def _lines(decision: Decision, spec: PlanSpec) -> Iterator[str]:
    names = {action.id: action.name or action.id for action in spec.actions}
    whys = rule_texts(spec)
    yield from _asked(decision, spec)
    yield ""
    if decision.offers:
        for offer in decision.offers:
            yield from _offered(offer, names, _priority(offer, decision.arm, spec))
    else:
        reason = decision.no_action or ""
        yield f"Nothing is offered: {_SILENCE.get(reason, reason)}."
    yield ""
    yield from _not_offered(decision, whys)


def _asked(decision: Decision, spec: PlanSpec) -> Iterator[str]:
    session = decision.context.session
    age = (decision.decided_at - session.started_at).total_seconds()
    asked = f"trigger {decision.trigger}" if decision.trigger else "the channel"
    page = f", page {decision.page}" if decision.page else ""
    yield f"Decision {decision.decision_id}"
    yield f"  for customer {decision.customer_id}, at {decision.decided_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"  asked by {asked}: {decision.channel} ({decision.direction}), brand {decision.brand}{page}"
    yield f"  places to fill: {', '.join(decision.placements)}"
    yield f"  session {session.number}, event {session.events}, {age / 60:.0f} min old"
    yield f"  plan {spec.name} {decision.plan_digest}, model {decision.model_digest or 'none (starting propensities)'}"


def _offered(offer: Offer, names: Mapping[str, str], priority: str) -> Iterator[str]:
    yield f"{offer.rank}. {names.get(offer.action, offer.action)}  [{offer.action}, {offer.treatment}]"
    yield f"   in {offer.placement} slot {offer.slot}, {offer.issue}/{offer.group}, {offer.message_class}"
    first = "mandatory, so before all others; " if offer.mandatory else ""
    yield f"   {first}{priority}"
    yield from _beside(offer)
    if offer.reasons:
        moved = ", ".join(f"{r.feature} {r.contribution:+.2f}" for r in offer.reasons)
        yield f"   propensity moved most by (log-odds): {moved}"


def _priority(offer: Offer, arm: str, spec: PlanSpec) -> str:
    """The priority as the product of the factors that counted, and those that did not."""
    kind = next((each.kind for each in spec.experiments.arms if each.id == arm), "plan")
    if kind == "random_action" and offer.message_class is MessageClass.MARKETING and not offer.mandatory:
        return f"priority {offer.priority:.4g}, that of all marketing in this arm"
    switches, bare = spec.arbitration, kind == "propensity_only"
    factors = {
        f"propensity {offer.propensity:.4g}": bare or switches.propensity,
        f"context {offer.context_weight:.3g}": True,
        f"value {offer.value:g} {spec.currency}": switches.value and not bare,
        f"lever {offer.lever:.3g}": switches.levers and not bare and kind != "no_levers",
    }
    product = " x ".join(said for said, counts in factors.items() if counts)
    rest = " and ".join(said for said, counts in factors.items() if not counts)
    return f"priority {offer.priority:.4g} = {product}{f'; without {rest}' if rest else ''}"


def _beside(offer: Offer) -> Iterator[str]:
    """What had a say besides the factors of the priority."""
    said = {
        "boost": None if offer.boost == 1.0 else f"{offer.boost:.4g}",
        "drawn propensity": None if offer.sampled is None else f"{offer.sampled:.4g}",
        "price": None if not offer.price else f"{offer.price:.4g}",
        "bid": None if offer.bid is None else f"{offer.bid:.4g}",
        "probability": None if offer.probability is None else f"{offer.probability:.4g}",
        "model's propensity": None if offer.model_propensity is None else f"{offer.model_propensity:.4g}",
        "bundle": offer.bundle,
        "fallback": "yes" if offer.fallback else None,
    }
    if any(said.values()):
        yield f"   {', '.join(f'{name} {value}' for name, value in said.items() if value)}"


def _not_offered(decision: Decision, whys: Mapping[str, str]) -> Iterator[str]:
    ranked = [c for c in decision.ranked if c.stage != Stage.OUTPUT]
    total = len(ranked) + sum(len(r.actions) for r in decision.removed)
    if not total:
        yield "The plan has no other action."
        return
    yield "Why not the other action:" if total == 1 else f"Why not the other {total} actions:"
    for stage, removals in groupby(decision.removed, key=lambda r: r.stage):
        yield f"  {STAGES[stage].full}"
        for removal in removals:
            yield f"    {removal.rule}: {_why(removal.rule, whys)}{', '.join(removal.actions)}"
    for stage, rest in groupby(sorted(ranked, key=_funnel_order), key=lambda c: c.stage):
        yield f"  {STAGES[stage].full}"
        for rule, candidates in groupby(rest, key=lambda c: c.rule):
            listed = ", ".join(f"{c.action} ({c.priority:.4g})" for c in candidates)
            yield f"    {rule}: {_why(rule, whys)}{listed}" if rule else f"    {listed}"


def _funnel_order(candidate: Candidate) -> tuple[int, str, int]:
    return list(Stage).index(candidate.stage), candidate.rule or "", candidate.rank


def _why(rule: str, whys: Mapping[str, str]) -> str:
    text = whys.get(rule, "")
    return f"“{text}” " if text else ""


def rule_texts(spec: PlanSpec) -> dict[str, str]:
    """What each rule, limit and suppression of a plan says about itself, by id."""
    texts = {policy.id: policy.why for policy in spec.policies}
    for action in spec.actions:
        for rule in (*action.eligibility, *action.applicability, *action.suitability):
            texts.setdefault(rule.id, rule.why)
    for limit in spec.contact.limits:
        texts[limit.id] = limit.why or f"at most {limit.at_most} per {limit.per} and {limit.each}"
    for suppression in spec.contact.suppressions:
        texts[suppression.id] = suppression.why or f"paused for {suppression.pause} per {suppression.pauses}"
    return texts
