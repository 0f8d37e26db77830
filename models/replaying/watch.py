"""Watching a fold: what comes out of it is counted as it comes, and nothing of it is kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.context.fold import PROFILE
from models.folds import Counted, Output
from models.identity import fingerprint
from models.replaying.cohorts import Cell, Cohorts
from models.replaying.counterparts import Offered, Trail
from models.replaying.tally import ALL, MARKETING, CellSums, CustomerRow, OfferKey, Sums, Tally
from schemas import DeadLetter, Decision, Feedback, Outcome, Signal, Stage

_REACH = ("action", "group", "issue", "message_class", "channel", "brand", "placement")


class Person:
    """One customer while their events are folded: what is known of them, and their own sums."""

    __slots__ = ("_by_brand", "brand", "cells", "facts", "marks", "offers", "sums", "trail")

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.facts: dict[str, Any] = {}
        self.brand = ""
        self.marks: tuple[str, ...] = ()
        self.cells: tuple[Cell, ...] = ()
        self._by_brand: dict[str, tuple[Cell, ...]] = {}
        self.offers: dict[OfferKey, Sums] = defaultdict(Sums)
        self.sums: dict[Cell, CellSums] = defaultdict(CellSums)

    def hear(self, signal: Signal, cohorts: Cohorts) -> None:
        """Take in what a signal says of the customer."""
        if signal.profile:
            self.facts.update(signal.profile)
            self.marks = cohorts.marked(self.facts)
            self._by_brand.clear()
        cells = self._by_brand.get(signal.brand)
        if cells is None:
            cells = self._by_brand[signal.brand] = cohorts.cells(self.facts, signal.brand)
        self.cells = cells
        for cell in cells:
            self.sums[cell].customers = 1


class Watch:
    """Counts what a fold puts out for one or many customers under one plan.

    Feed it each event before the fold gets it (`hear`), and all that comes out (`take`); then `close`.
    """

    def __init__(
        self,
        tally: Tally,
        cohorts: Cohorts,
        *,
        digest: str,
        live: Sequence[str],
        live_offers: Mapping[str, Mapping[str, Offered]] | None = None,
    ) -> None:
        """`live_offers`: what other plans offered, by digest and customer, as `offers` of their watches says."""
        self._tally = tally
        self._cohorts = cohorts
        self._digest = digest
        self._live = tuple(dict.fromkeys(live))
        self._live_offers = live_offers or {}
        self._people: dict[str, Person] = {}

    def hear(self, event: Signal | Outcome) -> Signal | Outcome | None:
        """Note an event; the event as the plan is to see it, None if it is to see none."""
        person = self._person(event.customer_id)
        if isinstance(event, Signal):
            person.hear(event, self._cohorts)
            if event.type != PROFILE:
                person.trail.heard(event.signal_id)
            return event
        attached, link = person.trail.attach(event)
        self._tally.links[link] += 1
        return attached

    def take(self, outputs: Iterable[Output]) -> None:
        """Count what came out of the fold."""
        for output in outputs:
            if isinstance(output, Decision):
                self._decision(output)
            elif isinstance(output, Counted):
                self._tally.counted[output.value] += 1
            elif isinstance(output, Feedback):
                self._feedback(output)
            elif isinstance(output, DeadLetter):
                self._tally.dead[output.reason.value] += 1

    @property
    def offers(self) -> Mapping[str, Offered]:
        """What was offered so far, by customer and signal."""
        return {customer: person.trail.offers for customer, person in self._people.items()}

    def close(self) -> None:
        """Count the customers; afterwards nothing is kept of them."""
        for customer, person in self._people.items():
            self._close(customer, person)
        self._people.clear()

    def _person(self, customer: str) -> Person:
        person = self._people.get(customer)
        if person is None:
            offers = {digest: by.get(customer, {}) for digest, by in self._live_offers.items()}
            person = self._people[customer] = Person(Trail(self._digest, self._live, offers))
        return person

    def _decision(self, decision: Decision) -> None:
        tally, person = self._tally, self._person(decision.customer_id)
        tally.decisions += 1
        tally.arms[decision.arm] += 1
        if decision.no_action is not None:
            tally.no_action[decision.no_action] += 1
        self._funnel(decision)
        for price in decision.prices:
            sums = tally.prices[price.constraint]
            sums.decisions += 1
            sums.total += price.price
            sums.highest = max(sums.highest, price.price)
            sums.exhausted += price.exhausted
        marketing, expected = self._offers(decision, person)
        for cell in person.cells:
            of_cell = person.sums[cell]
            of_cell.decisions += 1
            of_cell.offers += len(decision.offers)
            of_cell.marketing += marketing
            of_cell.expected += expected
        person.trail.decided(decision.signal_id, tuple([offer.action for offer in decision.offers]))

    def _funnel(self, decision: Decision) -> None:
        tally = self._tally
        for removal in decision.removed:
            tally.removals[removal.stage, removal.rule, removal.actions] += 1
            tally.candidates += len(removal.actions)
        for candidate in decision.ranked:
            if candidate.stage is not Stage.OUTPUT:
                tally.removed[candidate.stage, candidate.rule or ""][candidate.action] += 1
        tally.candidates += len(decision.ranked)

    def _offers(self, decision: Decision, person: Person) -> tuple[int, float]:
        """How many of the offers are marketing, and what all are expected to be worth."""
        marketing, total = 0, 0.0
        for offer in decision.offers:
            key = OfferKey(
                offer.action,
                offer.group,
                offer.issue,
                offer.message_class.value,
                offer.channel,
                decision.brand,
                offer.placement,
            )
            expected = offer.propensity * offer.value
            sums = person.offers[key]
            sums.offers += 1
            sums.expected += expected
            total += expected
            if offer.message_class is MARKETING:
                marketing += 1
                for mark in person.marks:
                    self._tally.marked[mark, offer.action] += 1
        return marketing, total

    def _feedback(self, feedback: Feedback) -> None:
        self._tally.feedback[feedback.outcome.value] += 1
        if not feedback.label and feedback.value is None:
            return
        person = self._person(feedback.customer_id)
        key = OfferKey(
            feedback.action,
            feedback.group,
            feedback.issue,
            feedback.message_class.value,
            feedback.channel,
            feedback.brand,
            feedback.placement,
        )
        sums = person.offers[key]
        sums.positives += bool(feedback.label)
        sums.realised += feedback.value or 0.0
        for cell in person.cells:
            person.sums[cell].realised += feedback.value or 0.0

    def _close(self, customer: str, person: Person) -> None:
        tally = self._tally
        for cell in {Cell(name, getattr(key, name)) for key in person.offers for name in _REACH}:
            tally.reached[cell] += 1
        if person.offers:
            tally.reached[Cell(ALL, ALL)] += 1
        contacts = marketing = 0
        expected = realised = 0.0
        for key, sums in person.offers.items():
            tally.offers[key].add(sums)
            contacts += sums.offers
            marketing += sums.offers if key.message_class == MARKETING else 0
            expected += sums.expected
            realised += sums.realised
        for cell, of_cell in person.sums.items():
            of_cell.reached = int(of_cell.marketing > 0)
            tally.cohorts[cell].add(of_cell)
        row = CustomerRow(contacts, marketing, expected, realised)
        tally.customers[int.from_bytes(fingerprint(customer), "big")] = row
