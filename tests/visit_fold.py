"""A small fold for tests of the hosts: it deduplicates, refuses late events, waits for answers and forgets."""

import msgspec

from models.folds import Counted, Output
from models.times import SECOND, Micros, micros, moment
from schemas import DeadLetter, Outcome, OutcomeKind, Reason, SessionContext, Signal

Event = Signal | Outcome

GAP = 30 * SECOND
LATE = 20 * SECOND
PATIENCE = 60 * SECOND
OUTPUTS = {"asked": Signal, "silent": Outcome, "visits": SessionContext, "dead_letters": DeadLetter}


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """Signals without a pause."""

    started: Micros
    last: Micros
    events: int


class Visits(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a customer."""

    version: int = 1
    customer_id: str = ""
    clock: Micros = 0
    seen: tuple[str, ...] = ()
    visit: Visit | None = None
    waiting: tuple[tuple[Micros, str], ...] = ()
    number: int = 0


class VisitFold:
    """Signals make visits; those with placements wait for an outcome that names them."""

    _state = msgspec.msgpack.Decoder(Visits)
    _signal = msgspec.msgpack.Decoder(Signal)
    _outcome = msgspec.msgpack.Decoder(Outcome)

    def initial(self) -> Visits:
        return Visits()

    def step(self, state: Visits, event: Event) -> tuple[Visits, list[Output]]:
        at, _, name = self.order(event)
        if name in state.seen:
            return state, [Counted.DUPLICATE]
        if at < state.clock - LATE:
            return state, [self._too_late(event), Counted.DEAD]
        state = msgspec.structs.replace(
            state,
            customer_id=event.customer_id,
            clock=max(at, state.clock),
            seen=(*state.seen, name)[-16:],
        )
        return (
            self._signalled(state, event, at) if isinstance(event, Signal) else self._answered(state, event)
        )

    def _signalled(self, state: Visits, signal: Signal, at: Micros) -> tuple[Visits, list[Output]]:
        visit = state.visit or Visit(at, at, 0)
        state = msgspec.structs.replace(
            state,
            number=state.number + (state.visit is None),
            visit=Visit(min(at, visit.started), max(at, visit.last), visit.events + 1),
        )
        if not signal.placements:
            return state, [Counted.OBSERVED]
        waiting = tuple(sorted((*state.waiting, (at + PATIENCE, signal.signal_id))))
        return msgspec.structs.replace(state, waiting=waiting), [signal, Counted.DECIDED]

    def _answered(self, state: Visits, outcome: Outcome) -> tuple[Visits, list[Output]]:
        waiting = tuple(w for w in state.waiting if w[1] != outcome.decision_id)
        return msgspec.structs.replace(state, waiting=waiting), [Counted.OBSERVED]

    def _too_late(self, event: Event) -> DeadLetter:
        payload = msgspec.json.encode(event)
        return DeadLetter(
            reason=Reason.TOO_LATE,
            step="Visits",
            detail="$.occurred_at",
            payload=payload,
            payload_bytes=len(payload),
        )

    def deadline(self, state: Visits) -> Micros | None:
        return min((at for at, _ in self._due(state)), default=None)

    def _due(self, state: Visits) -> list[tuple[Micros, str]]:
        ends = [(state.visit.last + GAP + LATE + 1, "")] if state.visit else []
        return sorted([*ends, *((at + LATE, name) for at, name in state.waiting)])

    def expire(self, state: Visits, now: Micros) -> tuple[Visits, list[Output]]:
        due = [item for item in self._due(state) if item[0] <= now]
        outputs: list[Output] = [self._output(state, name) for _, name in due]
        gone = {name for _, name in due}
        state = msgspec.structs.replace(
            state,
            visit=None if "" in gone else state.visit,
            waiting=tuple(w for w in state.waiting if w[1] not in gone),
        )
        forgotten = bool(due) and self.deadline(state) is None
        return (self.initial() if forgotten else state), outputs

    def _output(self, state: Visits, name: str) -> Output:
        if name:
            at = next(at for at, waiting in state.waiting if waiting == name)
            return Outcome(
                outcome_id=f"{name}/silent",
                customer_id=state.customer_id,
                occurred_at=moment(at),
                kind=OutcomeKind.NO_RESPONSE,
                decision_id=name,
            )
        assert state.visit is not None
        return SessionContext(
            session_id=f"{state.customer_id}/{state.visit.started}",
            customer_id=state.customer_id,
            number=state.number,
            started_at=moment(state.visit.started),
            ended_at=moment(state.visit.last),
            duration_s=(state.visit.last - state.visit.started) / SECOND,
            events=state.visit.events,
        )

    def order(self, event: Event) -> tuple[Micros, int, str]:
        if isinstance(event, Signal):
            return micros(event.occurred_at), 0, event.signal_id
        return micros(event.occurred_at), 1, event.outcome_id

    def encode(self, state: Visits) -> bytes:
        return msgspec.msgpack.encode(state)

    def decode(self, data: bytes) -> Visits:
        try:
            state = self._state.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error
        if state.version != 1:
            raise ValueError(f"version {state.version}")
        return state

    def encode_event(self, event: Event) -> bytes:
        return (b"S" if isinstance(event, Signal) else b"O") + msgspec.msgpack.encode(event)

    def decode_event(self, data: bytes) -> Event:
        decoder = self._signal if data[:1] == b"S" else self._outcome
        return decoder.decode(data[1:])
