"""ApplyContactPolicy: the contact ledger of one customer, as a fold.

Ranked candidates become a decision whose offers reserve contacts; outcomes commit or release them, pause actions and
become feedback; so does silence, once the response window and the lateness horizon have passed.
"""

from collections.abc import Callable, Sequence

import msgspec

from models.arbitration import Arbitration
from models.erasure import CLOSED, ERASE, MEMORY_ERASED, mark_kept
from models.folds import Counted, Output
from models.gates import Gates
from models.ledger.allocation import MEMORY_LOST, Allocation
from models.ledger.attribution import (
    LABELS,
    RELEASED,
    RESERVED,
    Answered,
    OpenDecision,
    OpenOffer,
    ResponseWindows,
    after,
    attribute,
    contact_state,
)
from models.ledger.compiled import compiled_decision
from models.ledger.deciding import Decider
from models.ledger.events import LedgerEvent, customer_of, decode_event, encode_event, order_key, time_of
from models.ledger.influences import Influences
from models.ledger.limits import ContactLimits
from models.ledger.records import Reasons, Recorder, feedback, unattributed
from models.ledger.spots import Spot
from models.ledger.state import Book, Entry, Kin, LedgerState, decode_state, encode_state, examine
from models.ledger.suppressions import Suppressions
from models.ledger.tallies import Row
from models.plan.expressions import compile_filters
from models.plan.spec import PlanSpec
from models.times import Micros, duration, micros
from models.volumes.quotes import Volumes
from schemas.candidates import CandidateSet
from schemas.common import OutcomeKind, Stage
from schemas.decision import LedgerNote
from schemas.feedback import Feedback
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
        self._late = duration(spec.session.late)
        self._keep = spec.contact.keep
        self._keep_ids = spec.dedupe.keep
        self._limits = ContactLimits(spec)
        self._remember = duration(spec.contact.remember) if spec.contact.remember else 0
        self._remembered = max(self._limits.longest, self._remember)
        self._mark_kept = mark_kept(spec)
        self._suppressions = Suppressions(spec)
        self._influences = Influences(spec)
        self._volumes = volumes
        self._decider = Decider(spec, self._limits, self._suppressions, self._influences, gates, volumes)
        self._windows = ResponseWindows(spec, remembered=self._limits.longest or self._late)
        self._recorder = Recorder(spec, digest, Arbitration.of(spec), rules, reasons)
        remembered = (self._remembered, self._remember)
        self.compiled = compiled_decision(
            self._decider, self._windows, self._recorder, digest, remembered, self._settled
        )
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
        until = at + max(self._limits.longest, self._suppressions.longest) + self._late
        book = Book(LedgerState())
        book.clock, book.lost_until, book.forgotten = at, until, at + self._late
        book.note(MEMORY_LOST, at, MEMORY_LOST, MEMORY_LOST)
        return book.close(self._due(book))

    def erased(self, at: Micros) -> LedgerState:
        """The state to go on with once the customer was erased at `at`: it fails closed.

        Limits that look back beyond it refuse what they cover; what happened before it is answered by nothing. Like a
        loss it is noted as the first change, so that a replay knows of it. No ledger before it was opened so late.
        """
        book = Book(LedgerState())
        book.clock = book.forgotten = book.erased = at
        book.since = at + 1
        book.note(MEMORY_ERASED, at, MEMORY_ERASED, MEMORY_ERASED)
        return book.close(self._due(book))

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
            outputs = self._attribute(book, event, at)
        else:
            outputs = self._note(book, event, at)
        if book.sequence == state.sequence:
            return state, outputs
        self._prune(book)
        return book.close(self._due(book)), outputs

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
        book.pauses = self._suppressions.trigger(book.pauses, index, note.unit, at, book.clock - self._late)
        self._prune(book)
        return book.close(self._due(book))

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
        while (due := self._next_silence(book)) is not None and due <= now:
            outputs += self._silent(book, due)
        if due is None and self._forgettable(book) <= now:
            return self.initial(), outputs
        return book.close(self._due(book)), outputs

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
            self._contacted(book, at, item, placed.row)
        if offers:
            origin = book.origin(self._recorder.origin(candidates))
            decision_id = candidates.request.decision_id
            book.add_open(OpenDecision(at, decision_id, origin, tuple(offers)), self._keep)

    def _contacted(self, book: Book, made: Micros, item: int, row: Row, *, committed: bool = False) -> None:
        """Keep a contact if a limit needs it; that one is not kept, for plans to come, if a limit could."""
        if row.need:
            book.add_contact(made, item, committed=committed)
        elif not self._limits.exempts(row):
            book.miss_contact(made, item)

    def _attribute(self, book: Book, outcome: Outcome, at: Micros) -> list[Output]:
        spots = [row.spot for row in self._limits.rows(book.spots)]
        found = attribute(outcome, at, book.open, spots.__getitem__, self._windows)
        if isinstance(found, str):
            if book.erased is not None:  # for all we know it answers an offer from before the erasure
                return [Counted.OBSERVED]
            return [unattributed(outcome, found), Counted.DEAD]
        entry = book.enter(at)
        made = book.open[found.decision]
        offer = made.offers[found.offer]
        contact = after(offer.contact, outcome.kind)
        self._answer(book, found, contact, labelled=outcome.kind in LABELS)
        self._trigger(book, outcome.kind, self._spot(book, offer), at)
        answer = self._feedback(book, made, found.offer, outcome.kind, at, contact, entry, outcome)
        return [answer, Counted.OBSERVED]

    def _answer(self, book: Book, found: Answered, contact: int, *, labelled: bool) -> None:
        """Move the contact of an open offer to its new state."""
        made = book.open[found.decision]
        offer = made.offers[found.offer]
        if contact == RELEASED != offer.contact:
            book.remove_contact(made.at, offer.item)
        elif offer.contact == RELEASED != contact:
            row = self._limits.row(book.spots[offer.item])
            self._contacted(book, made.at, offer.item, row, committed=True)
        elif offer.contact == RESERVED != contact:
            book.commit_contact(made.at, offer.item)
        if self._volumes is not None and not offer.follows:
            self._count(self._volumes, made.at, self._spot(book, offer), offer.contact, contact)
        changed = OpenOffer(offer.item, offer.propensity, contact, offer.labelled or labelled, offer.follows)
        book.replace_offer(found.decision, found.offer, changed)

    def _count(self, volumes: Volumes, made: Micros, spot: Spot, before: int, contact: int) -> None:
        """Tell the capacity that all share of a contact that came to nothing, or was made after all."""
        if contact == RELEASED != before:
            volumes.release(made, spot)
        elif before == RELEASED != contact:
            volumes.take(made, spot)

    def _note(self, book: Book, signal: Signal, at: Micros) -> list[Output]:
        if self._matches is None:
            return []
        for index, unit, action in self._suppressions.by_signal(signal, self._matches(signal)):
            book.note(signal.signal_id, at, self._suppressions.ids[index], action, unit)
            book.pauses = self._suppressions.trigger(book.pauses, index, unit, at, book.clock - self._late)
        return []

    def _erase(self, book: Book, at: Micros) -> tuple[LedgerState, list[Output]]:
        """Forget everything, once it is said of each offer that awaits an answer that it will get none.

        So every change of the ledger is recorded, its end included. The mark is not before anything known.
        """
        mark = max(at, book.clock, book.forgotten)
        outputs: list[Output] = [
            self._closed(book, made, index, mark)
            for made in book.open
            for index, offer in enumerate(made.offers)
            if self._silence_due(book, made, offer) is not None
        ]
        return self.erased(mark), outputs

    def _closed(self, book: Book, made: OpenDecision, index: int, at: Micros) -> Feedback:
        """No answer will come. It says nothing of the offer, and gives no contact back."""
        contact, entry = made.offers[index].contact, book.enter(at)
        said = self._feedback(book, made, index, OutcomeKind.EXPIRED, at, contact, entry)
        return msgspec.structs.replace(said, feedback_id=f"{made.decision_id}:{index + 1}:{CLOSED}")

    def _trigger(self, book: Book, kind: OutcomeKind, spot: Spot, at: Micros) -> None:
        """Let an outcome pause actions and move priorities."""
        book.marks = self._influences.noted(book.marks, kind, spot, at)
        for index, unit, _ in self._suppressions.by_outcome(kind, spot):
            book.pauses = self._suppressions.trigger(book.pauses, index, unit, at, book.clock - self._late)

    def _silent(self, book: Book, due: Micros) -> list[Output]:
        """Feedback for the offers whose time is up at `due`; later outcomes no longer reach them."""
        return [
            self._unanswered(book, Answered(position, index), due - self._late - 1)
            for position, made in enumerate(book.open)
            for index, offer in enumerate(made.offers)
            if self._silence_due(book, made, offer) == due
        ]

    def _unanswered(self, book: Book, found: Answered, at: Micros) -> Feedback:
        """Silence is the answer; or, where it means that the offer was never seen, says that and nothing more."""
        made = book.open[found.decision]
        offer = made.offers[found.offer]
        spot = self._spot(book, offer)
        unseen = self._windows.gives_back(spot.channel, offer.contact)
        contact = RELEASED if unseen else after(offer.contact, OutcomeKind.NO_RESPONSE)
        entry = book.enter(at)
        self._answer(book, found, contact, labelled=not unseen)
        if not unseen:
            self._trigger(book, OutcomeKind.NO_RESPONSE, spot, at)
        said = self._feedback(book, made, found.offer, OutcomeKind.NO_RESPONSE, at, contact, entry)
        return msgspec.structs.replace(said, label=None) if unseen else said

    def _feedback(
        self,
        book: Book,
        made: OpenDecision,
        position: int,
        kind: OutcomeKind,
        at: Micros,
        contact: int,
        entry: Entry,
        outcome: Outcome | None = None,
    ) -> Feedback:
        return feedback(
            made,
            position,
            self._spot(book, made.offers[position]),
            book.origins[made.origin],
            book.customer_id,
            kind=kind,
            at=at,
            contact=contact_state(contact),
            entry=entry,
            outcome=outcome,
        )

    def _spot(self, book: Book, offer: OpenOffer) -> Spot:
        return self._limits.row(book.spots[offer.item]).spot

    def _silence_due(self, book: Book, made: OpenDecision, offer: OpenOffer) -> Micros | None:
        """When the silence on an offer is an answer: not if it was answered, nor if it never arrived."""
        if offer.labelled or offer.contact == RELEASED:
            return None
        window = self._windows.silence(self._spot(book, offer).channel)
        return None if window is None else made.at + window + self._late + 1

    def _closes(self, book: Book, made: OpenDecision) -> Micros:
        """Until when outcomes are attributed to any offer of a decision."""
        return made.at + max(self._windows.open(self._spot(book, offer).channel) for offer in made.offers)

    def _prune(self, book: Book) -> None:
        """Forget what no event within the lateness horizon can depend on."""
        settled = book.clock - self._late
        before = len(book.open) + len(book.times)
        book.forget_contacts(settled - self._remembered)
        if book.open and book.open[0].at + self._windows.shortest < settled:
            surely = settled - self._windows.shortest
            book.open = [
                made for made in book.open if made.at >= surely or self._closes(book, made) >= settled
            ]
        if book.pauses:
            book.pauses = self._suppressions.pruned(book.pauses, settled)
        if book.marks:
            book.marks = self._influences.pruned(book.marks, settled)
        if book.erased is not None and book.erased + self._mark_kept < settled:
            book.erased = None
        if len(book.open) + len(book.times) < before:
            book.compact()

    def _settled(self, state: LedgerState) -> LedgerState:
        """The state without what no event can depend on."""
        book = Book(state)
        self._prune(book)
        return book.close(self._due(book))

    def _due(self, book: Book) -> Micros:
        silence = self._next_silence(book)
        return self._forgettable(book) if silence is None else silence

    def _next_silence(self, book: Book) -> Micros | None:
        soonest = None
        for made in book.open if self._windows.any_silence else ():
            if soonest is not None and made.at + self._windows.shortest + self._late >= soonest:
                break
            for offer in made.offers:
                due = self._silence_due(book, made, offer)
                if due is not None and (soonest is None or due < soonest):
                    soonest = due
        return soonest

    def _forgettable(self, book: Book) -> Micros:
        """When no event can depend on anything in the book any more."""
        # Of what this plan forgot itself it needs nothing more.
        needed = [0, book.clock, book.lost_until, book.forgotten + self._remembered]
        if book.pauses:
            needed.append(self._suppressions.needed_until(book.pauses))
        if book.marks:
            needed.append(self._influences.needed_until(book.marks))
        if book.times:
            needed.append(book.times[-1] + self._remembered)
        if book.erased is not None:
            needed.append(book.erased + self._mark_kept)
        for item, at in book.gaps.items():
            needed.append(at + max(self._limits.row(book.spots[item]).need, self._remember))
        if book.open:
            needed.append(book.open[-1].at + self._windows.longest)
        return max(needed) + self._late + 1
