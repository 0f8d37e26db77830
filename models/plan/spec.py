"""What a plan may say: the structure of its YAML, one struct per concept.

Everything here is data as written. Meaning is given by what compiles it: `models.features`, `models.engagement`,
`models.arbitration`, `models.ledger`. Unknown keys are refused, so that a typing error never silently means nothing.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.common import Direction, MessageClass, Name, OutcomeKind

Duration = Annotated[
    str, Meta(pattern=r"^\d{1,6}(ms|s|m|h|d|w)$", description="Whole number and unit, e.g. 30m, 7d.")
]
Expression = Annotated[str, Meta(min_length=1, max_length=2000, description="A rule expression.")]
RuleId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$", description="Id in explanations.")]
Percent = Annotated[float, Meta(ge=-100, le=10_000, description="Percent; 55 means a factor of 1.55.")]


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a plan: immutable, named fields, nothing unknown."""


class FieldSpec(_Spec, frozen=True, kw_only=True):
    """A typed fact: an attribute of a signal or a field of the customer's profile."""

    type: Literal["integer", "number", "string", "boolean", "strings"]
    one_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    description: str = ""


class ChannelSpec(_Spec, frozen=True, kw_only=True):
    """A way to reach the customer."""

    direction: Direction
    response_window: Duration | None = None
    """How long an offer waits for an answer; then NoResponse. None: silence says nothing."""
    description: str = ""


class VocabularySpec(_Spec, frozen=True, kw_only=True):
    """What signals may say. A signal outside of it is a dead letter with the reason unknown_value."""

    signal_types: tuple[Name, ...]
    pages: tuple[Name, ...] = ()
    """Known pages; empty: any page."""
    page_required: bool = False
    attributes: dict[Name, FieldSpec] = {}
    """Checked where present, demanded where required; attributes not listed here are kept, unchecked."""
    customer: dict[Name, FieldSpec] = {}
    """Profile fields; others are ignored."""


class SessionSpec(_Spec, frozen=True, kw_only=True):
    """When a session ends, and how late an event may be."""

    gap: Duration = "30m"
    """Silence longer than this starts a new session."""
    late: Duration = "2h"
    """Horizon: an event older than the customer's newest by more than this is a dead letter."""
    by: Literal["gap", "declared"] = "gap"
    """gap: our own sessions, across devices. declared: the channel's session_id, where given."""
    longest: Duration | None = None
    """declared: an event longer than this after the first of its session is a dead letter (a stale id)."""
    lead: dict[Name, Duration] = {}
    """Signal types that report time already spent: a session that starts with one started this much earlier."""


class DedupeSpec(_Spec, frozen=True, kw_only=True):
    """How many of a customer's latest event ids are remembered."""

    keep: Annotated[int, Meta(ge=1, le=4096)] = 64


class TransformSpec(_Spec, frozen=True, kw_only=True):
    """From raw value to model input: clip, then scale, then log1p."""

    clip: tuple[float, float] | None = None
    scale: float = 1.0
    log1p: bool = False


FeatureKind = Literal[
    "count",  # events that match
    "sum",  # of a numeric attribute
    "mean",
    "maximum",
    "distinct",  # different values of an attribute
    "ratio",  # events that match / events that match `among`
    "recency",  # decays from 1 at the latest match towards 0; 0 if there was none
    "last",  # latest value of a numeric attribute
    "last_in",  # 1 if the latest value is among a customer's list
    "balance",  # running sum: add, subtract (not below 0), reset
    "session_age",  # seconds since the session started
    "session_number",  # 1 for the first
    "time_of_day",  # `part` of the event's local time
    "one_hot",  # of an attribute of the event that asks, or of a customer field
    "number",  # a numeric or boolean customer field or attribute of the event that asks
    "size",  # length of a customer's list
]


