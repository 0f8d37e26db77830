"""The contact policy as written: what the ledger enforces."""

from typing import Annotated, Literal

from msgspec import Meta

from models.plan.spec_base import ClockTime, Duration, Expression, Label, RuleId, ScopeSpec, Spec, Weekday
from schemas.common import Direction, MessageClass, Name, OutcomeKind


class LimitSpec(Spec, frozen=True, kw_only=True):
    """At most `at_most` contacts in any window of length `per`, counted for each `each`."""

    id: RuleId
    at_most: Annotated[int, Meta(ge=0, le=100_000)]
    per: Duration
    each: Literal["customer", "channel", "direction", "group", "issue", "action", "treatment"]
    scope: ScopeSpec = ScopeSpec()
    channels: tuple[Name, ...] = ()
    """Only contacts in these channels count and are limited; empty: all."""
    directions: tuple[Direction, ...] = ()
    """Only contacts in this direction count and are limited; empty: both."""
    brands: tuple[Name, ...] = ()
    """Only contacts of these brands count and are limited; empty: all."""
    per_brand: bool = False
    """Whether each brand has the limit for itself; else the brands share it."""
    whose: Literal["customer", "household"] = "customer"
    """Whose contacts count: with household, those of everybody who has the same household id, if there is one."""
    counts: Literal["reserved", "committed"] = "reserved"
    """From when on a contact counts: from the decision that reserves it, or once delivery or impression commits it.
    Either way a release (bounce, expiry) ends it. Only `reserved` can never be exceeded."""
    same_decision: Literal["counted", "exempt"] = "counted"
    """exempt: offers of one decision do not count against each other (a page is one contact)."""
    why: str = ""


class SuppressionSpec(Spec, frozen=True, kw_only=True):
    """`times` triggers within `within` pause actions for `pause`."""

    id: RuleId
    outcomes: tuple[OutcomeKind, ...] = ()
    """Outcomes that count, NoResponse included."""
    label: Label | None = None
    """All outcomes that are positive, or all that are negative, count too."""
    signal: Expression | None = None
    """Signals that count; their action is the attribute named by `action_attribute`."""
    action_attribute: Name = "action"
    times: Annotated[int, Meta(ge=1, le=100)] = 1
    within: Duration = "30d"
    pause: Duration
    pauses: Literal["treatment", "action", "group", "issue", "channel", "all"] = "action"
    """What is paused: the treatment (of that action), ..., whatever would use that channel, or everything."""
    scope: ScopeSpec = ScopeSpec()
    """Actions whose outcomes count."""
    channels: tuple[Name, ...] = ()
    """Only outcomes of offers in these channels count; empty: all."""
    brands: tuple[Name, ...] = ()
    """Only outcomes of offers of these brands count, and only their offers are paused; empty: all."""
    per_brand: bool = False
    """Whether each brand counts, and is paused, for itself."""
    why: str = ""


class QuietSpec(Spec, frozen=True, kw_only=True):
    """Hours of the customer's own clock in which nothing is sent. An end before the beginning is the next day's."""

    id: RuleId
    begins: ClockTime
    ends: ClockTime
    days: tuple[Weekday, ...] = ()
    """Days on which the quiet hours begin; empty: every day."""
    channels: tuple[Name, ...] = ()
    """Empty: every outbound channel."""
    scope: ScopeSpec = ScopeSpec()
    why: str = ""


class VolumeSpec(Spec, frozen=True, kw_only=True):
    """How many contacts all customers together can or must get: a capacity, kept by shadow prices."""

    id: RuleId
    at_most: Annotated[int, Meta(ge=0)] | None = None
    at_least: Annotated[int, Meta(ge=1)] | None = None
    per: Duration | None = None
    """Rolling window; give either this or `calendar`."""
    calendar: Literal["hour", "day", "week", "month"] | None = None
    """Window that starts anew with each hour, day, week (on Monday) or month of the plan's time zone."""
    scope: ScopeSpec = ScopeSpec()
    channels: tuple[Name, ...] = ()
    brands: tuple[Name, ...] = ()
    directions: tuple[Direction, ...] = ()
    why: str = ""


class ContactSpec(Spec, frozen=True, kw_only=True):
    """The contact policy: what the ledger enforces, in the order: suppressions, limits as written."""

    suppressions: tuple[SuppressionSpec, ...] = ()
    limits: tuple[LimitSpec, ...] = ()
    quiet_hours: tuple[QuietSpec, ...] = ()
    time_zone_of: Name = "time_zone"
    """Customer fact with their time zone (an IANA name); unknown: the plan's."""
    volumes: tuple[VolumeSpec, ...] = ()
    exempt: tuple[MessageClass, ...] = (MessageClass.SERVICE, MessageClass.REGULATORY)
    """Classes that neither consume limits nor are limited nor suppressed."""
    keep: Annotated[int, Meta(ge=16, le=4096)] = 256
    """Most contacts remembered per customer; a limit that would need more fails closed."""
    remember: Duration | None = None
    """Contacts are remembered so long, or as long as the longest limit looks back if that is longer: what a plan
    that comes next, or comes back, will need to know."""


class CareFactSpec(Spec, frozen=True, kw_only=True):
    """A circumstance in which marketing must step back."""

    fact: Name
    """Customer fact, true while it holds. Known to every plan, declared or not."""
    then: Literal["stop", "soften"] = "stop"


class CareSpec(Spec, frozen=True, kw_only=True):
    """Duty of care: part of every plan, whatever its author writes. Service and regulatory messages always pass."""

    vulnerable: CareFactSpec = CareFactSpec(fact="vulnerable")
    bereaved: CareFactSpec = CareFactSpec(fact="bereaved")
    financial_difficulty: CareFactSpec = CareFactSpec(fact="financial_difficulty")
    complaint: CareFactSpec = CareFactSpec(fact="complaint_open")
    soften_percent: Annotated[float, Meta(ge=-100, le=0)] = -50.0
    """Added to the context weight of marketing while a fact with `then: soften` holds."""
    consent: dict[Name, Name] = {}
    """Customer fact that holds the consent to marketing in a channel; default for outbound ones: consent_CHANNEL.
    Missing or false is no consent."""
    waived: str = ""
    """Why duty of care does not apply, e.g. because customers are test data; empty: it applies."""
