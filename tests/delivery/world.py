"""A deterministic simulator of delivery: what a runner, its source, its sinks and its crashes can do to a fold.

Everything follows from a seed. Events of a few customers arrive in any order, in bundles of any size, more than once.
A bundle may be lost before it commits (its state and its outputs never were, its events come again), or commit while
its acknowledgement is lost (its events come again); sinks may write twice; timers fire early or late; workers restart
(state goes through its bytes at every bundle); the plan may change and be rolled back. Channels answer what they see.
Some of what arrives is too late, from a wrong clock, or nonsense: facts of no known type, answers to nothing.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from random import Random
from typing import Any, NamedTuple

import msgspec
from delivery.plans import plans

from models.folds import Counted, Fold, Output, advance
from models.ledger.household import household_key
from models.plan.spec import PlanSpec
from models.times import DAY, HOUR, MINUTE, NEVER, SECOND, Micros, micros, moment
from schemas import Decision, Outcome, OutcomeKind, Signal

START: Micros = 1_774_000_000_000_000
"""Ten days before Europe's clocks go forward."""

Event = Signal | Outcome
Key = str
Folds = tuple[Fold[Any, Any], ...]

_KINDS = (
    OutcomeKind.IMPRESSION,
    OutcomeKind.CLICKED,
    OutcomeKind.ACCEPTED,
    OutcomeKind.REJECTED,
    OutcomeKind.BOUNCED,
    OutcomeKind.DELIVERED,
    OutcomeKind.EXPIRED,
)


@cache
def folds() -> Folds:
    """The whole decision fold of each plan."""
    return tuple(plan.decide_fold() for plan in plans())


class Applied(NamedTuple):
    """One thing that was done to the state of a key and committed: an event, or a timer at `now`."""

    plan: int
    event: Event | None
    now: Micros = 0


class Faults(NamedTuple):
    """How likely each fault is, per bundle or delivery, in one history."""

    repeat: float
    reorder: float
    crash: float
    lost_ack: float
    sink_twice: float
    timer: float
    change_plan: float

    @classmethod
    def draw(cls, random: Random) -> "Faults":
        """Each fault is absent in some histories, so that what they do alone is seen too."""
        return cls(*(random.choice((0.0, 0.0, 0.1, 0.4)) for _ in range(6)), random.choice((0.0, 0.0, 0.1)))


@dataclass
class History:
    """What happened, and what came out."""

    seed: int
    faults: Faults
    folds: Folds
    promised: dict[str, PlanSpec]
    """By plan digest: what the plan says."""
    sent: set[str] = field(default_factory=set)
    """Ids of all events that the source has."""
    delivered: Counter[str] = field(default_factory=Counter)
    """Committed deliveries by event id."""
    counted: Counter[Counted] = field(default_factory=Counter)
    """What the fold said of committed deliveries."""
    applied: dict[Key, list[Applied]] = field(default_factory=lambda: defaultdict(list))
    """Per key, what was committed, in order."""
    published: list[Output] = field(default_factory=list)
    """What the sinks have; maybe twice."""
    states: dict[Key, bytes] = field(default_factory=dict)
    largest_state: int = 0
    live: int = 0

    @cached_property
    def distinct(self) -> dict[bytes, Output]:
        """What the sinks have by content, each once: what is left when repeats are dropped."""
        return {content(each): each for each in self.published}

    def records(self, contract: type) -> list[Any]:
        """The distinct records of one contract."""
        return [each for each in self.distinct.values() if type(each) is contract]


