"""ApplyContactPolicy: the contact ledger of one customer, as a fold.

Ranked candidates become a decision whose offers reserve contacts; outcomes commit or release them, pause actions and
become feedback; so does silence, once the response window and the lateness horizon have passed.
"""

from collections.abc import Callable, Sequence

from models.arbitration import Arbitration
from models.erasure import ERASE, MEMORY_ERASED
from models.folds import Counted, Output
from models.gates import Gates
from models.ledger.allocation import MEMORY_LOST, Allocation
from models.ledger.answering import Answering
from models.ledger.attribution import (
    RESERVED,
    OpenDecision,
    OpenOffer,
)
from models.ledger.book import Book
from models.ledger.compiled import compiled_decision
from models.ledger.deciding import Decider
from models.ledger.events import LedgerEvent, customer_of, decode_event, encode_event, order_key, time_of
from models.ledger.forgetting import Forgetting
from models.ledger.influences import Influences
from models.ledger.limits import ContactLimits
from models.ledger.records import Reasons, Recorder
from models.ledger.state import Kin, LedgerState, decode_state, encode_state, examine
from models.ledger.suppressions import Suppressions
from models.plan.expressions import compile_filters
from models.plan.spec import PlanSpec
from models.times import Micros, micros
from models.volumes.quotes import Volumes
from schemas.candidates import CandidateSet
from schemas.common import Stage
from schemas.decision import LedgerNote
from schemas.outcome import Outcome
from schemas.signal import Signal


