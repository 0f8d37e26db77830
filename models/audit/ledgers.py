"""The replay of one contact ledger: its records, in their recorded sequence, recomputed one by one.

A ledger follows from its changes, and every change is recorded: decisions and feedback are records, changes by signals
are notes in the next record. A decision is recomputed from its own request and context and from the ledger as
recomputed so far; nothing of a record's answer is used to recompute it, but for one thing that no ledger knows: what
capacity that all customers share asked at that moment (`Decision.prices`) is taken as recorded.

The ledgers of a household are one: their changes are numbered together, and are recomputed together.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from models.audit.differences import differences, mismatching_bytes
from models.audit.findings import Finding, FindingKind
from models.audit.seals import SEAL_BYTES, Record, canonical, intact, seal_of
from models.erasure import CLOSED, ERASE, NOTE_ERASED, NOTES
from models.experiments.arms import Arms
from models.exploration.probability import with_probabilities
from models.folds import Fold, Output, advance
from models.funnel import Funnel
from models.identity import decision_id
from models.ledger import HouseholdFold, LedgerEvent, LedgerFold, LedgerState, by_household
from models.ledger.household import HouseholdState
from models.ledger.state import NOTES_LOST
from models.plan.compiled import Plan
from models.times import NEVER, Micros, duration, micros
from models.volumes.quotes import RecordedQuotes
from schemas import Decision, DecisionRequest, Feedback, Outcome, OutcomeKind, Signal
from schemas.decision import LedgerNote

_RECORDS = (Decision, Feedback)
_State = LedgerState | HouseholdState
_Step = Callable[[LedgerState], tuple[LedgerState, list[Output]]]


class Recorded(NamedTuple):
    """A record, and the file it was read from."""

    record: Record
    file: str


@dataclass(slots=True)
class Tally:
    """What was recomputed."""

    decisions: int = 0
    feedback: int = 0
    mismatching_bytes: int = 0
    other_plans: dict[str, int] = field(default_factory=dict)
    """Records, as they were written, of plans that are not this one, by digest."""

    def add(self, other: "Tally") -> None:
        """What was recomputed elsewhere, too."""
        self.decisions += other.decisions
        self.feedback += other.feedback
        self.mismatching_bytes += other.mismatching_bytes
        for digest, count in other.other_plans.items():
            self.other_plans[digest] = self.other_plans.get(digest, 0) + count


@dataclass(frozen=True, eq=False)
class Replayer:
    """What a replay needs of a plan."""

    digest: str
    late: Micros
    arms: Arms
    funnel: Funnel
    ledger: LedgerFold
    household: HouseholdFold[LedgerState] | None
    """Hosts the ledgers of a household's members; None: the plan knows only customers."""
    quotes: RecordedQuotes
    explores: bool
    """Whether decisions carry probabilities."""

    @classmethod
    def of(cls, plan: Plan) -> "Replayer":
        """The replayer of records that this plan made."""
        quotes = RecordedQuotes.of(plan.spec)
        ledger = plan.ledger_fold(volumes=quotes if plan.shares_capacity else None)
        return cls(
            digest=plan.digest,
            late=duration(plan.spec.session.late),
            arms=Arms.of(plan.spec),
            funnel=plan.funnel,
            ledger=ledger,
            household=HouseholdFold(ledger, step="replay") if by_household(plan.spec) else None,
            quotes=quotes,
            explores=plan.explores,
        )

    @property
    def fold(self) -> Fold[Any, LedgerEvent]:
        """The ledger of a customer, or of a household."""
        return self.household or self.ledger

    def replay(
        self, records: Sequence[Recorded], tally: Tally, *, complete: bool = True
    ) -> Iterator[Finding]:
        """Recompute the records of one ledger and say what is not as it should be.

        Args:
          records: All of one customer, or household, and of one `ledger_since`, in any order.
          tally: Adds up what was done.
          complete: Whether the input had ended when the records were taken, so that no silence is outstanding.
        """
        return _Ledger(self, tally).replay(records, complete=complete)

    def request(self, decision: Decision) -> DecisionRequest:
        """The request that a decision answers, as recorded; what follows from other fields is recomputed."""
        return DecisionRequest(
            decision_id=decision_id(decision.signal_id, self.digest),
            signal_id=decision.signal_id,
            customer_id=decision.customer_id,
            requested_at=decision.decided_at,
            brand=decision.brand,
            channel=decision.channel,
            direction=decision.direction,
            placements=decision.placements,
            trigger=decision.trigger,
            page=decision.page,
            attributes=decision.attributes,
            context=decision.context,
            plan_digest=self.digest,
            trace=decision.trace,
            household_id=decision.household_id,
            arm=self.arms.arm(decision.customer_id, decision.decided_at),
        )


