"""Experiments that leave nobody, arms that change nothing, fallbacks and bundles that can never be offered."""

from collections.abc import Iterator

from models.plan.lint_findings import Remark
from models.plan.lint_view import View
from models.plan.spec import ArmSpec, BundleSpec, PlanSpec
from schemas.common import MessageClass


def trial_remarks(view: View) -> Iterator[Remark]:
    """Everything about experiments, fallbacks and bundles."""
    yield from _arms(view)
    yield from _fallbacks(view)
    yield from _bundles(view)


def _arms(view: View) -> Iterator[Remark]:
    arms, place = view.spec.experiments.arms, view.root / "experiments" / "arms"
    for index, arm in enumerate(arms):
        if arm.share == 0:
            yield Remark.at(
                "arm-without-effect", place / index / "share", f"nobody is in arm `{arm.id}`", "remove it"
            )
        elif reason := _same_as_plan(view, arm):
            message = f"arm `{arm.id}` decides as everybody's plan does: {reason}"
            yield Remark.at(
                "arm-without-effect", place / index / "kind", message, "remove it, or choose another kind"
            )
    share = sum(arm.share for arm in arms)
    if arms and share >= 1:
        message = f"the shares add up to {share:g}: nobody is left for the plan itself"
        yield Remark.at("nobody-left", (view.root / "experiments").key("arms"), message, "lower a share")


def _same_as_plan(view: View, arm: ArmSpec) -> str:
    """Why an arm makes no difference; empty if it does."""
    spec, factors = view.spec, view.spec.arbitration
    marketing = [index for index in range(len(spec.actions)) if _marketing(spec, index)]
    ranked = [index for index in marketing if not spec.actions[index].mandatory]
    weighed = _levered(spec) or _weighted(spec)
    selective = any(_selective(view, index) for index in marketing)
    idle = {
        "holdout": (not marketing, "no action is marketing"),
        "random_propensity": (not (marketing and factors.propensity), "no propensity of marketing counts"),
        "random_action": (len(ranked) < 2, "there are no two actions of marketing to choose from"),
        "propensity_only": (not (factors.value or weighed), "no other factor counts"),
        "no_levers": (not weighed, "there are no levers and no context weights, or they are off"),
        "eligibility_only": (not selective, "marketing has no applicability and no suitability rules"),
    }
    without, reason = idle.get(arm.kind, (False, ""))
    return reason if without else ""


def _marketing(spec: PlanSpec, index: int) -> bool:
    return spec.actions[index].message_class is MessageClass.MARKETING


def _levered(spec: PlanSpec) -> bool:
    issues = any(issue.lever_percent for issue in spec.issues.values())
    groups = any(group.lever_percent for group in spec.groups.values())
    actions = any(action.lever_percent for action in spec.actions)
    return spec.arbitration.levers and (issues or groups or actions)


def _weighted(spec: PlanSpec) -> bool:
    weights = [
        *spec.arbitration.context_weights,
        *(weight for each in spec.actions for weight in each.context_weights),
    ]
    return spec.arbitration.context_weight and bool(weights)


def _selective(view: View, index: int) -> bool:
    """Whether rules of an author other than eligibility are asked of the action."""
    action = view.spec.actions[index]
    shared = any(
        policy.tier != "eligibility" and index in view.members.indices(policy.scope)
        for policy in view.spec.policies
    )
    narrow = any(treatment.applicability or treatment.suitability for treatment in action.treatments)
    return shared or narrow or bool(action.applicability or action.suitability)


def _fallbacks(view: View) -> Iterator[Remark]:
    index_of = {action.id: index for index, action in enumerate(view.spec.actions)}
    for name, placement in view.spec.placements.items():
        index = index_of.get(placement.fallback or "")
        if index is None:
            continue
        claims = view.allowed(index)
        here = [*claims, view.asked_at(index, [name])]
        if view.reasoner.possible(claims) and not view.reasoner.possible(here):
            message = f"`{placement.fallback}` is never shown in `{name}`: where that is asked, its rules do not pass"
            place = view.root / "placements" / name / "fallback"
            yield Remark.at(
                "fallback-unreachable", place, message, "choose another action, or change its rules"
            )


def _bundles(view: View) -> Iterator[Remark]:
    for index, bundle in enumerate(view.spec.bundles):
        reason = _apart(view, bundle)
        if reason:
            place = view.root / "bundles" / index / "members"
            message = f"`{bundle.parent}` can never be offered in bundle `{bundle.id}`: {reason}"
            yield Remark.at(
                "bundle-impossible", place, message, "ask for fewer members, or change their rules"
            )


def _apart(view: View, bundle: BundleSpec) -> str:
    """Why the parent never has as many members beside it as the bundle needs; empty if it can."""
    index_of = {action.id: index for index, action in enumerate(view.spec.actions)}
    parent, members = index_of[bundle.parent], [index_of[name] for name in bundle.members]
    least = {"all": len(members), "any": 1, "none": 0}[bundle.needs]
    claims = view.claims(parent)
    if least == 0 or not view.reasoner.possible(claims):
        return ""
    beside = [index for index in members if view.reasoner.possible([*claims, *view.claims(index)])]
    if len(beside) < least:
        others = " or ".join(f"`{view.spec.actions[index].id}`" for index in members if index not in beside)
        return f"no customer who can get it can get {others}"
    together = [claim for index in members for claim in view.claims(index)]
    if bundle.needs == "all" and not view.reasoner.possible([*claims, *together]):
        return "no customer can get all its members at once"
    return ""