class FeatureSpec(_Spec, frozen=True, kw_only=True):
    """One declared feature. Each yields one column of the feature vector; one_hot one per value."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    kind: FeatureKind
    where: Expression | None = None
    """Which events count: over signal.* and outcome.*; None: every behavioural signal."""
    among: Expression | None = None
    """ratio: the denominator's events."""
    of: str | None = None
    """The value: signal.attributes.X, outcome.value, signal.page, customer.X, ..."""
    window: str | None = None
    """`session`, or a rolling duration (t-w, t]; None where the kind has none."""
    last: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """Only the latest n behavioural events of the session are looked at."""
    delay: Duration | None = None
    """The window ends this long before the event: (t-d-w, t-d]."""
    previous: bool = False
    """Leave out the event that asks."""
    half_life: Duration | None = None
    time_constant: Duration | None = None
    """recency: exp(-age / time_constant), or 0.5 ** (age / half_life)."""
    add: Expression | None = None
    subtract: Expression | None = None
    reset: Expression | None = None
    """balance: which events do what with the value `of`."""
    member_of: str | None = None
    """last_in: the customer's list, customer.X."""
    part: Literal["hour", "hour_sin", "hour_cos", "weekend", "weekday"] | None = None
    values: tuple[str, ...] = ()
    """one_hot: columns NAME_VALUE, in this order."""
    default: float = 0.0
    """Value when there is nothing to compute from."""
    transform: TransformSpec = TransformSpec()
    model: bool = True
    """False: for rules only, no column of the model's vector."""
    unit: str = ""
    description: str = ""


class PlacementSpec(_Spec, frozen=True, kw_only=True):
    """A place that can hold offers."""

    channel: Name | None = None
    """Its channel; None: it exists in every channel, and is in that of the signal."""
    slots: Annotated[int, Meta(ge=1, le=50)] = 1
    description: str = ""


class TriggerSpec(_Spec, frozen=True, kw_only=True):
    """An event that asks for a decision though the signal names no placements."""

    id: RuleId
    when: Expression
    placements: Annotated[tuple[Name, ...], Meta(min_length=1)]
    description: str = ""


class RuleSpec(_Spec, frozen=True, kw_only=True):
    """A condition that a candidate must meet. A rule that cannot be decided is not met."""

    id: RuleId
    when: Expression
    why: str = ""
    """The reason in words one could say to a customer."""


class ScopeSpec(_Spec, frozen=True, kw_only=True):
    """Which actions something is about; several keys: all must fit; none: every action."""

    issues: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    actions: tuple[Name, ...] = ()
    classes: tuple[MessageClass, ...] = ()


class PolicySpec(RuleSpec, frozen=True, kw_only=True):
    """An engagement rule for all actions, or those of an issue, group or class."""

    tier: Literal["eligibility", "applicability", "suitability"]
    scope: ScopeSpec = ScopeSpec()


class WeightSpec(_Spec, frozen=True, kw_only=True):
    """Adds to the context weight C of actions while a condition holds."""

    when: Expression
    percent: Percent
    scope: ScopeSpec = ScopeSpec()


class IssueSpec(_Spec, frozen=True, kw_only=True):
    """A business purpose."""

    name: str = ""
    lever_percent: Percent = 0.0


class GroupSpec(_Spec, frozen=True, kw_only=True):
    """A family of actions of one issue."""

    issue: Name
    name: str = ""
    lever_percent: Percent = 0.0


class TreatmentSpec(_Spec, frozen=True, kw_only=True):
    """How an action is said, and where."""

    id: RuleId
    placements: Annotated[tuple[Name, ...], Meta(min_length=1)]
    text: str = ""


class ActionSpec(_Spec, frozen=True, kw_only=True):
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
    context_weights: tuple[WeightSpec, ...] = ()
    eligibility: tuple[RuleSpec, ...] = ()
    applicability: tuple[RuleSpec, ...] = ()
    suitability: tuple[RuleSpec, ...] = ()
    treatments: Annotated[tuple[TreatmentSpec, ...], Meta(min_length=1)]
    description: str = ""