class LedgerFold:
    """The ledger of any customer under one plan. Holds no state of its own; `models.ledger.state` bounds what it keeps.

    Time is event time. An event may be `session.late` older than the latest one; older ones never reach a ledger,
    but for signals that pause something: those count however late they are told.
    What could matter to an event within that horizon is kept, the rest is forgotten.
    """

    def __init__(
        self,
        spec: PlanSpec,
        digest: str,
        rules: Sequence[tuple[Stage, str]],
        reasons: Reasons | None,
        gates: Gates | None,
        volumes: Volumes | None,
    ) -> None:
        self._keep = spec.contact.keep
        self._keep_ids = spec.dedupe.keep
        self._limits = ContactLimits(spec)
        self._suppressions, influences = Suppressions(spec), Influences(spec)
        self._decider = Decider(spec, self._limits, self._suppressions, influences, gates, volumes)
        self._forgetting = Forgetting(spec, self._limits, self._suppressions, influences)
        self._answering = Answering(self._limits, self._suppressions, influences, volumes, self._forgetting)
        self._recorder = Recorder(spec, digest, Arbitration.of(spec), rules, reasons)
        self.compiled = compiled_decision(self._decider, self._forgetting, self._recorder, digest)
        """Decisions of the kernel, which knows what nearly all are; None where it is not built."""
        rules_on_signals = [spec.contact.suppressions[index].signal for index in self._suppressions.signals]
        texts = [text for text in rules_on_signals if text is not None]
        self._matches: Callable[[Signal], Sequence[bool]] | None = (
            compile_filters(texts, spec) if texts else None
        )

    @classmethod
    def of(
        cls,
        spec: PlanSpec,
        digest: str,
        *,
        rules: Sequence[tuple[Stage, str]],
        reasons: Reasons | None = None,
        gates: Gates | None = None,
        volumes: Volumes | None = None,
    ) -> "LedgerFold":
        """The ledger of a plan.

        Args:
          spec: The plan.
          digest: Its digest.
          rules: Stage and id of each engagement rule, as `CandidateSet.removed_by` counts them.
          reasons: What contributed to the propensity of an offer, by request and action index.
          gates: What a request alone forbids; None: nothing.
          volumes: The capacity that all customers share; None: there is no end to it.
        """
        return cls(spec, digest, rules, reasons, gates, volumes)

    def initial(self) -> LedgerState:
        """A customer never contacted."""
        return LedgerState()

    def lost(self, at: Micros) -> LedgerState:
        """The state to go on with at `at` when the real one cannot be read: it fails closed.

        Nothing that contact policy governs is offered until all that may have been lost would be forgotten anyway.
        The loss is noted as the first change, so that a replay loses as much.
        """
        until = at + max(self._limits.longest, self._suppressions.longest) + self._forgetting.late
        book = Book(LedgerState())
        book.clock, book.lost_until, book.forgotten = at, until, at + self._forgetting.late
        book.note(MEMORY_LOST, at, MEMORY_LOST, MEMORY_LOST)
        return book.close(self._forgetting.due(book))

    def erased(self, at: Micros) -> LedgerState:
        """The state to go on with once the customer was erased at `at`: it fails closed.

        Limits that look back beyond it refuse what they cover; what happened before it is answered by nothing. Like a
        loss it is noted as the first change, so that a replay knows of it. No ledger before it was opened so late.
        """
        book = Book(LedgerState())
        book.clock = book.forgotten = book.erased = at
        book.since = at + 1
        book.note(MEMORY_ERASED, at, MEMORY_ERASED, MEMORY_ERASED)
        return book.close(self._forgetting.due(book))

    def step(
        self, state: LedgerState, event: LedgerEvent, kin: Kin | None = None
    ) -> tuple[LedgerState, list[Output]]:
        """Decide on candidates, attribute an outcome, note a signal that pauses actions, or erase the customer.

        `kin`: the other members of the household, whose contacts count for limits with `whose: household`.
        """
        if self.compiled is not None and kin is None and isinstance(event, CandidateSet):
            decided = self.compiled.decide(state, event)
            if decided is not None:
                return decided
        return self.in_python(state, event, kin)

    def in_python(
        self, state: LedgerState, event: LedgerEvent, kin: Kin | None = None
    ) -> tuple[LedgerState, list[Output]]:
        """`step` in Python."""
        at = time_of(event)
        if state.erased is not None and at <= state.erased:
            return state, [] if isinstance(event, Signal) else [Counted.OBSERVED]
        book = Book(state)
        book.customer_id = customer_of(event)
        if isinstance(event, Signal) and event.type == ERASE:
            return self._erase(book, at)
        book.clock = max(book.clock, at)
        if isinstance(event, CandidateSet):
            outputs = self._decide(book, event, at, kin)
        elif isinstance(event, Outcome):
            outputs = self._answering.attribute(book, event, at)
        else:
            outputs = self._note(book, event, at)
        if book.sequence == state.sequence:
            return state, outputs
        self._forgetting.prune(book)
        return book.close(self._forgetting.due(book)), outputs

    def noted(self, state: LedgerState, note: LedgerNote, customer_id: str) -> LedgerState:
        """The state after a change by a signal, as a record tells of it: what a replay has instead of the signal.

        Raises:
          ValueError: The plan has no such rule, or what was before a loss or an erasure is known.
        """
        at = micros(note.noted_at)
        if note.rule in (MEMORY_LOST, MEMORY_ERASED):
            if state.sequence:
                raise ValueError("memory was lost or erased before all else, or not at all")
            return self.lost(at) if note.rule == MEMORY_LOST else self.erased(at)
        index = self._suppressions.ids.index(note.rule)
        book = Book(state)
        book.customer_id, book.clock = customer_id, max(book.clock, at)
        book.note(note.signal_id, at, note.rule, note.action, note.unit)
        book.pauses = self._suppressions.trigger(
            book.pauses, index, note.unit, at, book.clock - self._forgetting.late
        )
        self._forgetting.prune(book)
        return book.close(self._forgetting.due(book))

    def ledger_of(self, state: LedgerState) -> LedgerState:
        """The ledger itself: for those who take `DecideFold` or this one."""
        return state

    def with_ledger(self, _: LedgerState, ledger: LedgerState) -> LedgerState:
        """Another ledger in its place."""
        return ledger

    def deadline(self, state: LedgerState) -> Micros | None:
        """When an offer's time is up, or everything can be forgotten."""
        return state.due

    def expire(self, state: LedgerState, now: Micros) -> tuple[LedgerState, list[Output]]:
        """Silence becomes feedback; a ledger that nothing can need any more is as if never used."""
        if (
            state.due is None or state.due > now
        ):  # nothing due ever: nothing but numbers that a household lent it
            return state, []
        outputs: list[Output] = []
        book = Book(state)
        while (due := self._forgetting.next_silence(book)) is not None and due <= now:
            outputs += self._answering.silent(book, due)
        if due is None and self._forgetting.forgettable(book) <= now:
            return self.initial(), outputs
        return book.close(self._forgetting.due(book)), outputs

    def order(self, event: LedgerEvent) -> tuple[Micros, int, str]:
        """Event time; signals, each before the candidates it led to; then outcomes; by id."""
        return order_key(event)

    def encode(self, state: LedgerState) -> bytes:
        """A version byte and msgpack."""
        return encode_state(state)

    def decode(self, data: bytes) -> LedgerState:
        """The state again.

        Raises:
          ValueError: Not a ledger's state, or of a version that this code cannot read.
        """
        return decode_state(data)

    def examine(self, state: LedgerState) -> None:
        """Look closer at a state than `decode` does.

        Raises:
          ValueError: It is damaged.
        """
        examine(state)

    def encode_event(self, event: LedgerEvent) -> bytes:
        """A byte for the kind of event, and msgpack."""
        return encode_event(event)

    def decode_event(self, data: bytes) -> LedgerEvent:
        """The event again."""
        return decode_event(data)

    def _decide(self, book: Book, candidates: CandidateSet, at: Micros, kin: Kin | None) -> list[Output]:
        request = candidates.request
        if not book.decides(request.decision_id, self._keep_ids):
            return [Counted.DUPLICATE]
        entry = book.enter(at)
        allocation = self._decider.allocate(book, candidates, at, kin)
        self._reserve(book, candidates, allocation, at)
        return [self._recorder.decision(candidates, allocation, entry), Counted.DECIDED]

    def _reserve(self, book: Book, candidates: CandidateSet, allocation: Allocation, at: Micros) -> None:
        offers = []
        for placed in allocation.placed:
            item = book.spot(placed.row.key)
            propensity = candidates.propensities[placed.action]
            offers.append(OpenOffer(item, propensity, RESERVED, False, placed.follows))
            self._forgetting.contacted(book, at, item, placed.row)
        if offers:
            origin = book.origin(self._recorder.origin(candidates))
            decision_id = candidates.request.decision_id
            book.add_open(OpenDecision(at, decision_id, origin, tuple(offers)), self._keep)

    def _note(self, book: Book, signal: Signal, at: Micros) -> list[Output]:
        if self._matches is None:
            return []
        for index, unit, action in self._suppressions.by_signal(signal, self._matches(signal)):
            book.note(signal.signal_id, at, self._suppressions.ids[index], action, unit)
            book.pauses = self._suppressions.trigger(
                book.pauses, index, unit, at, book.clock - self._forgetting.late
            )
        return []

    def _erase(self, book: Book, at: Micros) -> tuple[LedgerState, list[Output]]:
        """Forget everything, once it is said of each offer that awaits an answer that it will get none.

        So every change of the ledger is recorded, its end included. The mark is not before anything known.
        """
        mark = max(at, book.clock, book.forgotten)
        return self.erased(mark), self._answering.closed(book, mark)
