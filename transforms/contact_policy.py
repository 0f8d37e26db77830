"""ApplyContactPolicy: the contact ledger takes the first candidates that every limit and suppression allows."""

from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import no_annotations

from schemas import CandidateSet, DeadLetter, Decision, Feedback, Signal
from transforms.fold_per_key import Host
from transforms.keys import fold_by_customer
from transforms.plan_source import PlanSource
from transforms.session_context import Events


class LedgerInput(NamedTuple):
    """Ranked candidates, and the events that change what the ledger allows."""

    candidates: PCollection[CandidateSet]
    events: Events


class Contacts(NamedTuple):
    """What ApplyContactPolicy makes of ranked candidates and outcomes."""

    decisions: PCollection[Decision]
    feedback: PCollection[Feedback]
    dead_letters: PCollection[DeadLetter]


class ApplyContactPolicy(beam.PTransform[LedgerInput, Contacts]):
    """Ranked candidates and outcomes in; decisions and feedback out.

    Keyed by customer. Offers reserve contacts, outcomes commit or release them and become feedback, silence too
    once the response window has passed. An outcome that answers no offer is a dead letter.

        contacts = LedgerInput(ranked, context.ledger_events) | ApplyContactPolicy(PlanSource("plan.yaml"))
    """

    def __init__(self, plan: PlanSource, *, host: Host | None = None) -> None:
        super().__init__()
        self._plan = plan
        self._host = host

    @no_annotations  # Beam cannot check a NamedTuple of PCollections; mypy can.
    def expand(self, ledger_input: LedgerInput) -> Contacts:
        """One keyed step."""
        fold = self._plan.fold("ledger")
        candidates, (signals, outcomes) = ledger_input
        inputs: dict[str, PCollection[Any]] = {
            "KeyCandidates": candidates,
            "KeySignals": signals,
            "KeyOutcomes": outcomes,
        }
        folded = fold_by_customer(
            fold,
            inputs,
            _OUTPUTS,
            step="ApplyContactPolicy",
            host=self._host,
            forwarded=(Signal,),
            together=self._plan.shares_capacity,
        )
        return Contacts(folded.decisions, folded.feedback, folded.dead_letters)


_OUTPUTS = {"decisions": Decision, "feedback": Feedback, "dead_letters": DeadLetter}