class _Ledger:
    """One ledger, while it is replayed."""

    def __init__(self, replayer: Replayer, tally: Tally) -> None:
        self._plan = replayer
        self._tally = tally
        self._state: _State = replayer.fold.initial()
        self._made: dict[int, Record] = {}
        """Recomputed records, by their place, that are still to be compared."""

    def replay(self, records: Sequence[Recorded], *, complete: bool) -> Iterator[Finding]:
        place = 1
        for change in _journal(records):
            if change.place < place and not self._tells_again(change, place):
                yield from _surplus(change)
                continue
            if change.note is not None and change.note.rule == NOTES_LOST:
                yield _finding(FindingKind.NOTES_LOST, change.told)
                return
            yield from self._missing(change.told, place, change.place)
            yield from (
                self._recompute(change.told) if change.note is None else self._note(change.told, change.note)
            )
            place = max(place, change.place + 1)
        if complete:
            yield from self._outstanding(place)

    def _tells_again(self, change: "_Change", place: int) -> bool:
        """Whether it tells of the change just made: an erasure in a household, of which others and the erased tell."""
        erasure = change.note is not None and change.note.rule in NOTES
        return erasure and change.place == place - 1 and isinstance(self._state, HouseholdState)

    def _missing(self, recorded: Recorded, first: int, following: int) -> Iterator[Finding]:
        """The changes from `first` to before `following` have no record. Silences among them can be recomputed."""
        if first >= following:
            return
        self._attempt(lambda: self._expire(_at(recorded.record)))
        silent = [self._made.pop(place) for place in sorted(self._made) if first <= place < following]
        for made in silent:
            yield _missing(made)
        if len(silent) < following - first:
            note = f"not all changes from {first} to {following - 1} of its ledger, before it, have a record"
            yield _finding(FindingKind.MISSING, recorded, note=note)

    def _note(self, recorded: Recorded, note: LedgerNote) -> Iterator[Finding]:
        stumbled = self._attempt(lambda: self._noted(recorded.record, note))
        if stumbled:
            yield _finding(FindingKind.DIFFERS, recorded, field="notes", note=stumbled)

    def _noted(self, record: Record, note: LedgerNote) -> tuple[_State, list[Output]]:
        """What a note tells of: an erasure concerns a household as a whole, all else one ledger."""
        ledger, household, customer = self._plan.ledger, self._plan.household, record.customer_id
        if note.rule in NOTES and isinstance(self._state, HouseholdState) and household is not None:
            erased, since = ledger.erased(micros(note.noted_at)), self._state.since
            if record.ledger_since is not None:
                since = micros(record.ledger_since)
            return household.noted(self._state, _with_those(record, note), customer, erased, since), []
        return self._of(customer, lambda own: (ledger.noted(own, note, customer), []))

    def _recompute(self, recorded: Recorded) -> Iterator[Finding]:
        record, stumbled = recorded.record, ""
        place = record.ledger_sequence
        self._tally.decisions += isinstance(record, Decision)
        self._tally.feedback += isinstance(record, Feedback)
        if place not in self._made:
            self._go_to(record)
            stumbled = self._attempt(lambda: self._apply(record))
        yield from self._compare(recorded, self._made.pop(place, None), stumbled)

    def _go_to(self, record: Record) -> None:
        """Go on right before the record, if changes there are missing: one finding for them is enough."""
        before = record.ledger_sequence - 1
        if self._state.sequence != before:
            opened = micros(record.ledger_since) if record.ledger_since else self._state.since
            self._state = msgspec.structs.replace(self._state, sequence=before, since=opened)

    def _of(self, customer: str, change: _Step) -> tuple[_State, list[Output]]:
        """Change the ledger of one customer, alone or in the household."""
        if isinstance(self._state, LedgerState):
            return change(self._state)
        assert self._plan.household is not None
        return self._plan.household.change(self._state, customer, change)

    def _attempt(self, step: Callable[[], tuple[_State, list[Output]]]) -> str:
        """Take a step and keep what it yields; where it fails, say how. A changed record can make any code stumble."""
        try:
            self._state, outputs = step()
            made = [self._finished(each) for each in outputs if isinstance(each, _RECORDS)]
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        self._made.update({each.ledger_sequence: each for each in made})
        return ""

    def _finished(self, made: Record) -> Record:
        """What is sealed: a decision of a plan that explores says how probable its offers were."""
        return with_probabilities(made) if self._plan.explores and isinstance(made, Decision) else made

    def _expire(self, now: Micros) -> tuple[_State, list[Output]]:
        state, outputs = self._plan.fold.expire(self._state, now)
        return (
            (state, outputs) if state.sequence else (self._state, [])
        )  # records after it: nothing was forgotten

    def _apply(self, record: Record) -> tuple[_State, list[Output]]:
        """What follows from the event that a record tells of."""
        plan = self._plan
        if isinstance(record, Decision):
            plan.quotes.give(record.prices)
            return advance(plan.fold, self._state, plan.funnel.candidates(plan.request(record)))
        if _is_closing(record):
            return plan.fold.step(self._state, _erasure(record))
        if not _is_silence(record):
            return advance(plan.fold, self._state, _outcome(record))
        due = micros(record.occurred_at) + plan.late + 1
        if isinstance(self._state, LedgerState):
            return plan.ledger.expire(self._state, due)
        assert plan.household is not None
        return plan.household.expire_member(self._state, record.customer_id, due)

    def _compare(self, recorded: Recorded, made: Record | None, stumbled: str) -> Iterator[Finding]:
        bare = msgspec.structs.replace(recorded.record, seal="")
        data = canonical(bare)
        seal = blake2b(data, digest_size=SEAL_BYTES).hexdigest()
        whole = seal == recorded.record.seal
        if whole and recorded.record.plan_digest != self._plan.digest:
            others = self._tally.other_plans
            others[recorded.record.plan_digest] = others.get(recorded.record.plan_digest, 0) + 1
            return
        again = canonical(made) if made is not None else b""
        if whole and data == again:
            return
        self._tally.mismatching_bytes += mismatching_bytes(data, again)
        if made is None:
            kind = FindingKind.NOT_RECOMPUTED if whole else FindingKind.RECORD_CHANGED
            yield _finding(kind, recorded, field="" if whole else "record", note=stumbled)
        elif whole:
            yield from self._differing(FindingKind.DIFFERS, recorded, bare, made, "")
        else:
            yield from self._changed(recorded, bare, made)

    def _changed(self, recorded: Recorded, bare: Record, made: Record) -> Iterator[Finding]:
        """A record whose seal does not fit. If the seal fits what was recomputed, it is known what was changed."""
        if type(made) is type(bare) and seal_of(made) == recorded.record.seal:
            yield from self._differing(FindingKind.RECORD_CHANGED, recorded, bare, made, "")
            return
        note = "the seal, or something that the record is recomputed from"
        follows = list(
            self._differing(FindingKind.RECORD_CHANGED, recorded, bare, made, "follows from the change")
        )
        yield _finding(FindingKind.RECORD_CHANGED, recorded, field="record", note=note)
        yield from follows

    def _differing(
        self, kind: FindingKind, recorded: Recorded, bare: Record, made: Record, note: str
    ) -> Iterator[Finding]:
        for field_, was, now in differences(bare, made):
            yield _finding(kind, recorded, field=field_, recorded=was, recomputed=now, note=note)

    def _outstanding(self, place: int) -> Iterator[Finding]:
        """What follows after the last record: nothing, or records are missing."""
        self._attempt(lambda: self._plan.fold.expire(self._state, NEVER))
        yield from (_missing(made) for at, made in sorted(self._made.items()) if at >= place)


