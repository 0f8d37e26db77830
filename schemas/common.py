"""The vocabulary that contracts share: identifiers, times, numbers and closed lists of names."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=200, description="Opaque identifier.")]
Name = Annotated[str, Meta(min_length=1, max_length=100, description="Name from the decision plan.")]
Trace = Annotated[str, Meta(max_length=200, description="Trace context, passed on.")]
Time = Annotated[datetime, Meta(tz=True, description="Event time, with offset; microseconds are kept.")]
Propensity = Annotated[float, Meta(ge=0, le=1, description="P(positive outcome | shown), in [0, 1].")]
Count = Annotated[int, Meta(ge=0)]

Scalar = bool | int | float | str
"""A value of an attribute map, as JSON knows it."""

Attributes = dict[Name, Scalar | None]
"""Facts about one event. Null is the same as absent."""

Profile = dict[Name, Scalar | tuple[str, ...] | None]
"""Facts about one customer. Null takes back what was known before."""


class Direction(StrEnum):
    """Who opened the conversation."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MessageClass(StrEnum):
    """What kind of message an action is: only marketing is optional for the customer."""

    MARKETING = "marketing"
    SERVICE = "service"
    REGULATORY = "regulatory"


class OutcomeKind(StrEnum):
    """What became of an offer. Standard next-best-action terms; NoResponse is ours to set, when time is up."""

    PENDING = "Pending"
    DELIVERED = "Delivered"
    IMPRESSION = "Impression"
    CLICKED = "Clicked"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    CONVERSION = "Conversion"
    BOUNCED = "Bounced"
    EXPIRED = "Expired"
    NO_RESPONSE = "NoResponse"


class ContactState(StrEnum):
    """Where one contact stands in the ledger."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    RELEASED = "released"


class Stage(StrEnum):
    """Where a candidate left the funnel, in the names of the field, in the order of the funnel."""

    ACTION_AVAILABILITY = "ActionAvailability"
    ACTION_EMERGENCY_EXCLUSION = "ActionEmergencyExclusion"
    UNIVERSAL_HOLDOUT = "UniversalHoldout"
    ELIGIBILITY = "Eligibility"
    APPLICABILITY = "Applicability"
    SUITABILITY = "Suitability"
    ACTION_MATURITY = "ActionModelMaturity"
    PROPENSITY_THRESHOLDS = "ActionPropensityThresholds"
    PRIORITY_THRESHOLDS = "ArbitrationPriorityThresholds"
    TREATMENT_AVAILABILITY = "TreatmentAvailability"
    TREATMENT_EMERGENCY_EXCLUSION = "TreatmentEmergencyExclusionChannel"
    TREATMENT_ELIGIBILITY = "TreatmentEligibilityChannels"
    CHANNEL_AVAILABILITY = "OutboundChannelAvailability"
    ACTION_SUPPRESSIONS = "ContactPoliciesActionSuppressions"
    TREATMENT_SUPPRESSIONS = "TreatmentSuppressions"
    CONTACT_LIMITS = "ContactPoliciesActionLimits"
    CHANNEL_LIMITS = "ContactPoliciesChannelLimits"
    VOLUME_CONSTRAINTS = "VolumeConstraints"
    BUNDLING = "BundlingValidity"
    TREATMENT_PLACEMENTS = "TreatmentPlacements"
    ARBITRATION = "Arbitration"
    OUTPUT = "Output"
