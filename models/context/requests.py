"""Decision requests: what a decision is told of the customer at the signal that asks for it."""

from typing import Any

from models.context.sessions import Joined
from models.context.state import ContextState
from models.experiments.arms import Arms
from models.features import FeatureProgram, Slots
from models.identity import decision_id
from models.plan.spec import PlanSpec, TriggerSpec
from models.times import Micros
from schemas import ContextSnapshot, DecisionRequest, Direction, Signal


class Requests:
    """Asks for decisions under one plan."""

    def __init__(self, spec: PlanSpec, digest: str, program: FeatureProgram) -> None:
        self._digest = digest
        self._program = program
        self.arms = Arms.of(spec)
        self.channel_directions = {name: channel.direction for name, channel in spec.channels.items()}
        """Who opens the conversation, by channel."""
        self.place_directions = {
            name: self.channel_directions.get(place.channel, Direction.INBOUND)
            for name, place in spec.placements.items()
            if place.channel
        }
        """The same, by placement that has a channel of its own."""

    def snapshot(
        self,
        state: ContextState,
        signal: Signal,
        at: Micros,
        joined: Joined,
        customer: dict[str, Any],
        earlier: Slots,
    ) -> ContextSnapshot:
        """What is known of the customer once the signal is in its session; `earlier`: the series before it."""
        session = joined.session
        place = session.started_at, session.number
        features = self._program.values(
            at, signal, customer, place, session.slots, joined.before, state.series, earlier
        )
        return ContextSnapshot(
            sequence=state.sequence, session=session.summary(), customer=customer, features=features
        )

    def request(
        self, signal: Signal, trigger: TriggerSpec | None, context: ContextSnapshot
    ) -> DecisionRequest:
        """The request of a signal that asks itself, by its placements, or that a trigger asks for."""
        placements = trigger.placements if trigger else signal.placements
        return DecisionRequest(
            decision_id=decision_id(signal.signal_id, self._digest),
            signal_id=signal.signal_id,
            customer_id=signal.customer_id,
            requested_at=signal.occurred_at,
            brand=signal.brand,
            channel=signal.channel,
            direction=self._direction(signal, placements[0]),
            placements=placements,
            trigger=trigger.id if trigger else None,
            page=signal.page,
            attributes=signal.attributes,
            context=context,
            plan_digest=self._digest,
            trace=signal.trace,
            household_id=signal.household_id,
            arm=self.arms.arm(signal.customer_id, signal.occurred_at),
        )

    def _direction(self, signal: Signal, placement: str) -> Direction:
        """Of the channel that the first placement belongs to."""
        found = self.place_directions.get(placement)
        return found or self.channel_directions.get(signal.channel, Direction.INBOUND)