def _with_those(record: Record, note: LedgerNote) -> Sequence[LedgerNote]:
    """A note, after those of an erased member that came with it."""
    last = record.notes.index(note)
    first = last
    while first and record.notes[first - 1].rule == NOTE_ERASED:
        first -= 1
    return record.notes[first : last + 1]


class _Change(NamedTuple):
    """One change of a ledger: a record, or a note in one."""

    place: int
    told: Recorded
    note: LedgerNote | None = None


def _journal(records: Sequence[Recorded]) -> list[_Change]:
    """All changes in their sequence; of two that claim one place, first one whose record is as it was written."""
    changes = [_Change(each.record.ledger_sequence, each) for each in records]
    changes += [_Change(note.sequence, each, note) for each in records for note in each.record.notes]
    claims = Counter(change.place for change in changes)
    return sorted(
        changes, key=lambda each: (each.place, claims[each.place] > 1 and not intact(each.told.record))
    )


def _surplus(change: _Change) -> Iterator[Finding]:
    """The place of a change is taken. A note that comes too late makes its record differ; that is said there."""
    if change.note is None and intact(change.told.record):
        yield _finding(FindingKind.SURPLUS, change.told, note=f"change {change.place}")
    elif change.note is None:
        note = "its place in the ledger is taken by another"
        yield _finding(FindingKind.RECORD_CHANGED, change.told, field="record", note=note)


