"""Heartbeats: synthetic signals that go the whole way of a signal, decide nothing and are answered.

A heartbeat is a signal of a reserved type, by a sender whose id begins with a reserved prefix. It names no placement
and tells no fact. The context fold counts it in the sender's own state and answers; the funnel, the ledger, volume
constraints, sessions and tables never see it, and its answer goes to a topic that no channel reads.
"""

from schemas.heartbeat import Heartbeat
from schemas.signal import Signal

TYPE = "nextbeam.heartbeat"
"""The reserved signal type."""
SENDER = "heartbeat:"
"""What the ids of senders begin with."""
SCHEDULED = "scheduled"
"""The id of heartbeats by a scheduler that publishes the same bytes each time."""

SCHEDULED_PAYLOAD = (
    b'{"signal_id":"scheduled","customer_id":"heartbeat:scheduler","occurred_at":"2000-01-01T00:00:00Z",'
    b'"type":"nextbeam.heartbeat","channel":"heartbeat","brand":"heartbeat"}'
)
"""What a scheduler publishes: the time that counts is that of its publication."""


def is_heartbeat(signal: Signal) -> bool:
    """Whether a signal is one; whether it is a good one, `fault` says."""
    return signal.type == TYPE


def fault(signal: Signal) -> str | None:
    """Why a heartbeat is none, by the path of the field; None: it is one."""
    if not signal.customer_id.startswith(SENDER):
        return f"customer_id: a heartbeat's sender begins with {SENDER}"
    for field in ("placements", "attributes", "profile", "household_id"):
        if getattr(signal, field):
            return f"{field}: a heartbeat has none"
    return None


def answer(signal: Signal, sequence: int, plan_digest: str) -> Heartbeat:
    """What the keyed step says to a heartbeat."""
    return Heartbeat(
        heartbeat_id=signal.signal_id,
        sender=signal.customer_id,
        sent_at=signal.occurred_at,
        sequence=sequence,
        plan_digest=plan_digest,
        trace=signal.trace,
    )
