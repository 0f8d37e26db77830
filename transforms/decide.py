"""From events to decisions: the two compositions of the five steps, with one interface."""

from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import no_annotations

from schemas import DeadLetter, Decision, Feedback, Heartbeat, SessionContext
from transforms.arbitration import Arbitrate
from transforms.contact_policy import ApplyContactPolicy, LedgerInput
from transforms.engagement_policy import ApplyEngagementPolicy
from transforms.fold_per_key import Host
from transforms.keys import fold_by_customer
from transforms.plan_source import PlanSource
from transforms.session_context import BuildSessionContext, Events


class Decided(NamedTuple):
    """All that decisioning yields."""

    decisions: PCollection[Decision]
    feedback: PCollection[Feedback]
    sessions: PCollection[SessionContext]
    dead_letters: PCollection[DeadLetter]
    heartbeats: PCollection[Heartbeat]


class DecideNextBestAction(beam.PTransform[Events, Decided]):
    """The five steps fused into one fold: one shuffle, one state; the model runs in the worker.

    Keyed by customer. Context and contact ledger change together, with each event.

        decided = Events(signals, outcomes) | DecideNextBestAction(PlanSource("plan.yaml"))
    """

    def __init__(self, plan: PlanSource, *, host: Host | None = None) -> None:
        super().__init__()
        self._plan = plan
        self._host = host

    @no_annotations  # Beam cannot check a NamedTuple of PCollections; mypy can.
    def expand(self, events: Events) -> Decided:
        """One keyed step."""
        fold = self._plan.fold("decide")
        signals, outcomes = events
        inputs: dict[str, PCollection[Any]] = {"KeySignals": signals, "KeyOutcomes": outcomes}
        folded = fold_by_customer(
            fold,
            inputs,
            _OUTPUTS,
            step="DecideNextBestAction",
            host=self._host,
            together=self._plan.shares_capacity,
        )
        return Decided(
            folded.decisions, folded.feedback, folded.sessions, folded.dead_letters, folded.heartbeats
        )


class DecideChained(beam.PTransform[Events, Decided]):
    """The five steps chained with `|`: two shuffles, and RunInference batches across customers.

    For models that are slow, on a GPU or remote. Bounded input yields what `DecideNextBestAction` yields; on
    unbounded input too, as long as the events of a customer arrive in order.
    """

    def __init__(self, plan: PlanSource, *, inline: bool = False, host: Host | None = None) -> None:
        super().__init__()
        self._plan = plan
        self._inline = inline
        self._host = host

    @no_annotations  # Beam cannot check a NamedTuple of PCollections; mypy can.
    def expand(self, events: Events) -> Decided:
        """Two keyed steps, three without state between them."""
        from transforms.scoring import ScoreActions  # noqa: PLC0415  (Beam's RunInference takes a while to import)

        context = events | BuildSessionContext(self._plan, host=self._host)
        ranked = (
            context.requests
            | ApplyEngagementPolicy(self._plan)
            | ScoreActions(self._plan, inline=self._inline)
            | Arbitrate(self._plan)
        )
        contacts = LedgerInput(ranked, context.ledger_events) | ApplyContactPolicy(
            self._plan, host=self._host
        )
        dead_letters = (context.dead_letters, contacts.dead_letters) | "DeadLetters" >> beam.Flatten()
        return Decided(
            contacts.decisions, contacts.feedback, context.sessions, dead_letters, context.heartbeats
        )


_OUTPUTS = {
    "decisions": Decision,
    "feedback": Feedback,
    "sessions": SessionContext,
    "dead_letters": DeadLetter,
    "heartbeats": Heartbeat,
}
