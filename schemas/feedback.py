"""Feedback: an outcome, attached to the offer it answers."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import ContactState, Count, Id, MessageClass, Name, OutcomeKind, Propensity, Time, Trace
from schemas.decision import LedgerNote


class Feedback(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row per outcome, attributed and labelled; silence is one too (NoResponse)."""

    feedback_id: Annotated[Id, Meta(description="The outcome's id; for silence, decision id and rank.")]
    decision_id: Id
    customer_id: Id
    rank: Count
    action: Name
    treatment: Name
    issue: Name
    group: Name
    channel: Name
    brand: Name
    placement: Name
    message_class: MessageClass
    outcome: OutcomeKind
    occurred_at: Annotated[Time, Meta(description="When it happened; for silence, when time was up.")]
    decided_at: Time
    delay_s: Annotated[float, Meta(description="occurred_at - decided_at, in seconds.")]
    label: Annotated[
        bool | None,
        Meta(description="True: positive; false: negative; null: says nothing yet (e.g. delivered)."),
    ] = None
    contact: Annotated[ContactState, Meta(description="State of the contact after this outcome.")]
    propensity: Propensity
    value: Annotated[float | None, Meta(description="Business value realised, plan currency.")] = None
    plan_digest: str
    model_digest: str
    trace: Trace | None = None
    ledger_sequence: Annotated[
        Count, Meta(description="Number of the change to the customer's contact ledger.")
    ] = 0
    ledger_since: Annotated[
        Time | None, Meta(description="When the ledger that `ledger_sequence` counts was opened.")
    ] = None
    arm: Annotated[Name, Meta(description="Experiment arm of the customer; nba: none.")] = "nba"
    seal: Annotated[str, Meta(description="Digest of this record; `replay` checks it.")] = ""
    notes: Annotated[
        tuple[LedgerNote, ...],
        Meta(description="Changes of the ledger by signals since the record before."),
    ] = ()