class World:
    """One history, from its seed."""

    def __init__(
        self, seed: int, folds_: Folds | None = None, promised: dict[str, PlanSpec] | None = None
    ) -> None:
        """Of other folds, or with other promises than theirs, only to see that these are found out."""
        self._random = Random(seed)
        promised = promised or {plan.digest: plan.spec for plan in plans()}
        self._history = History(seed, Faults.draw(self._random), folds_ or folds(), promised)
        self._heap: list[tuple[Micros, int, Event]] = []
        self._tie = 0
        self._undelivered: Counter[Micros] = Counter()
        self._new: set[str] = set()

    def run(self) -> History:
        """Deliver everything, then end the world: all that is due is done."""
        for event in _story(self._random):
            wrong = self._random.randrange(2 * DAY) if self._random.random() < 0.01 else 0
            self._send(event, micros(event.occurred_at) - wrong)  # by a clock that is ahead
        while self._heap:
            self._maybe_change_plan()
            self._bundle()
            self._maybe_fire_timers()
        self._end()
        return self._history

    def _send(self, event: Event, after: Micros) -> None:
        """Put an event on its way; it arrives once or more, not before it happened."""
        random = self._random
        delay = random.randrange(110 * MINUTE) if random.random() < self._history.faults.reorder else 0
        if random.random() < 0.01:
            delay += 5 * HOUR  # beyond the horizon
        self._push(after + delay, event)
        self._new.add(identity(event))
        self._history.sent.add(identity(event))
        while random.random() < self._history.faults.repeat:
            self._push(after + delay + random.randrange(6 * HOUR), event)

    def _push(self, arrival: Micros, event: Event) -> None:
        self._tie += 1
        heapq.heappush(self._heap, (arrival, self._tie, event))

    def _bundle(self) -> None:
        """Deliver a few events; commit them all or none."""
        size = self._random.choice((1, 1, 2, 3, 7, 20))
        taken = [heapq.heappop(self._heap) for _ in range(min(size, len(self._heap)))]
        now = taken[-1][0]
        fold = self._history.folds[self._history.live]
        states: dict[Key, Any] = {}
        outputs: list[Output] = []
        for _, _, event in taken:
            key = key_of(event)
            state = states[key] if key in states else self._load(key, fold)
            states[key], emitted = advance(fold, state, event)
            outputs += emitted
        if self._random.random() < self._history.faults.crash:
            self._redeliver(taken, now)
            return
        self._commit(
            fold, states, [Applied(self._history.live, event) for _, _, event in taken], outputs, now
        )
        if self._random.random() < self._history.faults.lost_ack:
            self._redeliver(taken, now)

    def _redeliver(self, taken: list[tuple[Micros, int, Event]], now: Micros) -> None:
        for _, _, event in taken:
            self._push(now + self._random.randrange(10 * MINUTE), event)

    def _load(self, key: Key, fold: Fold[Any, Any]) -> Any:
        data = self._history.states.get(key)
        return fold.initial() if data is None else fold.decode(data)

    def _commit(
        self,
        fold: Fold[Any, Any],
        states: dict[Key, Any],
        applied: list[Applied],
        outputs: list[Output],
        now: Micros,
    ) -> None:
        history = self._history
        for key, state in states.items():
            history.states[key] = fold.encode(state)
            history.largest_state = max(history.largest_state, len(history.states[key]))
        for each in applied:
            if each.event is not None:
                history.applied[key_of(each.event)].append(each)
                history.delivered[identity(each.event)] += 1
                self._new.discard(identity(each.event))
        for output in outputs:
            self._publish(output, now)

    def _publish(self, output: Output, now: Micros) -> None:
        if isinstance(output, Counted):
            self._history.counted[output] += 1
            return
        twice = self._random.random() < self._history.faults.sink_twice
        self._history.published += [output] * (2 if twice else 1)
        if isinstance(output, Decision):
            for outcome in _answers(self._random, output, now):
                # From a clock that is behind; not behind a watermark, which promised that nothing is.
                if not self._history.faults.timer and self._random.random() < 0.03:
                    wrong = moment(micros(outcome.occurred_at) - self._random.randrange(DAY))
                    self._send(msgspec.structs.replace(outcome, occurred_at=wrong), now)
                else:
                    self._send(outcome, micros(outcome.occurred_at))

    def _maybe_change_plan(self) -> None:
        if self._random.random() < self._history.faults.change_plan:
            others = [plan for plan in range(len(self._history.folds)) if plan != self._history.live]
            self._history.live = self._random.choice(others)

    def _maybe_fire_timers(self) -> None:
        """The watermark never passes an event that is still to come for the first time."""
        if self._random.random() >= self._history.faults.timer:
            return
        waiting = [micros(event.occurred_at) for _, _, event in self._heap if identity(event) in self._new]
        watermark = min([*waiting, self._heap[0][0]] if self._heap else [START]) - 1
        fold = self._history.folds[self._history.live]
        for key in sorted(self._history.states):
            self._expire(key, fold, watermark)

    def _end(self) -> None:
        """The watermark passes everything."""
        for key in sorted(self._history.states):
            self._expire(key, self._history.folds[self._history.live], NEVER)

    def _expire(self, key: Key, fold: Fold[Any, Any], until: Micros) -> None:
        """Do what is due, each thing at its own time, as the host of a timer does."""
        state = self._load(key, fold)
        for _ in range(500):
            due = fold.deadline(state)
            if due is None or due > until:
                return
            state, outputs = fold.expire(state, due)
            self._history.applied[key].append(Applied(self._history.live, None, due))
            self._commit(fold, {key: state}, [], outputs, due)
        raise AssertionError(f"seed {self._history.seed}: {key} never comes to rest")


