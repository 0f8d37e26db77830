"""Outcome: what became of an offer."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import Attributes, Count, Id, Name, OutcomeKind, Time, Trace


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a channel or the customer did with an offer.

    It attaches to one offer: by `decision_id` and `rank` when both are known, by `decision_id` and `action`, or
    by `action` alone: then to the latest open offer of that action. One that attaches to none is a dead letter.
    """

    outcome_id: Annotated[Id, Meta(description="Unique per outcome; a redelivery repeats it.")]
    customer_id: Id
    occurred_at: Time
    kind: Annotated[OutcomeKind, Meta(description="What happened.")]
    decision_id: Annotated[Id | None, Meta(description="The decision that made the offer.")] = None
    rank: Annotated[Count | None, Meta(description="Rank of the offer in its decision, from 1.")] = None
    action: Annotated[Name | None, Meta(description="The action offered.")] = None
    channel: Annotated[Name | None, Meta(description="Where it happened.")] = None
    value: Annotated[float | None, Meta(description="Business value realised, in plan currency.")] = None
    attributes: Annotated[Attributes, Meta(description="Facts about this outcome.")] = {}
    trace: Trace | None = None
    household_id: Annotated[
        Id | None, Meta(description="The household; on all events of a customer, or on none.")
    ] = None
