"""A fold that offers any action that fits a placement, chosen by hash: all a simulation needs to be tested."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from models.folds import Counted, Output
from models.plan.expressions import compile_triggers
from models.plan.spec import PlanSpec
from models.times import Micros, micros
from schemas import ContextSnapshot, Decision, Direction, Offer, Outcome, SessionSummary, Signal

Facts = Mapping[str, Any]


class RandomDecider:
    """Decides every signal that names placements or meets a trigger; no policy, no limit, no learning."""

    def __init__(self, spec: PlanSpec) -> None:
        self._spec = spec
        self._triggers = compile_triggers(spec)
        self._fitting = {
            place: [(a, t) for a in spec.actions for t in a.treatments if place in t.placements]
            for place in spec.placements
        }

    def initial(self) -> Facts:
        return {}

    def step(self, facts: Facts, event: Signal | Outcome) -> tuple[Facts, list[Output]]:
        if isinstance(event, Outcome):
            return facts, [Counted.OBSERVED]
        facts = {**facts, **(event.profile or {})}
        trigger = None if event.placements else self._triggers(event, facts)
        places = event.placements or (trigger.placements if trigger else ())
        if not places:
            return facts, [Counted.OBSERVED]
        return facts, [self._decision(event, places, trigger and trigger.id), Counted.DECIDED]

    def deadline(self, facts: Facts) -> Micros | None:
        return None

    def expire(self, facts: Facts, now: Micros) -> tuple[Facts, list[Output]]:
        return facts, []

    def order(self, event: Signal | Outcome) -> tuple[Micros, int, str]:
        signal = isinstance(event, Signal)
        identity = event.signal_id if signal else event.outcome_id
        return micros(event.occurred_at), 0 if signal else 1, identity

    def _decision(self, signal: Signal, places: tuple[str, ...], trigger: str | None) -> Decision:
        at, offers = signal.occurred_at, []
        for place in places:
            for slot in range(1, self._spec.placements[place].slots + 1):
                offers.append(self._offer(signal, place, slot, len(offers) + 1, {o.action for o in offers}))
        session = SessionSummary(session_id="s", number=1, started_at=at, last_at=at, events=1)
        return Decision(
            decision_id=blake2b(signal.signal_id.encode(), digest_size=16).hexdigest(),
            signal_id=signal.signal_id, customer_id=signal.customer_id, decided_at=at, brand=signal.brand,
            channel=signal.channel, direction=Direction.INBOUND, trigger=trigger, placements=places,
            offers=tuple(offers), context=ContextSnapshot(sequence=0, session=session, customer={}, features=()),
            ledger_sequence=0, plan_digest="random", model_digest="random",
        )  # fmt: skip

    def _offer(self, signal: Signal, place: str, slot: int, rank: int, taken: set[str]) -> Offer:
        free = [(a, t) for a, t in self._fitting[place] if a.id not in taken]
        luck = blake2b(f"{signal.signal_id}{place}{slot}".encode(), digest_size=4).digest()
        action, treatment = free[int.from_bytes(luck, "big") % len(free)]
        return Offer(
            rank=rank, placement=place, slot=slot, action=action.id, treatment=treatment.id,
            issue=self._spec.groups[action.group].issue, group=action.group,
            channel=self._spec.placements[place].channel or signal.channel,
            message_class=action.message_class, propensity=0.1, context_weight=1.0, value=action.value,
            lever=1.0, priority=0.1 * action.value,
        )  # fmt: skip
