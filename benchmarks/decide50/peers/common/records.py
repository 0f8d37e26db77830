"""What the fast form reads, keeps and writes. Times are seconds since 1970."""

import math
from typing import Annotated, Any, Literal

import msgspec

NEVER = -math.inf
Name = Annotated[str, msgspec.Meta(min_length=1)]


class Attributes(msgspec.Struct, gc=False, kw_only=True):
    """Of an event."""

    device: str
    dwell_ms: Annotated[float, msgspec.Meta(ge=0)]
    value: float = 0.0
    action: str | None = None


class Event(msgspec.Struct, gc=False, kw_only=True):
    """One line."""

    event_id: Name
    customer_id: Name
    brand: str
    channel: str
    type: str
    page: str
    ts: str
    attributes: Attributes
    product: str | None = None


class Keyed(msgspec.Struct, gc=False):
    """As much of a line as it takes to send it to its customer's place."""

    customer_id: Name


class Person(msgspec.Struct, gc=False):
    """A customer's attributes."""

    customer_id: str
    age: int
    tenure_months: int
    tier: str
    region: str
    segment: str
    credit_score: int
    consent_marketing: bool
    owned: tuple[str, ...]


class Counted(msgspec.Struct, array_like=True, gc=False):
    """Contacts by something that is capped: their last times, and until when no more may be made."""

    times: dict[int, list[float]] = msgspec.field(default_factory=dict)
    until: dict[int, float] = msgspec.field(default_factory=dict)


class State(msgspec.Struct, array_like=True, gc=False):
    """What is remembered of a customer."""

    counts: list[int]
    latest: list[float]
    seen: list[str] = msgspec.field(default_factory=list)
    sessions: int = 0
    start: float = 0.0
    last: float = NEVER
    events: int = 0
    dwell_ms: float = 0.0
    cart: float = 0.0
    pages: list[int] = msgspec.field(default_factory=list)
    product: str | None = None
    decisions: int = 0
    impressions: list[float] = msgspec.field(default_factory=list)
    pauses: dict[int, float] = msgspec.field(default_factory=dict)
    actions: Counted = msgspec.field(default_factory=Counted)
    groups: Counted = msgspec.field(default_factory=Counted)
    channels: Counted = msgspec.field(default_factory=Counted)


class Offer(msgspec.Struct, gc=False):
    """One action in a placement."""

    action: str
    rank: int
    propensity: float
    context: float
    value: float
    lever: float
    priority: float
    reasons: list[str]


class Placement(msgspec.Struct, gc=False):
    """What a placement shows."""

    placement: str
    offers: list[Offer]


class Decision(msgspec.Struct, gc=False):
    """What is written of a request."""

    decision_id: str
    event_id: str
    customer_id: str
    ts: str
    brand: str
    channel: str
    page: str
    placements: list[Placement]
    policy: dict[str, int]
    session: dict[str, float]


def known_events(config: dict[str, Any]) -> Any:
    """The type of events whose names are all known to the strategy."""

    def one_of(names: str) -> Any:
        return Literal[tuple(config[names])]

    attributes = msgspec.defstruct(
        "KnownAttributes", [("device", one_of("devices"))], bases=(Attributes,), kw_only=True, gc=False
    )
    fields = [(field, one_of(f"{field}s")) for field in ("brand", "channel", "type", "page")]
    return msgspec.defstruct(
        "KnownEvent", [*fields, ("attributes", attributes)], bases=(Event,), kw_only=True, gc=False
    )
