"""The table `plan_limits`: what each plan promised, so that SQL can check the contacts that were made.

A table, not a view made of one plan: plans change while the pipeline runs, each decision names the one it was made by,
and must keep the promises of that one. It has a row per plan and limit, written once per plan.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from models.plan.spec import LimitSpec, PlanSpec
from models.times import duration

PLAN_LIMITS = "plan_limits"


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """What silence makes of a contact in the eyes of the household, whether it has been recorded yet or not."""

    channel: Annotated[str, Meta(description="Where it was offered.")]
    after_us: Annotated[int, Meta(description="From when on, in microseconds since the decision.")]
    contact: Annotated[str, Meta(description="committed, or released.")]


class PlanLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One contact limit of one plan, as `cap_breaches` needs it. Empty lists stand for everything."""

    plan_digest: Annotated[str, Meta(description="Digest of the plan.")]
    limit_id: Annotated[str, Meta(description="Rule id of the limit.")]
    at_most: Annotated[int, Meta(description="Contacts allowed in any window.")]
    window_us: Annotated[int, Meta(description="Length of the window, in microseconds.")]
    each: Annotated[str, Meta(description="What is counted for itself, e.g. customer, channel, action.")]
    whose: Annotated[str, Meta(description="Whose contacts count: customer or household.")]
    per_brand: Annotated[bool, Meta(description="Whether each brand has the limit for itself.")]
    counts: Annotated[str, Meta(description="From when on a contact counts: reserved or committed.")]
    same_decision: Annotated[
        str, Meta(description="Whether offers of one decision count against each other: counted or exempt.")
    ]
    exempt: Annotated[
        tuple[str, ...], Meta(description="Message classes that neither count nor are limited.")
    ]
    actions: Annotated[tuple[str, ...], Meta(description="Only these actions.")]
    action_groups: Annotated[tuple[str, ...], Meta(description="Only these groups.")]
    issues: Annotated[tuple[str, ...], Meta(description="Only these issues.")]
    classes: Annotated[tuple[str, ...], Meta(description="Only these message classes.")]
    channels: Annotated[tuple[str, ...], Meta(description="Only these channels, after directions.")]
    brands: Annotated[tuple[str, ...], Meta(description="Only these brands.")]
    outbound: Annotated[tuple[str, ...], Meta(description="The plan's outbound channels.")]
    silences: Annotated[
        tuple[Silence, ...], Meta(description="What silence makes of contacts of others in the household.")
    ]


def plan_limits(spec: PlanSpec, digest: str) -> list[PlanLimit]:
    """The limits of a plan, in the order written."""
    return [_row(limit, spec, digest) for limit in spec.contact.limits]


def _row(limit: LimitSpec, spec: PlanSpec, digest: str) -> PlanLimit:
    return PlanLimit(
        plan_digest=digest,
        limit_id=limit.id,
        at_most=limit.at_most,
        window_us=duration(limit.per),
        each=limit.each,
        whose=limit.whose,
        per_brand=limit.per_brand,
        counts=limit.counts,
        same_decision=limit.same_decision,
        exempt=tuple(name.value for name in spec.contact.exempt),
        actions=limit.scope.actions,
        action_groups=limit.scope.groups,
        issues=limit.scope.issues,
        classes=tuple(name.value for name in limit.scope.classes),
        channels=_channels(limit, spec),
        brands=limit.brands,
        outbound=tuple(n for n, channel in spec.channels.items() if channel.direction.value == "outbound"),
        silences=_silences(spec) if limit.whose == "household" else (),
    )


def _silences(spec: PlanSpec) -> tuple[Silence, ...]:
    late = duration(spec.session.late)
    return tuple(
        Silence(
            channel=name,
            after_us=duration(channel.response_window) + late + 1,
            contact="released" if channel.unconfirmed == "release" else "committed",
        )
        for name, channel in spec.channels.items()
        if channel.response_window is not None
    )


def _channels(limit: LimitSpec, spec: PlanSpec) -> tuple[str, ...]:
    """Where it counts and holds; a direction stands for the plan's channels of that direction."""
    if not limit.directions:
        return limit.channels
    among = limit.channels or tuple(spec.channels)
    fitting = tuple(name for name in among if spec.channels[name].direction in limit.directions)
    return fitting or ("",)  # no channel at all, which an empty list would not say
