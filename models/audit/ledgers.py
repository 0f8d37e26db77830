"""The replay of one contact ledger: its records, in their recorded sequence, recomputed one by one.

A ledger follows from its changes, and every change is recorded: decisions and feedback are records, changes by signals
are notes in the next record. A decision is recomputed from its own request and context and from the ledger as
recomputed so far; nothing of a record's answer is used to recompute it, but for one thing that no ledger knows: what
capacity that all customers share asked at that moment (`Decision.prices`) is taken as recorded.

The ledgers of a household are one: their changes are numbered together, and are recomputed together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from models.audit.differences import differences, mismatching_bytes
from models.audit.findings import Finding, FindingKind
from models.audit.journal import Change, Recorded, finding, journal, missing, surplus, told_at, with_those
from models.audit.retold import erasure, is_closing, is_silence, outcome, request
from models.audit.seals import SEAL_BYTES, Record, canonical, seal_of
from models.erasure import NOTES
from models.experiments.arms import Arms
from models.exploration.probability import with_probabilities
from models.folds import Fold, Output, advance
from models.funnel import Funnel
from models.ledger import HouseholdFold, LedgerEvent, LedgerFold, LedgerState, by_household
from models.ledger.household_state import HouseholdState
from models.ledger.state import NOTES_LOST
from models.plan.compiled import Plan
from models.times import NEVER, Micros, duration, micros
from models.volumes.quotes import RecordedQuotes
from schemas import Decision, Feedback
from schemas.decision import LedgerNote

_RECORDS = (Decision, Feedback)
_State = LedgerState | HouseholdState
_Step = Callable[[LedgerState], tuple[LedgerState, list[Output]]]


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
        for change in journal(records):
            if change.place < place and not self._tells_again(change, place):
                yield from surplus(change)
                continue
            if change.note is not None and change.note.rule == NOTES_LOST:
                yield finding(FindingKind.NOTES_LOST, change.told)
                return
            yield from self._missing(change.told, place, change.place)
            yield from (
                self._recompute(change.told) if change.note is None else self._note(change.told, change.note)
            )
            place = max(place, change.place + 1)
        if complete:
            yield from self._outstanding(place)

    def _tells_again(self, change: "Change", place: int) -> bool:
        """Whether it tells of the change just made: an erasure in a household, of which others and the erased tell."""
        erases = change.note is not None and change.note.rule in NOTES
        return erases and change.place == place - 1 and isinstance(self._state, HouseholdState)

    def _missing(self, recorded: Recorded, first: int, following: int) -> Iterator[Finding]:
        """The changes from `first` to before `following` have no record. Silences among them can be recomputed."""
        if first >= following:
            return
        self._attempt(lambda: self._expire(told_at(recorded.record)))
        silent = [self._made.pop(place) for place in sorted(self._made) if first <= place < following]
        for made in silent:
            yield missing(made)
        if len(silent) < following - first:
            note = f"not all changes from {first} to {following - 1} of its ledger, before it, have a record"
            yield finding(FindingKind.MISSING, recorded, note=note)

    def _note(self, recorded: Recorded, note: LedgerNote) -> Iterator[Finding]:
        stumbled = self._attempt(lambda: self._noted(recorded.record, note))
        if stumbled:
            yield finding(FindingKind.DIFFERS, recorded, field="notes", note=stumbled)

    def _noted(self, record: Record, note: LedgerNote) -> tuple[_State, list[Output]]:
        """What a note tells of: an erasure concerns a household as a whole, all else one ledger."""
        ledger, household, customer = self._plan.ledger, self._plan.household, record.customer_id
        if note.rule in NOTES and isinstance(self._state, HouseholdState) and household is not None:
            erased, since = ledger.erased(micros(note.noted_at)), self._state.since
            if record.ledger_since is not None:
                since = micros(record.ledger_since)
            return household.noted(self._state, with_those(record, note), customer, erased, since), []
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
            return advance(
                plan.fold, self._state, plan.funnel.candidates(request(record, plan.digest, plan.arms))
            )
        if is_closing(record):
            return plan.fold.step(self._state, erasure(record))
        if not is_silence(record):
            return advance(plan.fold, self._state, outcome(record))
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
            yield finding(kind, recorded, field="" if whole else "record", note=stumbled)
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
        yield finding(FindingKind.RECORD_CHANGED, recorded, field="record", note=note)
        yield from follows

    def _differing(
        self, kind: FindingKind, recorded: Recorded, bare: Record, made: Record, note: str
    ) -> Iterator[Finding]:
        for field_, was, now in differences(bare, made):
            yield finding(kind, recorded, field=field_, recorded=was, recomputed=now, note=note)

    def _outstanding(self, place: int) -> Iterator[Finding]:
        """What follows after the last record: nothing, or records are missing."""
        self._attempt(lambda: self._plan.fold.expire(self._state, NEVER))
        yield from (missing(made) for at, made in sorted(self._made.items()) if at >= place)
