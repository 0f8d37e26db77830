"""Households: the customers of one household in one state, so that limits can count the contacts of all of them.

A plan with a limit `whose: household` is folded by household: the key of an event is its household id, or the customer
where it names none. Each member keeps a state of their own; a decision for one of them sees the ledgers of the others.
Changes of all ledgers of a household are numbered in one sequence, so that a replay can repeat them in their order.

The household id must be on all events of a customer or on none, and stay the same. A customer who moves starts anew in
the new household: what is known of them, contacts and profile, stays with the old one.

When a member is erased, their contacts go; limits of the household that look back to then hold back what they cover.
The next record of any member tells of it, but not of whom: a replay has to know as little.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from models.erasure import ERASE, MEMBER_ERASED, MEMORY_ERASED, NOTE_ERASED
from models.folds import Counted, Fold, Output
from models.ledger.events import customer_of
from models.ledger.household_state import HouseholdState, decode_household, encode_household
from models.ledger.state import Kin, LedgerState, Noted
from models.plan.spec import PlanSpec
from models.times import DAY, NEVER, Micros, micros, moment
from schemas.candidates import CandidateSet
from schemas.dead_letter import DeadLetter, Reason
from schemas.decision import Decision, LedgerNote
from schemas.feedback import Feedback
from schemas.outcome import Outcome
from schemas.signal import Signal

Event = CandidateSet | Outcome | Signal

MOST_MEMBERS = 32
"""Members of a household. Events of any other are dead letters: an id that stands for so many is no household's, and
what it stands for must neither share their limits nor fill one state without end."""

EMPTY_FOR = 31 * DAY
"""How long what is left of a household without members is kept: no topic keeps messages for longer, so that nothing
comes any more that happened before."""

State = TypeVar("State")


class Member(Fold[State, Any], Protocol[State]):
    """The fold of one customer, which can be told of the others. `LedgerFold` and `DecideFold` are."""

    def step(self, state: State, event: Any, kin: Kin | None = None) -> tuple[State, list[Output]]:
        """Apply one event."""

    def ledger_of(self, state: State) -> LedgerState:
        """The contact ledger in a state."""

    def examine(self, state: State) -> None:
        """Raise ValueError if a state is damaged in a way that `decode` does not look for."""

    def with_ledger(self, state: State, ledger: LedgerState) -> State:
        """The state with another ledger."""


def by_household(spec: PlanSpec) -> bool:
    """Whether a plan has to be folded by household."""
    return any(limit.whose == "household" for limit in spec.contact.limits)


def household_key(event: Event) -> str:
    """The key of the household's state, or of the customer's where the event names no household. Never one for both."""
    about = event.request if isinstance(event, CandidateSet) else event
    if about.household_id is None:
        return f"customer {about.customer_id}"
    return f"household {about.household_id}"


def key_of(fold: object, event: Event) -> str:
    """Under which key a fold of a plan has the state that an event belongs to: its customer, or its household."""
    return household_key(event) if isinstance(fold, HouseholdFold) else customer_of(event)


class HouseholdFold(Generic[State]):
    """Any fold of one customer, hosted for a household; see `models.folds.Fold`."""

    def __init__(self, member: Member[State], *, step: str, forwarded: tuple[type, ...] = ()) -> None:
        """Host a fold.

        Args:
          member: The fold of each customer.
          step: Name of the transform, for dead letters.
          forwarded: Kinds of events that were accounted for before they came here.
        """
        self._member = member
        self._step = step
        self._forwarded = forwarded

    def initial(self) -> HouseholdState:
        """A household never seen."""
        return HouseholdState()

    def step(self, state: HouseholdState, event: Any) -> tuple[HouseholdState, list[Output]]:
        """Apply an event to the member it is about, who sees the ledgers of the others."""
        who = customer_of(event)
        erases = isinstance(event, Signal) and event.type == ERASE
        if who not in state.members and len(state.members) >= MOST_MEMBERS:
            return state, self._accounted(event) if erases else self._refuse(event)
        if erases:
            return self._erase(state, who, event)
        kin = self._kin(state, who, self._member.order(event)[0])
        return self.change(state, who, lambda own: self._member.step(own, event, kin))

    def change(
        self, state: HouseholdState, who: str, step: Callable[[State], tuple[State, list[Output]]]
    ) -> tuple[HouseholdState, list[Output]]:
        """Change the state of one member by `step`, whose ledger counts on from the latest change of all."""
        own = state.members.get(who) or self._member.initial()
        changed, outputs = step(self._numbered(own, state))
        return self._replaced(state, who, own, changed, outputs), outputs

    def advance(self, state: HouseholdState, event: Any) -> tuple[HouseholdState, list[Output]]:
        """Expire what is due for the member before `event`, then apply it.

        For that member only: the clocks of the others are their own, and an event of theirs that this one overtook may
        still be on its way. Only a watermark knows.
        """
        at = self._member.order(event)[0]
        state, outputs = self.expire_member(state, customer_of(event), at)
        if not state.members:
            state, _ = self.expire(state, at)
        state, said = self.step(state, event)
        return state, outputs + said

    def expire_member(
        self, state: HouseholdState, who: str, now: Micros
    ) -> tuple[HouseholdState, list[Output]]:
        """Do what is due for one member by `now`, in the order of its times."""
        outputs: list[Output] = []
        while who in state.members and (due := self._member.deadline(state.members[who])) is not None:
            if due > now:
                break
            state, said = self._expired(state, who, due)
            outputs += said
        return state, outputs

    def _kin(self, state: HouseholdState, who: str, at: Micros) -> Kin:
        """The ledgers of the others as they will have been at `at`: whether a timer has come by does not matter."""
        alone = HouseholdState({name: other for name, other in state.members.items() if name != who})
        if any(due <= at for due, _ in self._dues(alone)):
            alone, _ = self.expire(alone, at)
        ledgers = [self._member.ledger_of(other) for other in alone.members.values()]
        if state.erased != -NEVER:
            ledgers.append(LedgerState(forgotten=state.erased))
        return Kin(tuple(ledgers), max(state.forgotten, alone.forgotten))

    def _was_forgotten(self, before: State, after: State) -> bool:
        return self._member.ledger_of(after) == LedgerState() != self._member.ledger_of(before)

    def deadline(self, state: HouseholdState) -> Micros | None:
        """When something is due for any member; without members, when the household is as if never seen."""
        if not state.members:
            left = max(state.forgotten, state.erased)
            return None if left == -NEVER else left + EMPTY_FOR
        return min((due for due, _ in self._dues(state)), default=None)

    def expire(self, state: HouseholdState, now: Micros) -> tuple[HouseholdState, list[Output]]:
        """Do what is due for the members, in the order of its times; of equal times, by customer id."""
        outputs: list[Output] = []
        while (soonest := min(self._dues(state), default=None)) is not None and soonest[0] <= now:
            due, who = soonest
            state, said = self._expired(state, who, due)
            outputs += said
        if not state.members and (empty := self.deadline(state)) is not None and empty <= now:
            state = self.initial()
        return state, outputs

    def _expired(self, state: HouseholdState, who: str, now: Micros) -> tuple[HouseholdState, list[Output]]:
        own = state.members[who]
        changed, said = self._member.expire(self._numbered(own, state), now)
        if self._was_forgotten(own, changed):
            state = msgspec.structs.replace(state, forgotten=max(state.forgotten, now))
        return self._replaced(state, who, own, changed, said), said

    def order(self, event: Any) -> tuple[Micros, int, str]:
        """As for one customer."""
        return self._member.order(event)

    def encode(self, state: HouseholdState) -> bytes:
        """A version, and each member's state as their fold writes it, so that it has its own version."""
        return encode_household(state, self._member.encode)

    def decode(self, data: bytes) -> HouseholdState:
        """The state again.

        Raises:
          ValueError: Not a household's state of this version, or a member's is unreadable.
        """
        return decode_household(data, self._member.decode)

    def examine(self, state: HouseholdState) -> None:
        """Look closer at each member than `decode` does.

        Raises:
          ValueError: One of them is damaged.
        """
        for member in state.members.values():
            self._member.examine(member)

    def encode_event(self, event: Any) -> bytes:
        """For the shuffle."""
        return self._member.encode_event(event)

    def decode_event(self, data: bytes) -> Any:
        """From the shuffle."""
        return self._member.decode_event(data)

    def _dues(self, state: HouseholdState) -> list[tuple[Micros, str]]:
        found = [(self._member.deadline(own), who) for who, own in state.members.items()]
        return [(due, who) for due, who in found if due is not None]

    def _numbered(self, own: State, state: HouseholdState) -> State:
        """A member whose ledger counts on from the latest change of the household, and tells what is to be told."""
        ledger = self._member.ledger_of(own)
        if ledger.sequence == state.sequence and not state.notes:
            return own
        numbered = msgspec.structs.replace(
            ledger, since=state.since, sequence=state.sequence, notes=(*state.notes, *ledger.notes)
        )
        return self._member.with_ledger(own, numbered)

    def _replaced(
        self, state: HouseholdState, who: str, own: State, changed: State, said: list[Output]
    ) -> HouseholdState:
        """The household with a member changed, and its numbers."""
        member = self._member
        ledger = member.ledger_of(changed)
        records = [output.ledger_sequence for output in said if isinstance(output, Feedback)]
        sequence = max([state.sequence, ledger.sequence, *records])
        notes = state.notes if not any(isinstance(each, (Decision, Feedback)) for each in said) else ()
        if sequence == state.sequence and ledger.sequence:  # nothing changed but the numbers it was lent
            was = member.ledger_of(own)
            back = msgspec.structs.replace(ledger, since=was.since, sequence=was.sequence, notes=was.notes)
            changed = member.with_ledger(changed, back)
        elif notes and ledger.notes:  # a change that no record tells of: what was lent is still to be told
            own_notes = tuple(note for note in ledger.notes if note not in notes)
            changed = member.with_ledger(changed, msgspec.structs.replace(ledger, notes=own_notes))
        members = {name: other for name, other in state.members.items() if name != who}
        if changed != member.initial():
            members[who] = changed
        since = ledger.since if state.since == -NEVER else state.since
        return HouseholdState(members, state.forgotten, since, sequence, state.erased, notes)

    def _erase(self, state: HouseholdState, who: str, event: Any) -> tuple[HouseholdState, list[Output]]:
        """Erase a member; the others learn that somebody was, and when."""
        own = state.members.get(who) or self._member.initial()
        changed, outputs = self._member.step(self._numbered(own, state), event)
        was, now = self._member.ledger_of(own), self._member.ledger_of(changed)
        if now.erased is None or now.erased == was.erased:
            return state, outputs
        records = [output.ledger_sequence for output in outputs if isinstance(output, Feedback)]
        # What the member's ledger had to tell is in the first record; without one, its numbers have to be told.
        gone = [Noted(note.sequence, NOTE_ERASED, now.erased, NOTE_ERASED, NOTE_ERASED) for note in was.notes]
        untold = () if records else (*state.notes, *gone)
        number = max([state.sequence, *records]) + 1
        note = Noted(number, MEMBER_ERASED, now.erased, MEMBER_ERASED, MEMBER_ERASED)
        state = msgspec.structs.replace(state, notes=(*untold, note))
        return self._with_erased(state, who, changed, number), outputs

    def _with_erased(self, state: HouseholdState, who: str, own: State, number: int) -> HouseholdState:
        """The household with a member whose ledger was erased as change `number`, which that ledger notes."""
        ledger = self._member.ledger_of(own)
        assert ledger.erased is not None
        since = ledger.since if state.since == -NEVER else state.since
        note = Noted(number, MEMORY_ERASED, ledger.erased, MEMORY_ERASED, MEMORY_ERASED)
        own = self._member.with_ledger(
            own, msgspec.structs.replace(ledger, since=since, sequence=number, notes=(note,))
        )
        return msgspec.structs.replace(
            state,
            members={**state.members, who: own},
            since=since,
            sequence=max(state.sequence, number),
            erased=max(state.erased, ledger.erased),
        )

    def noted(
        self, state: HouseholdState, notes: Sequence[LedgerNote], who: str, erased: State, since: Micros
    ) -> HouseholdState:
        """The household after one change, as a record tells of it: what a replay has instead of the signal that erased.

        Args:
          state: Of the household.
          notes: The last one is that change. If it is `MEMBER_ERASED`, the others are those that came with it.
          who: Whose record it is.
          erased: A member who was erased then.
          since: When the ledgers were opened.
        """
        note = notes[-1]
        state = msgspec.structs.replace(state, since=since, sequence=max(state.sequence, note.sequence))
        at = micros(note.noted_at)
        if note.rule == MEMORY_ERASED:
            own = state.members.get(who) or self._member.initial()
            known = self._member.ledger_of(own).erased == at
            return state if known else self._with_erased(state, who, erased, note.sequence)
        if note.rule == NOTE_ERASED:
            return state
        told = [
            Noted(each.sequence, each.signal_id, micros(each.noted_at), each.rule, each.action)
            for each in notes
        ]
        new = [each for each in told if each not in state.notes]
        return msgspec.structs.replace(state, erased=max(state.erased, at), notes=(*state.notes, *new))

    def _accounted(self, event: Any) -> list[Output]:
        return [] if isinstance(event, self._forwarded) else [Counted.OBSERVED]

    def _refuse(self, event: Any) -> list[Output]:
        letter = DeadLetter.of(
            msgspec.json.encode(event),
            reason=Reason.HOUSEHOLD_FULL,
            step=self._step,
            detail=f"$.household_id: stands for more than {MOST_MEMBERS} customers",
            occurred_at=moment(self._member.order(event)[0]),
            customer_id=customer_of(event),
        )
        return [letter] if isinstance(event, self._forwarded) else [letter, Counted.DEAD]
