"""DecisionRequest: a signal that asks for a decision, with all that is known at that moment."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import Attributes, Count, Direction, Id, Name, Profile, Time, Trace
from schemas.session import SessionSummary


class ContextSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was known about the customer when the decision was asked for. Immutable."""

    sequence: Annotated[Count, Meta(description="Number of the event in the customer's own order.")]
    session: SessionSummary
    customer: Annotated[Profile, Meta(description="Profile facts known, of those the plan declares.")]
    features: Annotated[
        tuple[float, ...],
        Meta(description="Raw feature values, in the order of the plan's feature table."),
    ]


class DecisionRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fill these placements for this customer, now."""

    decision_id: Annotated[Id, Meta(description="Hash of the signal id and the plan digest.")]
    signal_id: Id
    customer_id: Id
    requested_at: Time
    brand: Name
    channel: Annotated[Name, Meta(description="Channel of the signal that asked.")]
    direction: Direction
    placements: Annotated[tuple[Name, ...], Meta(min_length=1, description="In the order to fill them.")]
    trigger: Annotated[Name | None, Meta(description="Event trigger that asked; null if the signal did.")] = (
        None
    )
    page: Name | None = None
    attributes: Annotated[Attributes, Meta(description="Attributes of the signal that asked.")] = {}
    context: ContextSnapshot
    plan_digest: Annotated[str, Meta(description="Digest of the plan to decide by.")]
    trace: Trace | None = None
    household_id: Id | None = None
    arm: Annotated[Name, Meta(description="Experiment arm of the customer; nba: none.")] = "nba"
