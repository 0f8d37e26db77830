"""Signal: what a channel tells us about a customer."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import Attributes, Id, Name, Profile, Time, Trace


class Signal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One digital event, or news about the customer's profile. Unknown fields are tolerated on input."""

    signal_id: Annotated[Id, Meta(description="Unique per event; a redelivery repeats it.")]
    customer_id: Annotated[Id, Meta(description="The customer, as a pseudonymous key.")]
    occurred_at: Time
    type: Annotated[Name, Meta(description="What happened, e.g. page_view; `profile` is no behaviour.")]
    channel: Annotated[Name, Meta(description="Where it happened, e.g. web.")]
    brand: Annotated[Name, Meta(description="The brand the customer dealt with.")]
    page: Annotated[Name | None, Meta(description="Page or screen.")] = None
    device_id: Annotated[Id | None, Meta(description="The device; sessions span devices.")] = None
    session_id: Annotated[
        Id | None, Meta(description="The channel's own session; used when the plan says so.")
    ] = None
    placements: Annotated[
        tuple[Name, ...],
        Meta(max_length=32, description="Placements to fill now; names here ask for a decision."),
    ] = ()
    attributes: Annotated[Attributes, Meta(description="Facts about this event.")] = {}
    profile: Annotated[
        Profile | None, Meta(description="Facts about the customer, true from this event on.")
    ] = None
    trace: Trace | None = None
    household_id: Annotated[
        Id | None, Meta(description="The household; on all events of a customer, or on none.")
    ] = None
