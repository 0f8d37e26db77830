"""What a plan may say: the structure of its YAML, one struct per concept.

Everything here is data as written. Meaning is given by what compiles it: `models.features`, `models.engagement`,
`models.arbitration`, `models.ledger`. Unknown keys are refused, so that a typing error never silently means nothing.
"""

from typing import Annotated, Literal

from msgspec import Meta

from models.plan.spec_actions import ActionSpec, EvidenceSpec, GroupSpec, IssueSpec, StopSpec, TreatmentSpec
from models.plan.spec_arbitration import (
    ArbitrationSpec,
    ArmSpec,
    BundleSpec,
    ExperimentsSpec,
    InfluenceSpec,
    MaturitySpec,
)
from models.plan.spec_base import (
    ClockTime,
    Duration,
    Expression,
    Moment,
    Percent,
    PolicySpec,
    RuleId,
    RuleSpec,
    ScopeSpec,
    Spec,
    WeightSpec,
)
from models.plan.spec_contact import (
    CareFactSpec,
    CareSpec,
    ContactSpec,
    LimitSpec,
    QuietSpec,
    SuppressionSpec,
    VolumeSpec,
)
from schemas.common import Direction, Name

__all__ = [
    "ActionSpec",
    "ArbitrationSpec",
    "ArmSpec",
    "BundleSpec",
    "CareFactSpec",
    "CareSpec",
    "ChannelSpec",
    "ClockTime",
    "ContactSpec",
    "DedupeSpec",
    "Duration",
    "EvidenceSpec",
    "ExperimentsSpec",
    "Expression",
    "FeatureKind",
    "FeatureSpec",
    "FieldSpec",
    "GroupSpec",
    "InfluenceSpec",
    "IssueSpec",
    "LimitSpec",
    "MaturitySpec",
    "ModelSpec",
    "Moment",
    "Percent",
    "PlacementSpec",
    "PlanSpec",
    "PolicySpec",
    "QuietSpec",
    "RuleId",
    "RuleSpec",
    "ScopeSpec",
    "SessionSpec",
    "StopSpec",
    "SuppressionSpec",
    "TransformSpec",
    "TreatmentSpec",
    "TriggerSpec",
    "VocabularySpec",
    "VolumeSpec",
    "WeightSpec",
]


class FieldSpec(Spec, frozen=True, kw_only=True):
    """A typed fact: an attribute of a signal or a field of the customer's profile."""

    type: Literal["integer", "number", "string", "boolean", "strings"]
    one_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    description: str = ""


class ChannelSpec(Spec, frozen=True, kw_only=True):
    """A way to reach the customer."""

    direction: Direction
    response_window: Duration | None = None
    """How long an offer waits for an answer; then NoResponse. None: silence says nothing."""
    unconfirmed: Literal["commit", "release"] = "commit"
    """What silence does to a contact that was only reserved: count it as made, or give it back."""
    description: str = ""


class VocabularySpec(Spec, frozen=True, kw_only=True):
    """What signals may say. A signal outside of it is a dead letter with the reason unknown_value."""

    signal_types: tuple[Name, ...]
    pages: tuple[Name, ...] = ()
    """Known pages; empty: any page."""
    page_required: bool = False
    attributes: dict[Name, FieldSpec] = {}
    """Checked where present, demanded where required; attributes not listed here are kept, unchecked."""
    customer: dict[Name, FieldSpec] = {}
    """Profile fields; others are ignored."""


class SessionSpec(Spec, frozen=True, kw_only=True):
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
    forget: Duration | None = None
    """A customer of whom nothing was heard for so long is forgotten whole. None: facts, id and clock stay."""


class DedupeSpec(Spec, frozen=True, kw_only=True):
    """How many of a customer's latest event ids are remembered."""

    keep: Annotated[int, Meta(ge=1, le=4096)] = 64


class TransformSpec(Spec, frozen=True, kw_only=True):
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


class FeatureSpec(Spec, frozen=True, kw_only=True):
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


class PlacementSpec(Spec, frozen=True, kw_only=True):
    """A place that can hold offers."""

    channel: Name | None = None
    """Its channel; None: it exists in every channel, and is in that of the signal."""
    slots: Annotated[int, Meta(ge=1, le=50)] = 1
    fallback: Name | None = None
    """Takes the first slot when nothing else is offered here. It competes nowhere, and must pass every rule."""
    description: str = ""


class TriggerSpec(Spec, frozen=True, kw_only=True):
    """An event that asks for a decision though the signal names no placements."""

    id: RuleId
    when: Expression
    placements: Annotated[tuple[Name, ...], Meta(min_length=1)]
    description: str = ""


class ModelSpec(Spec, frozen=True, kw_only=True):
    """The compiled propensity model: a folder next to the plan with model.json and arrays.npz."""

    path: str
    digest: str | None = None
    """Refused when the folder's digest differs."""


class PlanSpec(Spec, frozen=True, kw_only=True):
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
    stops: tuple[StopSpec, ...] = ()
    care: CareSpec = CareSpec()
    contact: ContactSpec = ContactSpec()
    arbitration: ArbitrationSpec = ArbitrationSpec()
    bundles: tuple[BundleSpec, ...] = ()
    experiments: ExperimentsSpec = ExperimentsSpec()
    model: ModelSpec | None = None
