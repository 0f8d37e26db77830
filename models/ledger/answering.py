"""Answers to offers: what outcomes, silence and erasure do to a ledger, and what is said of them."""

import msgspec

from models.erasure import CLOSED
from models.folds import Counted, Output
from models.ledger.attribution import (
    LABELS,
    RELEASED,
    RESERVED,
    Answered,
    OpenDecision,
    OpenOffer,
    after,
    attribute,
    contact_state,
)
from models.ledger.book import Book
from models.ledger.forgetting import Forgetting
from models.ledger.influences import Influences
from models.ledger.limits import ContactLimits
from models.ledger.records import feedback, unattributed
from models.ledger.spots import Spot
from models.ledger.state import Entry
from models.ledger.suppressions import Suppressions
from models.times import Micros
from models.volumes.quotes import Volumes
from schemas.common import OutcomeKind
from schemas.feedback import Feedback
from schemas.outcome import Outcome


class Answering:
    """Commits or releases contacts, pauses actions and moves priorities, as offers are answered under one plan."""

    def __init__(
        self,
        limits: ContactLimits,
        suppressions: Suppressions,
        influences: Influences,
        volumes: Volumes | None,
        forgetting: Forgetting,
    ) -> None:
        self._limits = limits
        self._suppressions = suppressions
        self._influences = influences
        self._volumes = volumes
        self._forgetting = forgetting
        self._late, self._windows = forgetting.late, forgetting.windows

    def attribute(self, book: Book, outcome: Outcome, at: Micros) -> list[Output]:
        """Feedback, if the outcome answers an open offer; if it can answer none, a dead letter."""
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

    def silent(self, book: Book, due: Micros) -> list[Output]:
        """Feedback for the offers whose time is up at `due`; later outcomes no longer reach them."""
        return [
            self._unanswered(book, Answered(position, index), due - self._late - 1)
            for position, made in enumerate(book.open)
            for index, offer in enumerate(made.offers)
            if self._forgetting.silence_due(book, made, offer) == due
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

    def closed(self, book: Book, at: Micros) -> list[Output]:
        """Feedback for each offer that awaits an answer, and will get none: the customer is erased."""
        return [
            self._closed(book, made, index, at)
            for made in book.open
            for index, offer in enumerate(made.offers)
            if self._forgetting.silence_due(book, made, offer) is not None
        ]

    def _closed(self, book: Book, made: OpenDecision, index: int, at: Micros) -> Feedback:
        """No answer will come. It says nothing of the offer, and gives no contact back."""
        contact, entry = made.offers[index].contact, book.enter(at)
        said = self._feedback(book, made, index, OutcomeKind.EXPIRED, at, contact, entry)
        return msgspec.structs.replace(said, feedback_id=f"{made.decision_id}:{index + 1}:{CLOSED}")

    def _answer(self, book: Book, found: Answered, contact: int, *, labelled: bool) -> None:
        """Move the contact of an open offer to its new state."""
        made = book.open[found.decision]
        offer = made.offers[found.offer]
        if contact == RELEASED != offer.contact:
            book.remove_contact(made.at, offer.item)
        elif offer.contact == RELEASED != contact:
            row = self._limits.row(book.spots[offer.item])
            self._forgetting.contacted(book, made.at, offer.item, row, committed=True)
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

    def _trigger(self, book: Book, kind: OutcomeKind, spot: Spot, at: Micros) -> None:
        """Let an outcome pause actions and move priorities."""
        book.marks = self._influences.noted(book.marks, kind, spot, at)
        for index, unit, _ in self._suppressions.by_outcome(kind, spot):
            book.pauses = self._suppressions.trigger(book.pauses, index, unit, at, book.clock - self._late)

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
