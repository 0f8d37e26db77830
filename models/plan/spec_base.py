"""What all parts of a plan are made of: durations, moments, expressions, rules, scopes."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from models.times import DURATION
from schemas.common import MessageClass, Name

Duration = Annotated[
    str, Meta(pattern=f"^{DURATION}$", description="Whole number and unit, e.g. 30m, 7d; 99999d at most.")
]
Expression = Annotated[str, Meta(min_length=1, max_length=2000, description="A rule expression.")]
RuleId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$", description="Id in explanations.")]
Percent = Annotated[float, Meta(ge=-100, le=10_000, description="Percent; 55 means a factor of 1.55.")]

Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$",
        description="Date, or date and time, in the plan's time zone, e.g. 2026-12-01 or 2026-12-01T09:00.",
    ),
]
ClockTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of day, e.g. 21:00.")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Label = Literal["positive", "negative"]
"""What an outcome says about an offer: positive (Clicked, Accepted, Conversion), negative (Rejected, NoResponse)."""


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a plan: immutable, named fields, nothing unknown."""


class RuleSpec(Spec, frozen=True, kw_only=True):
    """A condition that a candidate must meet. A rule that cannot be decided is not met."""

    id: RuleId
    when: Expression
    why: str = ""
    """The reason in words one could say to a customer."""


class ScopeSpec(Spec, frozen=True, kw_only=True):
    """Which actions something is about; several keys: all must fit; none: every action."""

    issues: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    actions: tuple[Name, ...] = ()
    classes: tuple[MessageClass, ...] = ()


class PolicySpec(RuleSpec, frozen=True, kw_only=True):
    """An engagement rule for all actions, or those of an issue, group or class."""

    tier: Literal["eligibility", "applicability", "suitability"]
    scope: ScopeSpec = ScopeSpec()


class WeightSpec(Spec, frozen=True, kw_only=True):
    """Adds to the context weight C of actions while a condition holds."""

    when: Expression
    percent: Percent
    scope: ScopeSpec = ScopeSpec()
