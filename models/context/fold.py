"""BuildSessionContext as a fold: signals and outcomes in; sessions and decision requests out.

Late and early: a customer's clock is the latest event time seen. An event older than the clock by more than the
horizon `session.late` is a dead letter, of which nothing counts but the facts it tells and the pauses it begins;
within it, an event has the effect it would have had on time. A session ends when silence is longer than the gap and
nothing within the horizon can extend it any more: at last event + gap + late + 1 us.

Forgetting: an `erase` signal drops everything but its time, however late it comes, and what happened before that time
changes nothing any more. Where the plan says `session.forget`, so does silence of that length, and leaves nothing.
"""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from models.context.compiled import Expire, Step, compiled_expire, compiled_step
from models.context.ending import Ends, erased_last
from models.context.profile import NO_FACTS, customer_of, decode_facts, merge_profile, too_long
from models.context.refusals import Refusals
from models.context.requests import Requests
from models.context.sessions import Arrival, Joined, SessionRules, Starts
from models.context.state import (
    ContextState,
    Event,
    decode_event,
    decode_state,
    encode_event,
    encode_state,
)
from models.erasure import ERASE
from models.features import NOTHING, FeatureProgram, FeatureTable
from models.features.memory import holds
from models.folds import Counted, Noticed, Output
from models.identity import FINGERPRINT_BYTES, fingerprint
from models.observability import heartbeats
from models.plan.expressions import Filters, Triggers, compile_filters, compile_triggers
from models.plan.facts import customer_facts
from models.plan.spec import PlanSpec
from models.times import Micros, duration, micros, moment
from schemas import DeadLetter, Outcome, Reason, Signal

PROFILE = "profile"
"""The signal type that is news about the customer and no behaviour."""