def _outcome(record: Feedback) -> Outcome:
    """The outcome that a feedback tells of, attributed as it was."""
    return Outcome(
        outcome_id=record.feedback_id,
        customer_id=record.customer_id,
        occurred_at=record.occurred_at,
        kind=record.outcome,
        decision_id=record.decision_id,
        rank=record.rank,
        value=record.value,
        trace=record.trace,
    )


def _is_silence(record: Feedback) -> bool:
    named = f"{record.decision_id}:{record.rank}:{OutcomeKind.NO_RESPONSE}"
    return record.outcome is OutcomeKind.NO_RESPONSE and record.feedback_id == named


def _erasure(record: Feedback) -> Signal:
    """The erasure that closed an offer: of its signal a ledger sees the time."""
    return Signal(
        signal_id=record.feedback_id,
        customer_id=record.customer_id,
        occurred_at=record.occurred_at,
        type=ERASE,
        channel=record.channel,
        brand=record.brand,
    )


def _is_closing(record: Feedback) -> bool:
    return record.feedback_id == f"{record.decision_id}:{record.rank}:{CLOSED}"


def _finding(kind: FindingKind, of: Recorded, **said: Any) -> Finding:
    return Finding(kind=kind, file=of.file, table=_table(of.record), record=_id(of.record), **said)


def _missing(made: Record) -> Finding:
    """A record that follows from the others and is not there."""
    return Finding(kind=FindingKind.MISSING, table=_table(made), record=_id(made))


def _at(record: Record) -> Micros:
    return micros(record.decided_at if isinstance(record, Decision) else record.occurred_at)


def _table(record: Record) -> str:
    return "decisions" if isinstance(record, Decision) else "feedback"


def _id(record: Record) -> str:
    return record.decision_id if isinstance(record, Decision) else record.feedback_id
