"""What of a ledger is kept and for how long, and when something of it is due. The kernel has the same, compiled."""

from models.erasure import mark_kept
from models.ledger.attribution import RELEASED, OpenDecision, OpenOffer, ResponseWindows
from models.ledger.book import Book
from models.ledger.influences import Influences
from models.ledger.limits import ContactLimits
from models.ledger.state import LedgerState
from models.ledger.suppressions import Suppressions
from models.ledger.tallies import Row
from models.plan.spec import PlanSpec
from models.times import Micros, duration


class Forgetting:
    """What could matter to an event within the lateness horizon is kept, under one plan; the rest is forgotten."""

    def __init__(
        self, spec: PlanSpec, limits: ContactLimits, suppressions: Suppressions, influences: Influences
    ) -> None:
        self.late = duration(spec.session.late)
        self.remember = duration(spec.contact.remember) if spec.contact.remember else 0
        """How long contacts are remembered that no limit needs."""
        self.remembered = max(limits.longest, self.remember)
        """How long the others are."""
        self.windows = ResponseWindows(spec, remembered=limits.longest or self.late)
        self._limits = limits
        self._suppressions = suppressions
        self._influences = influences
        self._mark_kept = mark_kept(spec)

    def contacted(self, book: Book, made: Micros, item: int, row: Row, *, committed: bool = False) -> None:
        """Keep a contact if a limit needs it; that one is not kept, for plans to come, if a limit could."""
        if row.need:
            book.add_contact(made, item, committed=committed)
        elif not self._limits.exempts(row):
            book.miss_contact(made, item)

    def settled(self, state: LedgerState) -> LedgerState:
        """The state without what no event can depend on."""
        book = Book(state)
        self.prune(book)
        return book.close(self.due(book))

    def prune(self, book: Book) -> None:
        """Forget what no event within the lateness horizon can depend on."""
        settled = book.clock - self.late
        before = len(book.open) + len(book.times)
        book.forget_contacts(settled - self.remembered)
        if book.open and book.open[0].at + self.windows.shortest < settled:
            surely = settled - self.windows.shortest
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

    def due(self, book: Book) -> Micros:
        """When the next silence is an answer; if none will be, when everything can be forgotten."""
        silence = self.next_silence(book)
        return self.forgettable(book) if silence is None else silence

    def next_silence(self, book: Book) -> Micros | None:
        """When the first of all silences is an answer."""
        soonest = None
        for made in book.open if self.windows.any_silence else ():
            if soonest is not None and made.at + self.windows.shortest + self.late >= soonest:
                break
            for offer in made.offers:
                due = self.silence_due(book, made, offer)
                if due is not None and (soonest is None or due < soonest):
                    soonest = due
        return soonest

    def silence_due(self, book: Book, made: OpenDecision, offer: OpenOffer) -> Micros | None:
        """When the silence on an offer is an answer: not if it was answered, nor if it never arrived."""
        if offer.labelled or offer.contact == RELEASED:
            return None
        window = self.windows.silence(self._channel(book, offer))
        return None if window is None else made.at + window + self.late + 1

    def _closes(self, book: Book, made: OpenDecision) -> Micros:
        """Until when outcomes are attributed to any offer of a decision."""
        return made.at + max(self.windows.open(self._channel(book, offer)) for offer in made.offers)

    def forgettable(self, book: Book) -> Micros:
        """When no event can depend on anything in the book any more."""
        # Of what this plan forgot itself it needs nothing more.
        needed = [0, book.clock, book.lost_until, book.forgotten + self.remembered]
        if book.pauses:
            needed.append(self._suppressions.needed_until(book.pauses))
        if book.marks:
            needed.append(self._influences.needed_until(book.marks))
        if book.times:
            needed.append(book.times[-1] + self.remembered)
        if book.erased is not None:
            needed.append(book.erased + self._mark_kept)
        for item, at in book.gaps.items():
            needed.append(at + max(self._limits.row(book.spots[item]).need, self.remember))
        if book.open:
            needed.append(book.open[-1].at + self.windows.longest)
        return max(needed) + self.late + 1

    def _channel(self, book: Book, offer: OpenOffer) -> str:
        return self._limits.row(book.spots[offer.item]).spot.channel