_RESERVED = frozenset({heartbeats.TYPE, ERASE})
"""Signal types that are no behaviour and no news, but orders to the fold."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextFold:
    """The context of one customer under one plan. See `models.folds.Fold`."""

    spec: PlanSpec
    digest: str
    late: Micros
    rules: SessionRules
    program: FeatureProgram
    triggers: Triggers
    looks: bool
    """Whether a trigger looks at the customer."""
    suppressing: Filters
    suppresses: bool
    declared: frozenset[str]
    refusals: Refusals
    requests: Requests
    ends: Ends
    fast: Step | None = None
    """The kernel's step, which knows what nearly all events are."""
    fast_expire: Expire | None = None
    """What the kernel does of what is due: nearly all."""

    @classmethod
    def of(cls, spec: PlanSpec, digest: str) -> "ContextFold":
        """Compile what a plan says about sessions, features and triggers.

        Raises:
          ValueError: A feature is not declared well, or an expression cannot be used.
        """
        FeatureTable.of(spec)
        program = FeatureProgram.of(spec)
        rules, late = SessionRules.of(spec, program, digest), duration(spec.session.late)
        signals = [each.signal for each in spec.contact.suppressions if each.signal is not None]
        declared = frozenset(customer_facts(spec))
        fold = cls(
            spec=spec,
            digest=digest,
            late=late,
            rules=rules,
            program=program,
            triggers=compile_triggers(spec),
            looks=any("customer" in trigger.when for trigger in spec.triggers),
            suppressing=compile_filters(signals, spec),
            suppresses=bool(signals),
            declared=declared,
            refusals=Refusals(rules, late, declared),
            requests=Requests(spec, digest, program),
            ends=Ends(spec, program, rules),
        )
        return replace(fold, fast=compiled_step(fold, PROFILE, _RESERVED), fast_expire=compiled_expire(fold))

    def initial(self) -> ContextState:
        """A customer never seen."""
        return ContextState()

    def step(self, state: ContextState, event: Event) -> tuple[ContextState, list[Output]]:
        """Fold one event.

        Outputs: the answer to a heartbeat and OBSERVED; or an erasure, for the ledger, and OBSERVED; or DUPLICATE; or a
        dead letter and DEAD, after the signal itself if it is too late and may suppress something; or the outcome
        itself, for the ledger; or the sessions that had to end early, the signal itself if it may suppress something,
        and then a request or OBSERVED. OBSERVED and nothing more, if the customer was erased since it happened.
        """
        taken = self.fast(state, event) if self.fast is not None else None
        return self.in_python(state, event) if taken is None else taken

    def in_python(self, state: ContextState, event: Event) -> tuple[ContextState, list[Output]]:
        """`step` in Python."""
        at, kind, event_id = self.order(event)
        if isinstance(event, Signal) and event.type in _RESERVED:
            return self._erase(state, event, at) if event.type == ERASE else self._answer(state, event, at)
        if state.erased is not None and at <= state.erased:
            return state, [Counted.OBSERVED]
        mark = fingerprint(f"{kind}{event_id}")
        if holds(state.recent, mark):
            return state, [Counted.DUPLICATE]
        refusal = self.refusals.of(state, event, at)
        if refusal is not None:
            state, told = self._told_late(state, event, at, mark, refusal)
            return state, [*told, refusal, Counted.DEAD]
        if isinstance(event, Outcome):
            return self._take_outcome(state, event, at, mark)
        return self._take_signal(self._noted(state, event, at, mark), event, at)

    def deadline(self, state: ContextState) -> Micros | None:
        """When the next session ends, or everything is forgotten that no event can need."""
        return self.ends.deadline(state)

    def expire(self, state: ContextState, now: Micros) -> tuple[ContextState, list[Output]]:
        """End the sessions that are due, in the order of their starts; forget what no window reaches, or everything."""
        done = self.fast_expire(state, now) if self.fast_expire is not None else None
        return self.ends.expire(state, now) if done is None else done

    def order(self, event: Event) -> tuple[Micros, int, str]:
        """Event time, signals before outcomes, id."""
        if isinstance(event, Signal):
            return micros(event.occurred_at), 0, event.signal_id
        return micros(event.occurred_at), 1, event.outcome_id

    def encode(self, state: ContextState) -> bytes:
        """The state as versioned bytes."""
        return encode_state(state)

    def decode(self, data: bytes) -> ContextState:
        """The state again.

        Raises:
          ValueError: The bytes are of no version this code reads, or damaged.
        """
        return decode_state(data)

    def examine(self, state: ContextState) -> None:
        """Look closer at a state than `decode` does: at the facts, and at what features remember.

        Raises:
          ValueError: It is damaged.
        """
        try:
            decode_facts(state.facts or NO_FACTS)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"unreadable facts: {error}") from error
        self.program.examine((session.slots for session in state.sessions), state.series)

    def encode_event(self, event: Event) -> bytes:
        """For the shuffle."""
        return encode_event(event)

    def decode_event(self, data: bytes) -> Event:
        """From the shuffle."""
        return decode_event(data)

    def features_at(self, state: ContextState, at: Micros, event: Event | None = None) -> tuple[float, ...]:
        """All raw features as of `at`, from what is known: a question without an event, for tests and notebooks."""
        gap = self.rules.gap
        around = [s for s in state.sessions if s.first_at - gap <= at <= s.last_at + gap]
        session = around[-1] if around else None
        slots = session.slots if session else NOTHING
        place = (session.started_at, session.number) if session else None
        customer = customer_of(state.facts)
        return self.program.values(at, event, customer, place, slots, slots, state.series, state.series)

    def _erase(self, state: ContextState, erasure: Signal, at: Micros) -> tuple[ContextState, list[Output]]:
        """Forget the customer, and have the ledger do so: all that was known when the erasure came, late or not.

        One that is no news is a duplicate: nothing is left from before it.
        """
        if state.erased is not None and at <= state.erased:
            return state, [Counted.DUPLICATE]
        mark = max(state.clock, at)
        bare = Signal(
            signal_id=erasure.signal_id,
            customer_id=erasure.customer_id,
            occurred_at=moment(mark),
            type=ERASE,
            channel=erasure.channel,
            brand=erasure.brand,
            trace=erasure.trace,
            household_id=erasure.household_id,
        )
        return ContextState(clock=mark, erased=mark), [bare, Counted.OBSERVED, Noticed.ERASED]

    def _answer(
        self, state: ContextState, heartbeat: Signal, at: Micros
    ) -> tuple[ContextState, list[Output]]:
        """Count a heartbeat and say so. It is never late or a duplicate: each has to be answered."""
        state = msgspec.structs.replace(
            state,
            customer_id=heartbeat.customer_id,
            clock=max(state.clock, at),
            sequence=state.sequence + 1,
            seen=self._seen(state, at),
        )
        return state, [heartbeats.answer(heartbeat, state.sequence, self.digest), Counted.OBSERVED]

    def _seen(self, state: ContextState, at: Micros) -> Micros | None:
        """The latest event time with one more event, where it has to be known."""
        if self.ends.forget is None:
            return None
        return max(state.clock if state.seen is None else state.seen, at)

    def _told_late(
        self, state: ContextState, event: Event, at: Micros, mark: bytes, refusal: DeadLetter
    ) -> tuple[ContextState, list[Output]]:
        """The state after an event that is refused, and what the ledger is told of it.

        All is as it was, but a fact is a fact, however late it is told, and an opt-out is an opt-out: a customer's
        consent withdrawn or bereavement told must count though the behaviour around it no longer can. What the ledger
        is told is remembered, so that it counts once.
        """
        if refusal.reason != Reason.TOO_LATE or not isinstance(event, Signal):
            return state, []
        facts, recent, told = state.facts, state.recent, []
        if event.profile:
            if too_long(event.profile) is not None:
                return state, []
            facts = merge_profile(facts, event.profile, at, self.declared)
        if event.type != PROFILE and any(self.suppressing(event)):
            recent, told = self._remembered(recent, mark), [event]
        return msgspec.structs.replace(state, facts=facts, recent=recent), told

    def _remembered(self, recent: bytes, mark: bytes) -> bytes:
        """The ids of the latest events with one more."""
        return (recent + mark)[-FINGERPRINT_BYTES * self.spec.dedupe.keep :]

    def _noted(self, state: ContextState, event: Event, at: Micros, mark: bytes) -> ContextState:
        """The state after anything that is taken in: clock, number, id and profile."""
        facts, starts = state.facts, state.starts
        if isinstance(event, Signal):
            if event.profile:
                facts = merge_profile(facts, event.profile, at, self.declared)
            name = self.rules.declared_id(event)
            if name is not None and self.rules.longest is not None and event.type != PROFILE:
                starts = Starts(starts).noted(name, at).entries
        return ContextState(
            event.customer_id,
            max(state.clock, at),
            state.sequence + 1,
            state.opened,
            self._remembered(state.recent, mark),
            facts,
            state.sessions,
            state.series,
            starts,
            state.erased,
            self._seen(state, at),
        )

    def _take_outcome(
        self, state: ContextState, outcome: Outcome, at: Micros, mark: bytes
    ) -> tuple[ContextState, list[Output]]:
        if erased_last(state) is not None:  # it answers what was erased: nothing since has asked
            recent = self._remembered(state.recent, mark)
            return msgspec.structs.replace(state, recent=recent), [Counted.OBSERVED]
        state = self._noted(state, outcome, at, mark)
        matches = self.program.match(outcome)
        if any(matches):
            tie, settled = f"1{outcome.outcome_id}", state.clock - self.late
            series = self.program.roll(state.series, outcome, matches, at, tie, settled)
            state = msgspec.structs.replace(state, series=series)
        return state, [outcome]

    def _take_signal(
        self, state: ContextState, signal: Signal, at: Micros
    ) -> tuple[ContextState, list[Output]]:
        if signal.type == PROFILE:
            return state, [Counted.OBSERVED]
        looked = signal.placements or self.looks
        customer = customer_of(state.facts) if looked else {}
        trigger = None if signal.placements else self.triggers(signal, customer)
        asks = bool(signal.placements) or trigger is not None
        if asks and not looked:
            customer = customer_of(state.facts)
        matches, tie, settled = self.program.match(signal), f"0{signal.signal_id}", state.clock - self.late
        arrival = Arrival(signal, at, tie, matches, asks, settled)
        joined = self.rules.join(state.sessions, arrival, state.opened + 1)
        series = self.program.roll(state.series, signal, matches, at, tie, settled)
        new = _moved(state, joined, series)
        outputs = self.ends.ended(new, joined.evicted)
        if self.suppresses and any(self.suppressing(signal)):
            outputs.append(signal)
        if not asks:
            return new, [*outputs, Counted.OBSERVED]
        context = self.requests.snapshot(new, signal, at, joined, customer, state.series)
        return new, [*outputs, self.requests.request(signal, trigger, context)]


def _moved(state: ContextState, joined: Joined, series: dict[int, Any]) -> ContextState:
    """The state once a signal is in its session and in the series."""
    return ContextState(
        state.customer_id,
        state.clock,
        state.sequence,
        state.opened + joined.opened,
        state.recent,
        state.facts,
        joined.sessions,
        series,
        state.starts,
        state.erased,
        state.seen,
    )
