"""Decision: what we chose for a customer, and why not the rest."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import (
    Attributes,
    Count,
    Direction,
    Id,
    MessageClass,
    Name,
    Propensity,
    Stage,
    Time,
    Trace,
)
from schemas.request import ContextSnapshot


class Contribution(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one feature added to the log-odds of a propensity."""

    feature: Name
    contribution: float


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One action put in one placement, with the factors of its priority."""

    rank: Annotated[Count, Meta(description="Position in the whole decision, from 1.")]
    placement: Name
    slot: Annotated[Count, Meta(description="Position in the placement, from 1.")]
    action: Name
    treatment: Name
    issue: Name
    group: Name
    channel: Name
    message_class: MessageClass
    mandatory: bool = False
    propensity: Propensity
    context_weight: float
    value: Annotated[float, Meta(description="Business value of a positive outcome, plan currency.")]
    lever: float
    priority: float
    reasons: Annotated[
        tuple[Contribution, ...], Meta(description="Largest contributions to the propensity, first first.")
    ] = ()
    model_propensity: Annotated[
        Propensity | None, Meta(description="The model's own, where smoothing or an arm changed it.")
    ] = None
    sampled: Annotated[
        Propensity | None, Meta(description="The propensity drawn for this slot, where one was drawn.")
    ] = None
    boost: Annotated[float, Meta(description="Factor that earlier outcomes put on the priority.")] = 1.0
    price: Annotated[float, Meta(description="Shadow price paid: scarce capacity, in plan currency.")] = 0.0
    bid: Annotated[
        float | None, Meta(description="What won the slot: priority, drawn anew, x boost - price.")
    ] = None
    bundle: Annotated[Name | None, Meta(description="The bundle it was offered in.")] = None
    fallback: Annotated[bool, Meta(description="Offered because nothing else was.")] = False
    contenders: Annotated[
        tuple[Count, ...],
        Meta(description="Ranks of the candidates that could have won this slot, where chance decided."),
    ] = ()
    probability: Annotated[
        Propensity | None,
        Meta(description="P(this action for this slot | context, the slots before); null: not computed."),
    ] = None
    contender_prices: Annotated[
        tuple[float, ...],
        Meta(description="What each contender would have paid here; empty: what its candidate says."),
    ] = ()


class Candidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An action that engagement policy let through: its factors, its rank, and where it ended."""

    action: Name
    rank: Annotated[Count, Meta(description="Rank by priority among those let through, from 1.")]
    propensity: Propensity
    context_weight: float
    value: float
    lever: float
    priority: float
    stage: Annotated[Stage, Meta(description="Where it left the funnel; Output if it was offered.")]
    rule: Annotated[str | None, Meta(description="Id of the rule that removed it.")] = None
    model_propensity: Annotated[
        Propensity | None, Meta(description="The model's own, where smoothing or an arm changed it.")
    ] = None
    evidence: Annotated[
        float | None, Meta(description="Responses that the propensity rests on, where it was drawn.")
    ] = None
    boost: Annotated[float, Meta(description="Factor that earlier outcomes put on the priority.")] = 1.0
    price: Annotated[
        float, Meta(description="Shadow price where it would have gone first, plan currency.")
    ] = 0.0
    reasons: Annotated[
        tuple[Contribution, ...], Meta(description="Largest contributions to the propensity, first first.")
    ] = ()


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a volume constraint asked at the moment of a decision."""

    constraint: Name
    price: Annotated[float, Meta(description="Per contact, plan currency; negative: a subsidy.")]
    exhausted: Annotated[bool, Meta(description="Whether nothing was left.")] = False
    left: Annotated[Count | None, Meta(description="Contacts left before it; null: any number.")] = None


class LedgerNote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A change of the contact ledger by a signal; decisions and feedback record all others."""

    sequence: Count
    signal_id: Id
    noted_at: Time
    rule: Name
    action: Annotated[Name, Meta(description="The action it was about; *: none.")]
    unit: Annotated[
        str, Meta(description="What the rule counts, and pauses: its brand, if it has one, and name.")
    ] = ""


class Removal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The actions that one engagement rule removed."""

    stage: Stage
    rule: Annotated[str, Meta(description="Id of the rule.")]
    actions: tuple[Name, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer to one request. Every action of the plan is in it: offered, ranked or removed, with the reason."""

    decision_id: Annotated[Id, Meta(description="Hash of the signal id and the plan digest.")]
    signal_id: Id
    customer_id: Id
    decided_at: Annotated[Time, Meta(description="Event time of the request.")]
    brand: Name
    channel: Name
    direction: Direction
    trigger: Name | None = None
    page: Name | None = None
    placements: tuple[Name, ...]
    offers: tuple[Offer, ...] = ()
    ranked: Annotated[
        tuple[Candidate, ...], Meta(description="Actions that engagement policy let through, by rank.")
    ] = ()
    removed: Annotated[tuple[Removal, ...], Meta(description="The other actions, by the rule.")] = ()
    no_action: Annotated[
        str | None, Meta(description="Why nothing is offered, when nothing is; null otherwise.")
    ] = None
    attributes: Attributes = {}
    context: ContextSnapshot
    ledger_sequence: Annotated[
        Count, Meta(description="Number of the change to the customer's contact ledger.")
    ]
    plan_digest: str
    model_digest: str
    trace: Trace | None = None
    household_id: Id | None = None
    arm: Annotated[Name, Meta(description="Experiment arm of the customer; nba: none.")] = "nba"
    prices: Annotated[tuple[Price, ...], Meta(description="Volume constraints in force, as written.")] = ()
    notes: Annotated[
        tuple[LedgerNote, ...],
        Meta(description="Changes of the ledger by signals since the record before."),
    ] = ()
    ledger_since: Annotated[
        Time | None, Meta(description="When the ledger that `ledger_sequence` counts was opened.")
    ] = None
    seal: Annotated[str, Meta(description="Digest of this record; `replay` checks it.")] = ""
