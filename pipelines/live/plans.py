"""The plans that decide, and what has come of the decisions of each."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from models.plan.compiled import Plan
from models.simulation.answering import Answering
from pipelines.live.acceptance import Acceptance
from pipelines.live.contacts import LimitBook
from schemas import Decision, Feedback

Loads = Callable[[str], Plan | None]
"""The plan with a digest, as far as it can be had."""

_MOST_TOLD = 8
_MOST_KEPT = 2
"""So that a change and its way back go on where they were; each counts in a memory of its own."""
_AGAIN_S, _LONGEST_S = 1.0, 30.0


class Book:
    """One plan, and what came of its decisions: contacts, and how customers answered.

    Args:
      plan: Compiled.
      seed: Of the simulated bank whose customers these are; None: they are real.
      haste: Of its channels.
    """

    def __init__(self, plan: Plan, seed: int | None, haste: float) -> None:
        self.plan = plan
        self.names = {action.id: action.name or action.id for action in plan.spec.actions}
        self.limits = LimitBook(plan.spec)
        answering = None if seed is None else Answering(plan.spec, seed, haste=haste)
        self.acceptance = None if answering is None else Acceptance(plan.spec, answering, haste)

    def knows(self, decision: Decision) -> bool:
        """Whether all that is offered is in the plan: anybody can say that a decision is of it."""
        spec = self.plan.spec
        return all(
            offer.action in self.names
            and offer.placement in spec.placements
            and offer.channel in spec.channels
            for offer in decision.offers
        )

    def decided(self, decision: Decision, published: float, now: float) -> None:
        """One of its decisions."""
        self.limits.decided(decision, now)
        if self.acceptance is not None:
            self.acceptance.decided(decision, published)

    def answered(self, feedback: Feedback) -> None:
        """Feedback about any decision."""
        self.limits.answered(feedback)
        if self.acceptance is not None:
            self.acceptance.answered(feedback)


class Plans:
    """Which plan is in force: that of the newest decision.

    Args:
      plan: The one in force, as far as is known.
      loads: Finds another that decisions say they were made by.
      seed: As of `Book`; so is `haste`.
      haste: How many times as fast delays of answers pass.
    """

    def __init__(self, plan: Plan, loads: Loads, seed: int | None, haste: float) -> None:
        self._loads, self._seed, self._haste = loads, seed, haste
        self.shown = Book(plan, seed, haste)
        """Of the plan in force; while that cannot be had, of the one before."""
        self._books: OrderedDict[str, Book] = OrderedDict({plan.digest: self.shown})
        self._told: dict[str, dict[str, Any]] = {}
        self._tries: dict[str, tuple[float, float]] = {}
        self._newest, self._newest_at = plan.digest, 0.0

    def decided(self, decision: Decision, published: float, now: float) -> Book | None:
        """Count the decision for its plan; the book of that, None if it cannot be had or is not of the plan.

        A plan that cannot be had is tried again: its files may be under way.
        """
        digest = decision.plan_digest
        self._tell(digest, published)
        book = self._book(digest, now)
        if published >= self._newest_at:
            self._newest, self._newest_at = digest, published
            self.shown = book or self.shown
        if book is None or not book.knows(decision):
            return None
        book.decided(decision, published, now)
        return book

    def answered(self, feedback: Feedback) -> None:
        """Feedback does not say which plan it is about; books know their decisions."""
        for book in self._books.values():
            book.answered(feedback)

    def rows(self) -> dict[str, Any]:
        """What the page tells of plans: `plan` in force, the one that `shown` is of, and all with their times."""
        return {
            "plan": self._newest,
            "shown": self.shown.plan.digest,
            "plans": [{"digest": digest} | told for digest, told in self._told.items()],
        }

    def _tell(self, digest: str, published: float) -> None:
        at = round(published * 1000)
        told = self._told.get(digest)
        if told is None:
            if len(self._told) >= _MOST_TOLD:
                del self._told[next(iter(self._told))]
            told = self._told[digest] = {"first": at, "last": 0, "decisions": 0}
        told["last"] = max(told["last"], at)
        told["decisions"] += 1

    def _book(self, digest: str, now: float) -> Book | None:
        if digest not in self._books:
            plan = self._load(digest, now)
            if plan is None:
                return None
            self._books[digest] = Book(plan, self._seed, self._haste)
            while len(self._books) > _MOST_KEPT:
                self._books.popitem(last=False)
        self._books.move_to_end(digest)
        return self._books[digest]

    def _load(self, digest: str, now: float) -> Plan | None:
        """The plan; one that was not there is looked for again, ever more seldom."""
        again_at, pause = self._tries.get(digest, (0.0, _AGAIN_S))
        if now < again_at:
            return None
        plan = self._loads(digest)
        if plan is None:
            if len(self._tries) >= _MOST_TOLD and digest not in self._tries:
                del self._tries[next(iter(self._tries))]
            self._tries[digest] = (now + pause, min(2 * pause, _LONGEST_S))
        else:
            self._tries.pop(digest, None)
        return plan
