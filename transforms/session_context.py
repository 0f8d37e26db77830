"""BuildSessionContext: what a customer does, folded into what is known about the customer."""

from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import no_annotations

from schemas import DeadLetter, DecisionRequest, Heartbeat, Outcome, SessionContext, Signal
from transforms.fold_per_key import Host
from transforms.keys import fold_by_customer
from transforms.plan_source import PlanSource


class Events(NamedTuple):
    """What comes in from the channels, decoded; or what of it the contact ledger has to see."""

    signals: PCollection[Signal]
    outcomes: PCollection[Outcome]


class Context(NamedTuple):
    """What BuildSessionContext makes of events."""

    requests: PCollection[DecisionRequest]
    ledger_events: Events
    sessions: PCollection[SessionContext]
    dead_letters: PCollection[DeadLetter]
    heartbeats: PCollection[Heartbeat]


class BuildSessionContext(beam.PTransform[Events, Context]):
    """Signals and outcomes in; a `DecisionRequest` with a snapshot of the context for each that asks for a decision.

    Keyed by customer: sessions, rolling windows and the profile live in one state. Duplicates are counted and
    dropped, events beyond the lateness horizon are dead letters, sessions are emitted once they are complete.

        context = Events(signals, outcomes) | BuildSessionContext(PlanSource("plan.yaml"))
    """

    def __init__(self, plan: PlanSource, *, host: Host | None = None) -> None:
        super().__init__()
        self._plan = plan
        self._host = host

    @no_annotations  # Beam cannot check a NamedTuple of PCollections; mypy can.
    def expand(self, events: Events) -> Context:
        """One keyed step."""
        fold = self._plan.fold("context")
        signals, outcomes = events
        inputs: dict[str, PCollection[Any]] = {"KeySignals": signals, "KeyOutcomes": outcomes}
        folded = fold_by_customer(fold, inputs, _OUTPUTS, step="BuildSessionContext", host=self._host)
        return Context(
            requests=folded.requests,
            ledger_events=Events(signals=folded.signals, outcomes=folded.outcomes),
            sessions=folded.sessions,
            dead_letters=folded.dead_letters,
            heartbeats=folded.heartbeats,
        )


_OUTPUTS = {
    "requests": DecisionRequest,
    "signals": Signal,
    "outcomes": Outcome,
    "sessions": SessionContext,
    "dead_letters": DeadLetter,
    "heartbeats": Heartbeat,
}