_encode = msgspec.msgpack.Encoder().encode


def content(record: Output) -> bytes:
    """All of a record, and what it is."""
    return type(record).__name__.encode() + _encode(record)


def identity(event: Event) -> str:
    """What a redelivery repeats."""
    return f"s:{event.signal_id}" if isinstance(event, Signal) else f"o:{event.outcome_id}"


def key_of(about: Event | Decision) -> Key:
    """The key that holds the customer's state."""
    return household_key(about)  # as all plans have it


def replayed(folds: Folds, applied: list[Applied], *, exactly: bool) -> Iterator[Output]:
    """What the fold says to a committed sequence when nothing goes wrong.

    Without timers and repeats, which change nothing. `exactly`: with both, and through the bytes of the state; where
    the plan changes, who comes by first decides which plan sees a silence.
    """
    state, seen, fold = None, set(), folds[0]
    for each in applied:
        fold = folds[each.plan]
        state = fold.initial() if state is None else fold.decode(fold.encode(state)) if exactly else state
        if each.event is None:
            state, outputs = fold.expire(state, each.now) if exactly else (state, [])
        elif not exactly and identity(each.event) in seen:
            continue
        else:
            state, outputs = advance(fold, state, each.event)
            if Counted.DEAD not in outputs:  # what is refused is not remembered
                seen.add(identity(each.event))
        yield from outputs
    while state is not None and not exactly and (due := fold.deadline(state)) is not None:
        state, outputs = fold.expire(state, due)
        yield from outputs


def _story(random: Random) -> list[Event]:
    """Signals of one to four customers over one to four days."""
    customers = [
        (f"canary-{i}-{random.randrange(1000)}", random.choice((None, "home-1")))
        for i in range(random.randint(1, 4))
    ]
    days = random.randint(1, 4)
    events: list[Event] = []
    for number in range(random.randint(4, 28)):
        customer, household = random.choice(customers)
        events.append(_signal(random, f"s{number}", customer, household, days))
    return events


def _signal(random: Random, name: str, customer: str, household: str | None, days: int) -> Signal:
    kind = random.choice(("page_view", "page_view", "page_view", "alert", "nudge", "opt_out", "profile"))
    at = START + random.randrange(days * 24 * HOUR // SECOND) * SECOND
    placements = random.choice((("hero",), ("tile",), ("hero", "tile"), ())) if kind == "page_view" else ()
    return Signal(
        signal_id=name,
        customer_id=customer,
        household_id=household,
        occurred_at=moment(at),
        type=kind,
        channel="web" if kind == "page_view" else "core",
        brand=random.choice(("harbour", "quay")),
        placements=placements,
        attributes={"action": random.choice(("loan", "saver", "nonsense")), "note": "secret-note"},
        profile=_profile(random) if kind == "profile" or random.random() < 0.5 else None,
    )


def _profile(random: Random) -> dict[str, Any]:
    facts: dict[str, Any] = {"consent_email": True, "consent_sms": True, "vip": True, "age": 40}
    for fact in ("vulnerable", "bereaved", "financial_difficulty", "complaint_open"):
        if random.random() < 0.06:
            facts[fact] = random.choice((True, True, True, "yes", 1))
        elif random.random() < 0.2:
            facts[fact] = False
    for consent in ("consent_email", "consent_sms"):
        if random.random() < 0.1:
            facts[consent] = random.choice((False, None, "yes", 1))
    if random.random() < 0.3:
        facts["time_zone"] = random.choice(("America/New_York", "Asia/Kathmandu", "nowhere/at-all"))
    return facts


def _answers(random: Random, decision: Decision, now: Micros) -> Iterator[Outcome]:
    """What channels and customers say to a decision once it is out; some of it wrong."""
    for offer in decision.offers:
        for number in range(random.choice((0, 0, 1, 1, 2, 3))):
            at = max(now, micros(decision.decided_at)) + random.randrange(20 * HOUR // SECOND) * SECOND
            by_action = random.random() < 0.2
            yield Outcome(
                outcome_id=f"{decision.decision_id[:8]}-{offer.rank}-{number}",
                customer_id=decision.customer_id,
                household_id=decision.household_id,
                occurred_at=moment(at) + timedelta(microseconds=random.randrange(3)),
                kind=random.choice(_KINDS),
                decision_id=None if by_action else random.choice((decision.decision_id,) * 9 + ("unknown",)),
                rank=None if by_action else random.choice((offer.rank,) * 19 + (9,)),
                action=offer.action if by_action else None,
                attributes={"note": "secret-note"},
            )
