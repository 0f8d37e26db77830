"""Deciding: from a customer's ledger and ranked candidates to who gets the slots."""

from typing import TYPE_CHECKING

from models.gates import Gates
from models.ledger.allocation import Allocation, Allocator
from models.ledger.auctions import AuctionRound
from models.ledger.bids import Auction, Bidding, Market, drawn
from models.ledger.book import Book
from models.ledger.bundles import Bundles
from models.ledger.counts import Counts
from models.ledger.influences import Influences
from models.ledger.limits import ContactLimits
from models.ledger.offering import Offering
from models.ledger.refusals import Refusals
from models.ledger.rounds import Round
from models.ledger.spots import mask
from models.ledger.state import Kin, LedgerState
from models.ledger.suppressions import NOTHING, Suppressions
from models.ledger.tallies import Contacts, merged
from models.ledger.verdicts import no_action
from models.plan.spec import PlanSpec
from models.times import NEVER, Micros, duration
from models.volumes.quotes import Volumes
from schemas.candidates import CandidateSet

if TYPE_CHECKING:
    from models.kernel.ledger import Counts as CompiledCounts


class Decider:
    """Allocation under one plan, for any customer."""

    def __init__(
        self,
        spec: PlanSpec,
        limits: ContactLimits,
        suppressions: Suppressions,
        influences: Influences,
        gates: Gates | None,
        volumes: Volumes | None,
    ) -> None:
        """Compile `spec`, whose contact policy, influences and gates are compiled already."""
        self.late = duration(spec.session.late)
        self.keep, self.keep_ids = spec.contact.keep, spec.dedupe.keep
        self.limits = limits
        self.suppressions = suppressions
        self.influences = influences
        self.gates = gates
        self.volumes = volumes
        self._bundles = Bundles(spec)
        self.bidding = Bidding(spec)
        self.allocator = Allocator(spec, limits, suppressions, self._bundles, gates)

    def allocate(self, book: Book, candidates: CandidateSet, at: Micros, kin: Kin | None) -> Allocation:
        """Who gets the slots. The book forgets contacts that nothing needs, if it is full.

        Args:
          book: The customer's ledger.
          candidates: Ranked.
          at: Time of the decision.
          kin: The other members of the household, if they count.
        """
        request = candidates.request
        lost = at < book.lost_until
        unsure = kin is not None and at < self._sure_from(kin)
        self._forget(book)
        others = kin if self.limits.by_household else None
        compiled = None if others else self.limits.counted(book, at, request.brand, request.channel)
        counts = compiled or self._count(book, request.brand, at, others, lost=lost, unsure=unsure)
        free = self.keep - len(book.times)
        refusals = Refusals(
            self.allocator,
            counts,
            self.suppressions.active(book.pauses, at, request.brand) if book.pauses else NOTHING,
            gates=self.gates,
            request=request,
            full=free <= 0,
            lost=lost,
            unsure=unsure,
        )
        if compiled and not (lost or unsure or book.marks or candidates.evidence or self.volumes):
            found = self._by_priority(candidates, compiled, refusals, free)
            if found is not None:
                return found
        offering = Offering(self.allocator, counts, brand=request.brand, free=free)
        turn = self._round(book, candidates, at, refusals, offering)
        return turn.allocate(candidates.order, request.placements, request.channel)

    def _by_priority(
        self, candidates: CandidateSet, counts: "CompiledCounts", refusals: Refusals, free: int
    ) -> Allocation | None:
        """What the compiled form makes of it; None if it is more than that can do.

        It fills slots by priority where no treatment is refused, nothing is bundled, and memory is enough.
        """
        request, order, rounds = candidates.request, candidates.order, self.allocator.rounds
        if rounds is None or (self._bundles.involved and self._bundles.involved & mask(order)):
            return None
        places, slots = rounds.places(request.placements, request.channel, request.brand)
        channels = {place.channel for place in places}
        if free <= slots or any(map(refusals.any_treatments, channels)):
            return None
        screens = {channel: refusals.screen(channel) for channel in channels}
        placed, verdicts = rounds.fill(counts, order, places, screens)
        if placed:
            return Allocation(placed, verdicts, None)
        fitting = self.allocator.fitting([place.name for place in places])
        return Allocation(placed, verdicts, no_action(fitting, order, verdicts))

    def _round(
        self, book: Book, candidates: CandidateSet, at: Micros, refusals: Refusals, offering: Offering
    ) -> Round:
        """By bids, if anything besides priorities has a say; else by priority alone, which is faster."""
        brand = candidates.request.brand
        market = Market(self.volumes, at, brand) if self.volumes is not None else None
        boosts = self.influences.boosts(book.marks, at) if book.marks else {}
        chances = drawn(self.bidding, candidates) if candidates.evidence else 0
        bundled = self._bundles.involved and self._bundles.involved & mask(candidates.order)
        if not (market or boosts or chances or bundled):
            return Round(self.allocator, refusals, offering, brand)
        auction = Auction(self.bidding, candidates, boosts, market, chances)
        return AuctionRound(self.allocator, refusals, offering, brand, auction=auction, market=market)

    def _forget(self, book: Book) -> None:
        """Forget the contacts that no limit needs any more, if there are too many."""
        if len(book.times) >= self.keep:
            rows, horizon = self.limits.rows(book.spots), book.clock - self.late
            book.keep_contacts(lambda made, item: made + rows[item].need > horizon)

    def _count(
        self, book: Book, brand: str, at: Micros, kin: Kin | None, *, lost: bool, unsure: bool
    ) -> Counts:
        """The contacts of the customer and, where any limit counts them, of the household."""
        own = self._contacts(book, refused=lost)
        return self.limits.count(own, at, brand, self._household(own, kin, unsure=unsure))

    def _contacts(self, ledger: Book | LedgerState, *, refused: bool) -> Contacts:
        """What limits count; `refused`: what is missing is refused by another rule, and no limit has to."""
        rows = self.limits.rows(ledger.spots)
        known = Contacts(ledger.times, ledger.items, ledger.committed, rows)
        if refused or (ledger.forgotten == -NEVER and not ledger.gaps):
            return known
        items = ledger.gaps.items() if isinstance(ledger, Book) else ledger.gaps
        gaps = [(at, rows[item]) for item, at in items]
        return known._replace(forgotten=ledger.forgotten, gaps=gaps)

    def _household(self, own: Contacts, kin: Kin | None, *, unsure: bool) -> Contacts | None:
        """The contacts of the whole household; None if others have none, or no limit counts them."""
        if kin is None or not self.limits.by_household:
            return None
        known = [
            ledger for ledger in kin.ledgers if ledger.times or ledger.gaps or ledger.forgotten != -NEVER
        ]
        others = [self._contacts(ledger, refused=unsure) for ledger in known]
        return merged([own, *others]) if others else None

    def _sure_from(self, kin: Kin) -> Micros:
        """From when on the contacts of the other members are all known.

        Each of them forgets by their own clock. A decision further behind it than events may be late cannot know
        what was forgotten; nor can one while a ledger is lost.
        """
        clock = max([kin.forgotten, *(ledger.clock for ledger in kin.ledgers)])
        return max([clock - self.late, *(ledger.lost_until for ledger in kin.ledgers)])
