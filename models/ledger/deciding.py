"""Deciding: from a customer's ledger and ranked candidates to who gets the slots."""

from models.ledger.allocation import Allocation, Allocator
from models.ledger.limits import ContactLimits
from models.ledger.offering import Offering
from models.ledger.refusals import Refusals
from models.ledger.rounds import Round
from models.ledger.state import Book, Kin, LedgerState
from models.ledger.suppressions import Suppressions
from models.ledger.tallies import Contacts, merged
from models.plan.spec import PlanSpec
from models.times import Micros, duration
from schemas.candidates import CandidateSet


class Decider:
    """Allocation under one plan, for any customer."""

    def __init__(self, spec: PlanSpec, limits: ContactLimits, suppressions: Suppressions) -> None:
        """Compile `spec`, whose contact policy is compiled already."""
        self._late = duration(spec.session.late)
        self._keep = spec.contact.keep
        self._limits = limits
        self._suppressions = suppressions
        self._allocator = Allocator(spec, limits, suppressions)

    def allocate(self, book: Book, candidates: CandidateSet, at: Micros, kin: Kin | None) -> Allocation:
        """Who gets the slots. The book forgets contacts that nothing needs, if it is full.

        Args:
          book: The customer's ledger.
          candidates: Ranked.
          at: Time of the decision.
          kin: The other members of the household, if they count.
        """
        request = candidates.request
        own = self._own(book)
        household = self._household(own, kin)
        counts = self._limits.count(own, at, request.brand, household)
        free = self._keep - len(book.times)
        refusals = Refusals(
            self._allocator,
            counts,
            self._suppressions.active(book.pauses, at, request.brand),
            brand=request.brand,
            full=free <= 0,
            lost=at < book.lost_until,
            unsure=kin is not None and at < self._sure_from(kin),
        )
        offering = Offering(self._allocator, counts, brand=request.brand, free=free)
        turn = Round(self._allocator, refusals, offering, request.brand)
        return turn.allocate(candidates.order, request.placements, request.channel)

    def _own(self, book: Book) -> Contacts:
        """The customer's contacts; those that no limit needs any more are forgotten if there are too many."""
        own = self._contacts(book)
        if len(book.times) < self._keep:
            return own
        horizon = book.clock - self._late
        book.keep_contacts(lambda made, item: made + own.rows[item].need > horizon)
        return self._contacts(book)

    def _contacts(self, ledger: Book | LedgerState) -> Contacts:
        return Contacts(ledger.times, ledger.items, ledger.committed, self._limits.rows(ledger.spots))

    def _household(self, own: Contacts, kin: Kin | None) -> Contacts | None:
        """The contacts of the whole household; None if others have none, or no limit counts them."""
        if kin is None or not self._limits.by_household:
            return None
        others = [self._contacts(ledger) for ledger in kin.ledgers if ledger.times]
        return merged([own, *others]) if others else None

    def _sure_from(self, kin: Kin) -> Micros:
        """From when on the contacts of the other members are all known.

        Each of them forgets by their own clock. A decision further behind it than events may be late cannot know
        what was forgotten; nor can one while a ledger is lost.
        """
        clock = max([kin.forgotten, *(ledger.clock for ledger in kin.ledgers)])
        return max([clock - self._late, *(ledger.lost_until for ledger in kin.ledgers)])