class LimitSpec(_Spec, frozen=True, kw_only=True):
    """At most `at_most` contacts in any window of length `per`, counted for each `each`."""

    id: RuleId
    at_most: Annotated[int, Meta(ge=0, le=100_000)]
    per: Duration
    each: Literal["customer", "channel", "group", "issue", "action", "treatment"]
    scope: ScopeSpec = ScopeSpec()
    channels: tuple[Name, ...] = ()
    """Only contacts in these channels count and are limited; empty: all."""
    same_decision: Literal["counted", "exempt"] = "counted"
    """exempt: offers of one decision do not count against each other (a page is one contact)."""
    why: str = ""


class SuppressionSpec(_Spec, frozen=True, kw_only=True):
    """`times` triggers within `within` pause actions for `pause`."""

    id: RuleId
    outcomes: tuple[OutcomeKind, ...] = ()
    """Outcomes that count, NoResponse included."""
    signal: Expression | None = None
    """Signals that count; their action is the attribute named by `action_attribute`."""
    action_attribute: Name = "action"
    times: Annotated[int, Meta(ge=1, le=100)] = 1
    within: Duration = "30d"
    pause: Duration
    pauses: Literal["action", "group", "issue"] = "action"
    scope: ScopeSpec = ScopeSpec()
    """Actions whose outcomes count."""
    why: str = ""


class ContactSpec(_Spec, frozen=True, kw_only=True):
    """The contact policy: what the ledger enforces, in the order: suppressions, limits as written."""

    suppressions: tuple[SuppressionSpec, ...] = ()
    limits: tuple[LimitSpec, ...] = ()
    exempt: tuple[MessageClass, ...] = (MessageClass.SERVICE, MessageClass.REGULATORY)
    """Classes that neither consume limits nor are limited nor suppressed."""
    keep: Annotated[int, Meta(ge=16, le=4096)] = 256
    """Most contacts remembered per customer; a limit that would need more fails closed."""


class ArbitrationSpec(_Spec, frozen=True, kw_only=True):
    """Priority = P x C x V x L, each factor with its switch (off: 1)."""

    propensity: bool = True
    context_weight: bool = True
    value: bool = True
    levers: bool = True
    context_weights: tuple[WeightSpec, ...] = ()
    reasons: Annotated[int, Meta(ge=0, le=10)] = 3
    """How many contributions an offer carries."""


class ModelSpec(_Spec, frozen=True, kw_only=True):
    """The compiled propensity model: a folder next to the plan with model.json and arrays.npz."""

    path: str
    digest: str | None = None
    """Refused when the folder's digest differs."""


class PlanSpec(_Spec, frozen=True, kw_only=True):
    """One decision plan."""

    plan: Literal["nextbeam/1"]
    name: Annotated[str, Meta(min_length=1)]
    version: str = "1"
    description: str = ""
    currency: str = "GBP"
    time_zone: str = "UTC"
    brands: Annotated[tuple[Name, ...], Meta(min_length=1)]
    channels: Annotated[dict[Name, ChannelSpec], Meta(min_length=1)]
    vocabulary: VocabularySpec
    session: SessionSpec = SessionSpec()
    dedupe: DedupeSpec = DedupeSpec()
    features: tuple[FeatureSpec, ...] = ()
    placements: Annotated[dict[Name, PlacementSpec], Meta(min_length=1)]
    triggers: tuple[TriggerSpec, ...] = ()
    issues: Annotated[dict[Name, IssueSpec], Meta(min_length=1)]
    groups: Annotated[dict[Name, GroupSpec], Meta(min_length=1)]
    policies: tuple[PolicySpec, ...] = ()
    actions: Annotated[tuple[ActionSpec, ...], Meta(min_length=1)]
    contact: ContactSpec = ContactSpec()
    arbitration: ArbitrationSpec = ArbitrationSpec()
    model: ModelSpec | None = None
