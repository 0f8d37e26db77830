"""The contracts: everything that crosses an edge, a shuffle or a state cell.

One `msgspec.Struct` per contract is the only declaration. The Beam coder, the BigQuery columns, the Parquet
schema, the proto3 message and the JSON Schema are derived from it (`schemas.derive`) and committed under
`schemas/generated/`. Contracts are append only: a field is never renamed, retyped or moved, and a new one has
a default, so that old bytes can be read by new code and new bytes by old code.
"""

from schemas.candidates import CandidateSet
from schemas.common import ContactState, Direction, MessageClass, OutcomeKind, Stage
from schemas.dead_letter import DeadLetter, Reason
from schemas.decision import Candidate, Contribution, Decision, LedgerNote, Offer, Price, Removal
from schemas.feedback import Feedback
from schemas.heartbeat import Heartbeat
from schemas.outcome import Outcome
from schemas.request import ContextSnapshot, DecisionRequest
from schemas.session import SessionContext, SessionSummary
from schemas.signal import Signal

CONTRACTS = (
    Signal,
    Outcome,
    SessionContext,
    DecisionRequest,
    CandidateSet,
    Decision,
    Feedback,
    DeadLetter,
    Heartbeat,
)

__all__ = [
    "CONTRACTS",
    "Candidate",
    "CandidateSet",
    "ContactState",
    "ContextSnapshot",
    "Contribution",
    "DeadLetter",
    "Decision",
    "DecisionRequest",
    "Direction",
    "Feedback",
    "Heartbeat",
    "LedgerNote",
    "MessageClass",
    "Offer",
    "Outcome",
    "OutcomeKind",
    "Price",
    "Reason",
    "Removal",
    "SessionContext",
    "SessionSummary",
    "Signal",
    "Stage",
]
