"""Worlds of a few customers and a small bank, in which the ledger and the oracle decide side by side."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from contact_oracle import STEP, Oracle, Place
from ledger_bank import RULES, START, candidates, outcome, plan, signal

from models.folds import Counted, Fold, advance
from models.ledger import HouseholdFold, LedgerFold, by_household, key_of
from models.plan.spec import PlanSpec
from models.times import micros
from schemas import CandidateSet, Decision, Feedback, OutcomeKind

LATE = 12  # steps
CHANNELS = {
    "web": {"direction": "inbound", "response_window": "9s"},
    "app": {"direction": "inbound", "response_window": "5s", "unconfirmed": "release"},
    "mail": {"direction": "outbound", "response_window": "7s", "unconfirmed": "release"},
    "branch": {"direction": "inbound"},
}
PLACEMENTS = {
    "hero": {"channel": "web"},
    "tile": {"channel": "app", "slots": 2},
    "mail": {"channel": "mail"},
    "any": {},
}
HOUSEHOLD = {"ann": "home", "ben": "home", "cleo": None}
BRANDS = ("harbour", "quay")


def _action(name: str, group: str, *treatments: tuple[str, ...], kind: str = "marketing") -> dict[str, Any]:
    said = [{"id": f"{name}-{i}", "placements": list(places)} for i, places in enumerate(treatments)]
    return {"id": name, "group": group, "message_class": kind, "value": 1, "treatments": said}


ACTIONS = [
    _action("loan", "lending", ("hero", "mail"), ("hero", "tile")),
    _action("card", "lending", ("hero", "tile", "mail")),
    _action("saver", "deposits", ("mail", "any"), ("hero", "tile", "mail")),
    _action("bond", "deposits", ("tile", "any")),
    _action("alert", "care", ("hero", "tile", "mail", "any"), kind="service"),
]
NAMES = [action["id"] for action in ACTIONS]


def policy(limits: list[dict[str, Any]], suppressions: list[dict[str, Any]], **contact: Any) -> PlanSpec:
    return plan(
        limits=[{"id": f"limit-{i}", **limit} for i, limit in enumerate(limits)],
        suppressions=[{"id": f"pause-{i}", **rule} for i, rule in enumerate(suppressions)],
        actions=ACTIONS,
        channels=CHANNELS,
        placements=PLACEMENTS,
        brands=list(BRANDS),
        session={"late": f"{LATE}s"},
        contact=contact,
    )


def fold_of(spec: PlanSpec) -> Fold[Any, Any]:
    """The ledger under a plan, of a customer or of a household."""
    ledger = LedgerFold.of(spec, "digest", rules=RULES)
    return HouseholdFold(ledger, step="test") if by_household(spec) else ledger


class World:
    """All customers, decided for by the fold and by the oracle; states go through bytes after every event."""

    def __init__(self, spec: PlanSpec) -> None:
        self.spec = spec
        self.fold = fold_of(spec)
        self.states: dict[str, Any] = {}
        self.oracle = Oracle(spec)
        self.clock = 0
        self.ample = spec.contact.keep > 100
        self.told = 0
        self.asked: list[Any] = []
        self.offers: list[tuple[str, str, int]] = []
        """Customer, decision and rank of every offer made."""

    def change(self, spec: PlanSpec) -> None:
        """Another plan goes live, that keeps state by the same keys. From now on offers may close before their time."""
        assert by_household(spec) == by_household(self.spec)
        self.spec, self.fold, self.ample = spec, fold_of(spec), False
        self.oracle.change(spec)

    def move(self, by: int) -> int:
        """The time of an event, so many steps from the latest one."""
        self.clock, step = max(self.clock, self.clock + by), self.clock + by
        return START + step * STEP

    def in_time(self, event: Any) -> bool:
        """Whether an event is not too late by now: those that are never reach a ledger."""
        return self.fold.order(event)[0] >= START + (self.clock - LATE) * STEP

    def apply(self, event: Any) -> list[Any]:
        key, at = key_of(self.fold, event), self.fold.order(event)[0]
        about = event.request if isinstance(event, CandidateSet) else event
        self.oracle.time_passes(about.customer_id, at)
        state, outputs = advance(self.fold, self.states.get(key, self.fold.initial()), event)
        self.states[key] = self.fold.decode(self.fold.encode(state))
        assert self.states[key] == state
        return outputs

    def ask(
        self, by: int, who: str, brand: str, order: Sequence[str], placements: Sequence[str], channel: str
    ) -> Decision:
        """The decision on a request."""
        at, name = self.move(by), f"n{len(self.asked)}"
        about = {"customer_id": who, "household_id": HOUSEHOLD[who], "brand": brand}
        request = candidates(self.spec, order, at, name=name, placements=placements, channel=channel, **about)
        outputs = self.apply(request)
        self.asked.append(request)
        (decision,) = [output for output in outputs if isinstance(output, Decision)]
        self.offers += [(who, decision.decision_id, offer.rank) for offer in decision.offers]
        return decision

    def expected(self, decision: Decision) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
        """What the oracle decides instead: offers, and what became of each candidate."""
        who = (decision.customer_id, HOUSEHOLD[decision.customer_id])
        order = [candidate.action for candidate in decision.ranked]
        at = micros(decision.decided_at)
        found = self.oracle.decide(
            who, at, order, decision.placements, decision.channel, decision.brand, decision.decision_id
        )
        self.oracle.forget(decision.customer_id, at)
        return found

    def broken(self, decision: Decision) -> list[str]:
        """The rules that the offers of a decision break, says the oracle."""
        who = (decision.customer_id, HOUSEHOLD[decision.customer_id])
        places = [
            place
            for offer in decision.offers
            for place in self.oracle.places(who, offer.action, offer.placement, offer.channel, decision.brand)
            if place.treatment == offer.treatment
        ]
        return self.oracle.take(places, micros(decision.decided_at), decision.decision_id)

    def answer(self, by: int, pick: int, kind: OutcomeKind) -> None:
        """An outcome of an offer. Where memory is ample, fold and oracle agree on whether it came in time."""
        at, (who, decision, rank) = self.move(by), self.offers[-1 - pick % len(self.offers)]
        self.told += 1
        named = {"decision_id": decision, "rank": rank, "outcome_id": f"o{self.told}"}
        outputs = self.apply(outcome(kind, at, customer_id=who, household_id=HOUSEHOLD[who], **named))
        if isinstance(outputs[-2], Feedback):
            assert self.oracle.report(decision, rank, kind.value, at)
            self.oracle.forget(who, at)
        elif self.ample:
            assert not self.oracle.report(decision, rank, kind.value, at)

    def opt_out(self, by: int, who: str, brand: str, channel: str, action: str | None) -> None:
        """A signal that may pause something."""
        at = self.move(by)
        about = {"customer_id": who, "household_id": HOUSEHOLD[who], "brand": brand, "channel": channel}
        said = {} if action is None else {"action": action}
        self.apply(msgspec.structs.replace(signal(at, **said), **about))
        known = len(self.oracle.triggers)
        self.oracle.signal(self._place(who, brand, channel, action), at)
        if len(self.oracle.triggers) > known:
            self.oracle.forget(who, at)

    def run(self, history: Sequence[tuple[Any, ...]]) -> Iterator[Decision]:
        """Live through a history; decisions are for the caller to compare."""
        for kind, *rest in history:
            if kind == "ask":
                yield self.ask(*rest)
            elif kind == "opt out":
                self.opt_out(*rest)
            elif kind == "change":
                self.change(*rest)
            elif kind == "again" and rest[0] < len(self.asked) and self.in_time(self.asked[rest[0]]):
                assert self.apply(self.asked[rest[0]])[-1] == Counted.DUPLICATE
            elif kind == "answer" and self.offers:
                self.answer(*rest)

    def _place(self, who: str, brand: str, channel: str, action: str | None) -> Place:
        if action in NAMES:
            return next(self.oracle.places((who, HOUSEHOLD[who]), action, None, channel, brand))
        direction = CHANNELS[channel]["direction"]
        return Place(who, HOUSEHOLD[who], brand, channel, direction, "", "", "", "", "")
