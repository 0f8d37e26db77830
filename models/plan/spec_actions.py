"""What a plan may say of actions: issues, groups, treatments, what is known of them so far, and what stops them."""

from typing import Annotated

from msgspec import Meta

from models.plan.spec_base import Moment, Percent, RuleId, RuleSpec, ScopeSpec, Spec, WeightSpec
from schemas.common import MessageClass, Name


class IssueSpec(Spec, frozen=True, kw_only=True):
    """A business purpose."""

    name: str = ""
    lever_percent: Percent = 0.0


class GroupSpec(Spec, frozen=True, kw_only=True):
    """A family of actions of one issue."""

    issue: Name
    name: str = ""
    lever_percent: Percent = 0.0
    starts: Moment | None = None
    ends: Moment | None = None


class TreatmentSpec(Spec, frozen=True, kw_only=True):
    """How an action is said, and where."""

    id: RuleId
    placements: Annotated[tuple[Name, ...], Meta(min_length=1)]
    text: str = ""
    starts: Moment | None = None
    ends: Moment | None = None
    """From when until when (exclusive) it is said."""
    eligibility: tuple[RuleSpec, ...] = ()
    applicability: tuple[RuleSpec, ...] = ()
    suitability: tuple[RuleSpec, ...] = ()


class EvidenceSpec(Spec, frozen=True, kw_only=True):
    """What is known of an action so far, where no model says it."""

    responses: Annotated[int, Meta(ge=0)]
    positives: Annotated[int, Meta(ge=0)]


class ActionSpec(Spec, frozen=True, kw_only=True):
    """What can be said or done. L = 1 + (issue + group + action lever percent) / 100."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
    name: str = ""
    group: Name
    message_class: MessageClass = MessageClass.MARKETING
    mandatory: bool = False
    value: Annotated[float, Meta(ge=0)]
    lever_percent: Percent = 0.0
    starting_propensity: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    """Used while no model scores this action."""
    starting_evidence: Annotated[float, Meta(ge=0)] = 0.0
    """How many responses the starting propensity is worth."""
    evidence: EvidenceSpec | None = None
    """Responses so far; None: those the model learned from. Without one P = (0.5 + positives) / (1 + responses)."""
    propensity_threshold: Annotated[float, Meta(ge=0, lt=1)] | None = None
    brands: tuple[Name, ...] = ()
    """Brands that may offer it; empty: all."""
    starts: Moment | None = None
    ends: Moment | None = None
    """From when until when (exclusive) it may be offered."""
    context_weights: tuple[WeightSpec, ...] = ()
    eligibility: tuple[RuleSpec, ...] = ()
    applicability: tuple[RuleSpec, ...] = ()
    suitability: tuple[RuleSpec, ...] = ()
    treatments: Annotated[tuple[TreatmentSpec, ...], Meta(min_length=1)]
    description: str = ""


class StopSpec(Spec, frozen=True, kw_only=True):
    """Kill switch: what it names is not offered, whatever else the plan says. It must name something."""

    id: RuleId
    scope: ScopeSpec = ScopeSpec()
    treatments: tuple[RuleId, ...] = ()
    channels: tuple[Name, ...] = ()
    brands: tuple[Name, ...] = ()
    """Several keys: all must fit."""
    since: Moment | None = None
    until: Moment | None = None
    why: str = ""
