"""Events as the records tell of them that they led to: what a replay has instead of requests, outcomes and signals."""

from models.erasure import CLOSED, ERASE
from models.experiments.arms import Arms
from models.identity import decision_id
from schemas import Decision, DecisionRequest, Feedback, Outcome, OutcomeKind, Signal


def request(decision: Decision, digest: str, arms: Arms) -> DecisionRequest:
    """The request that a decision answers, as recorded; what follows from other fields is recomputed."""
    return DecisionRequest(
        decision_id=decision_id(decision.signal_id, digest),
        signal_id=decision.signal_id,
        customer_id=decision.customer_id,
        requested_at=decision.decided_at,
        brand=decision.brand,
        channel=decision.channel,
        direction=decision.direction,
        placements=decision.placements,
        trigger=decision.trigger,
        page=decision.page,
        attributes=decision.attributes,
        context=decision.context,
        plan_digest=digest,
        trace=decision.trace,
        household_id=decision.household_id,
        arm=arms.arm(decision.customer_id, decision.decided_at),
    )


def outcome(record: Feedback) -> Outcome:
    """The outcome that a feedback tells of, attributed as it was."""
    return Outcome(
        outcome_id=record.feedback_id,
        customer_id=record.customer_id,
        occurred_at=record.occurred_at,
        kind=record.outcome,
        decision_id=record.decision_id,
        rank=record.rank,
        value=record.value,
        trace=record.trace,
    )


def is_silence(record: Feedback) -> bool:
    """Whether nobody answered: then no event led to it, only time."""
    named = f"{record.decision_id}:{record.rank}:{OutcomeKind.NO_RESPONSE}"
    return record.outcome is OutcomeKind.NO_RESPONSE and record.feedback_id == named


def erasure(record: Feedback) -> Signal:
    """The erasure that closed an offer: of its signal a ledger sees the time."""
    return Signal(
        signal_id=record.feedback_id,
        customer_id=record.customer_id,
        occurred_at=record.occurred_at,
        type=ERASE,
        channel=record.channel,
        brand=record.brand,
    )


def is_closing(record: Feedback) -> bool:
    """Whether an erasure closed the offer."""
    return record.feedback_id == f"{record.decision_id}:{record.rank}:{CLOSED}"
