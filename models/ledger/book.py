"""The book of a ledger: the working copy of its state that one step writes in."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import compress

from models.ledger.attribution import RESERVED, OpenDecision, OpenOffer
from models.ledger.influences import Mark
from models.ledger.state import MOST_NOTES, NOTES_LOST, Entry, LedgerState, Noted
from models.ledger.suppressions import Pause
from models.times import NEVER, Micros


class Book:
    """A working copy of one state, for one step."""

    def __init__(self, state: LedgerState) -> None:
        """Copies; the state itself stays as it is."""
        self.customer_id = state.customer_id
        self.clock = state.clock
        self.sequence = state.sequence
        self.lost_until = state.lost_until
        self.decided = list(state.decided)
        self.origins = list(state.origins)
        self.spots = list(state.spots)
        self.times = list(state.times)
        self.items = list(state.items)
        self.committed = list(state.committed)
        self.open = list(state.open)
        self.pauses: Sequence[Pause] = state.pauses
        self.marks: Sequence[Mark] = state.marks
        self.since = state.since
        self.notes: Sequence[Noted] = state.notes
        self.forgotten = state.forgotten
        self.gaps = dict(state.gaps)
        self.erased = state.erased

    def close(self, due: Micros) -> LedgerState:
        """The new state."""
        return LedgerState(
            self.customer_id,
            self.clock,
            self.sequence,
            due,
            self.lost_until,
            tuple(self.decided),
            tuple(self.origins),
            tuple(self.spots),
            tuple(self.times),
            tuple(self.items),
            tuple(self.open),
            tuple(self.pauses),
            self.since,
            tuple(self.notes),
            tuple(self.committed),
            tuple(self.marks),
            self.forgotten,
            tuple(self.gaps.items()),
            self.erased,
        )

    def enter(self, at: Micros) -> Entry:
        """Begin a change that a record will tell of; it takes the notes with it."""
        self._open(at)
        notes = tuple([note.told() for note in self.notes]) if self.notes else ()
        self.notes = ()
        return Entry(self.sequence, self.since, notes)

    def note(self, signal_id: str, at: Micros, rule: str, action: str, unit: str = "") -> None:
        """Begin a change by a signal; the next record tells of it."""
        self._open(at)
        notes = [*self.notes, Noted(self.sequence, signal_id, at, rule, action, unit)]
        if len(notes) > MOST_NOTES:
            last = notes[1]
            notes[:2] = [Noted(last.sequence, last.signal_id, last.at, NOTES_LOST, last.action)]
        self.notes = notes

    def _open(self, at: Micros) -> None:
        self.since = at if self.since == -NEVER else self.since
        self.sequence += 1

    def decides(self, decision_id: str, keep: int) -> bool:
        """Note that this decision is made; False if it was made before. The latest `keep` are remembered."""
        mark = int.from_bytes(blake2b(decision_id.encode(), digest_size=8).digest(), "big")
        if mark in self.decided:
            return False
        self.decided.append(mark)
        del self.decided[:-keep]
        return True

    def spot(self, key: str) -> int:
        """The position of a spot."""
        return _position(self.spots, key)

    def origin(self, key: str) -> int:
        """The position of an origin."""
        return _position(self.origins, key)

    def add_contact(self, at: Micros, item: int, *, committed: bool = False) -> None:
        """Remember a contact."""
        if not self.times or self.times[-1] <= at:  # so it is, but for what comes late
            self.times.append(at)
            self.items.append(item)
            self.committed.append(committed)
            return
        position = bisect_right(self.times, at)
        self.times.insert(position, at)
        self.items.insert(position, item)
        self.committed.insert(position, committed)

    def commit_contact(self, at: Micros, item: int) -> None:
        """Note that one contact at this time and spot was made for sure, if it is remembered."""
        position = self._reserved(at, item)
        if position is not None:
            self.committed[position] = True

    def remove_contact(self, at: Micros, item: int) -> None:
        """Forget one contact at this time and spot, if it is remembered."""
        position = self._reserved(at, item)
        if position is not None:
            del self.times[position], self.items[position], self.committed[position]

    def _reserved(self, at: Micros, item: int) -> int | None:
        """The position of a contact at this time and spot: one that is only reserved before one that is committed."""
        found = None
        for position in range(bisect_left(self.times, at), bisect_right(self.times, at)):
            if self.items[position] == item:
                if not self.committed[position]:
                    return position
                found = position if found is None else found
        return found

    def add_open(self, decision: OpenDecision, keep: int) -> None:
        """Await outcomes of a decision's offers; of more than `keep` offers the oldest are closed.

        Whether their contacts were made will never be known: they count.
        """
        if not self.open or self.open[-1].at < decision.at:
            self.open.append(decision)
        else:
            insort(self.open, decision, key=lambda other: (other.at, other.decision_id))
        excess = sum([len(other.offers) for other in self.open]) - keep
        while excess > 0:
            oldest = self.open.pop(0)
            excess -= len(oldest.offers)
            for offer in oldest.offers:
                if offer.contact == RESERVED:
                    self.commit_contact(oldest.at, offer.item)

    def replace_offer(self, decision: int, offer: int, changed: OpenOffer) -> None:
        """Put `changed` in the place of an open offer."""
        known = self.open[decision]
        offers = (*known.offers[:offer], changed, *known.offers[offer + 1 :])
        self.open[decision] = OpenDecision(known.at, known.decision_id, known.origin, offers)

    def forget_contacts(self, until: Micros) -> None:
        """Forget the contacts made at or before `until`."""
        old = bisect_right(self.times, until)
        if old:
            self.forgotten = max(self.forgotten, self.times[old - 1])
            del self.times[:old], self.items[:old], self.committed[:old]
        if self.gaps and min(self.gaps.values()) <= until:
            self._close_gaps(until)

    def miss_contact(self, at: Micros, item: int) -> None:
        """Note that a contact is not remembered, because no limit needs it."""
        self.gaps[item] = max(at, self.gaps.get(item, at))

    def _close_gaps(self, until: Micros) -> None:
        """What was not remembered would be forgotten by now: which spot it was does not matter any more."""
        self.forgotten = max(self.forgotten, *(at for at in self.gaps.values() if at <= until))
        self.gaps = {item: at for item, at in self.gaps.items() if at > until}

    def keep_contacts(self, kept: Callable[[Micros, int], bool]) -> None:
        """Forget the contacts that `kept(time, item)` is false for."""
        kept_ones = [kept(at, item) for at, item in zip(self.times, self.items, strict=True)]
        for at, item, known in zip(self.times, self.items, kept_ones, strict=True):
            if not known:
                self.miss_contact(at, item)
        self.times = list(compress(self.times, kept_ones))
        self.items = list(compress(self.items, kept_ones))
        self.committed = list(compress(self.committed, kept_ones))

    def compact(self) -> None:
        """Drop spots and origins that nothing points to, once they are most of their table."""
        used = {offer.item for decision in self.open for offer in decision.offers}.union(
            self.items, self.gaps
        )
        origins = {decision.origin for decision in self.open}
        if len(self.spots) <= 2 * len(used) and len(self.origins) <= 2 * len(origins):
            return
        new_item, self.spots = _renumbered(used, self.spots)
        new_origin, self.origins = _renumbered(origins, self.origins)
        self.items = [new_item[item] for item in self.items]
        self.gaps = {new_item[item]: at for item, at in self.gaps.items()}
        self.open = [
            OpenDecision(
                decision.at,
                decision.decision_id,
                new_origin[decision.origin],
                tuple(
                    OpenOffer(
                        new_item[offer.item], offer.propensity, offer.contact, offer.labelled, offer.follows
                    )
                    for offer in decision.offers
                ),
            )
            for decision in self.open
        ]


def _position(table: list[str], key: str) -> int:
    try:
        return table.index(key)
    except ValueError:
        table.append(key)
        return len(table) - 1


def _renumbered(used: Iterable[int], table: Sequence[str]) -> tuple[dict[int, int], list[str]]:
    kept = sorted(used)
    return {old: new for new, old in enumerate(kept)}, [table[old] for old in kept]
