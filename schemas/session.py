"""SessionContext: what a window of signals adds up to."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import Count, Id, Name, Time


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The session as it stood at a moment; travels inside requests and decisions."""

    session_id: Annotated[Id, Meta(description="Deterministic: customer and first event, or declared.")]
    number: Annotated[Count, Meta(description="1 for the customer's first session known.")]
    started_at: Time
    last_at: Time
    events: Annotated[Count, Meta(description="Behavioural events so far, this one included.")]


class TypeCount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How often one signal type occurred."""

    type: Name
    events: Count


class FeatureValue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One declared feature and its raw value, before scaling for the model."""

    name: Name
    value: float


class SessionContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session, complete: emitted once, when no signal within the lateness horizon can extend it."""

    session_id: Id
    customer_id: Id
    number: Annotated[Count, Meta(description="1 for the customer's first session known.")]
    started_at: Time
    ended_at: Annotated[Time, Meta(description="Time of the last event.")]
    duration_s: Annotated[float, Meta(ge=0, description="ended_at - started_at, in seconds.")]
    events: Count
    by_type: Annotated[tuple[TypeCount, ...], Meta(description="Events by signal type, by name.")] = ()
    channels: Annotated[tuple[Name, ...], Meta(description="Channels used, by name.")] = ()
    brands: Annotated[tuple[Name, ...], Meta(description="Brands visited, by name.")] = ()
    devices: Annotated[Count, Meta(description="Distinct devices seen.")] = 0
    decisions: Annotated[Count, Meta(description="Events that asked for a decision.")] = 0
    features: Annotated[
        tuple[FeatureValue, ...], Meta(description="Session-window features at the last event.")
    ] = ()
    plan_digest: Annotated[str, Meta(description="Digest of the plan whose features these are.")] = ""
