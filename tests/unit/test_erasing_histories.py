"""Customers erased at any point of histories in which delivery does its worst: promises hold, nothing comes back."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec
from delivery.invariants import CARE, PROMISES, accounted, bounded, caps, once, private, unnumbered
from delivery.plans import plans
from delivery.world import Applied, History, World, content, identity, replayed

from models.context.state import ContextState
from models.erasure import CLOSED, ERASE, NOTES, mark_kept
from models.folds import Counted, Noticed, Output, advance
from models.ledger import LedgerState
from models.times import DAY, MINUTE, Micros, micros, moment
from schemas import DeadLetter, Decision, Feedback, MessageClass, Outcome, SessionContext, Signal

SEEDS = range(260)
SHORTEST = timedelta(days=1)
"""How long the mark of an erasure is kept by the plan that keeps it for the shortest time."""
WORDS = (b"canary", b"secret", b"consent", b"vip", b"loan", b"saver", b"harbour", b"quay")


class ErasingWorld(World):
    """Some events are followed by the erasure of their customer, which may come late, twice or too late, too."""

    def __init__(self, seed: int, **others: Any) -> None:
        super().__init__(seed, **others)
        self.erased = 0

    def _send(self, event: Any, after: Micros) -> None:
        super()._send(event, after)
        if isinstance(event, Signal) and event.type != ERASE and self._random.random() < 0.1:
            at = micros(event.occurred_at) + self._random.choice((0, 1, 10 * MINUTE, 6 * 60 * MINUTE, DAY))
            erasure = Signal(
                signal_id=f"erase-{event.signal_id}",
                customer_id=event.customer_id,
                household_id=event.household_id,
                occurred_at=moment(at),
                type=ERASE,
                channel="desk",
                brand="any",
            )
            self._send(erasure, at)

    def _publish(self, output: Output, now: Micros) -> None:
        if isinstance(output, Noticed):
            self.erased += 1
        else:
            super()._publish(output, now)


@cache
def lived(seed: int) -> tuple[History, int]:
    """A history, and how often somebody was erased in it."""
    world = ErasingWorld(seed)
    return world.run(), world.erased


def erased(applied: Applied) -> bool:
    return isinstance(applied.event, Signal) and applied.event.type == ERASE


def followed(history: History) -> Iterator[tuple[Applied, Any, list[Output]]]:
    """Each event of each key as it was committed, the state after it and what the fold said."""
    for applied in history.applied.values():
        state = None
        for each in applied:
            fold = history.folds[each.plan]
            state = fold.initial() if state is None else fold.decode(fold.encode(state))
            if each.event is None:
                state, said = fold.expire(state, each.now)
            else:
                state, said = advance(fold, state, each.event)
            yield each, state, said


def kept(promise: Any, history: History) -> list[str]:
    """What breaks a promise, but for limits that hold back because they cannot know."""
    return [text for text in promise(history) if "after too few contacts" not in text]


def test_erasures_break_no_promise():
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        history, times = lived(seed)
        for promise in (accounted, once, caps, bounded, private):
            assert kept(promise, history) == [], (seed, promise.__name__)
        assert [text for text in PROMISES[8].broken(history) if "neither" not in text] == [], seed
        seen["erased"] += times
        seen["came back"] += len(_back(history))
    assert seen["erased"] > len(SEEDS)
    assert seen["came back"] > 100


def _back(history: History) -> list[Decision]:
    """Decisions for customers who were erased before."""
    gone = {each.event.customer_id for every in history.applied.values() for each in every if erased(each)}
    return [each for each in history.records(Decision) if each.customer_id in gone]


def test_limits_would_be_exceeded_if_an_erasure_reset_them():
    """The promise can be broken: contacts before an erasure matter after it."""

    class Reset(ErasingWorld):
        def _commit(self, fold: Any, states: Any, applied: Any, outputs: Any, now: Micros) -> None:
            fresh = {key: _without_marks(fold, state) for key, state in states.items()}
            super()._commit(fold, fresh, applied, outputs, now)

    assert any(kept(caps, Reset(seed).run()) for seed in range(60))


def _without_marks(fold: Any, state: Any) -> Any:
    members = {
        name: msgspec.structs.replace(own, ledger=msgspec.structs.replace(own.ledger, forgotten=-(2**62)))
        if own.ledger.erased is not None
        else own
        for name, own in state.members.items()
    }
    return msgspec.structs.replace(state, members=members, erased=-(2**62))


def test_nothing_of_a_customer_is_left_and_nothing_from_before_comes_back():
    seen = 0
    for seed in SEEDS:
        marks: dict[str, Micros] = {}
        for each, state, said in followed(lived(seed)[0]):
            who = each.event.customer_id if each.event is not None else ""
            if each.event is None:  # where the mark went, too, nothing in time can be from before it
                marks = {name: mark for name, mark in marks.items() if _marked(state, name)}
            if Noticed.ERASED in said:
                marks[who] = _gone(state.members[who])
                seen += 1
            elif who in marks and micros(each.event.occurred_at) <= marks[who]:
                assert [out for out in said if isinstance(out, Counted | DeadLetter | Decision)] in (
                    [Counted.OBSERVED],
                    [Counted.DUPLICATE],
                ), seed
            for output in said:
                if not erased(each):  # with it, what was due until then is said, and what it closes
                    assert not _of_before(output, marks), (seed, output)
    assert seen > len(SEEDS)


def _marked(state: Any, name: str) -> bool:
    return name in state.members and state.members[name].context.erased is not None


def _gone(member: Any) -> Micros:
    """The time that stays; nothing else does."""
    mark = member.context.erased
    assert mark is not None
    assert member.context == ContextState(clock=mark, erased=mark)
    ledger = msgspec.structs.replace(member.ledger, notes=(), due=None, since=0, sequence=0)
    late = ledger.erased
    assert ledger == LedgerState(clock=late, since=0, forgotten=late, erased=late)
    written = msgspec.msgpack.encode(member.context) + msgspec.msgpack.encode(member.ledger)
    assert not [word for word in WORDS if word in written]
    return mark


def _of_before(output: Output, marks: dict[str, Micros]) -> bool:
    mark = marks.get(getattr(output, "customer_id", ""), -(2**62))
    if isinstance(output, Feedback):
        return micros(output.decided_at) <= mark
    if isinstance(output, SessionContext):
        return micros(output.ended_at) <= mark
    return isinstance(output, Decision) and micros(output.decided_at) <= mark


def test_no_marketing_without_what_was_told_since():
    """Where no timers move clocks, it is known which events an erasure covers."""
    forbidden, made = [], 0
    for seed in SEEDS:
        history, _ = lived(seed)
        if history.faults.timer:
            continue
        facts: dict[str, dict[str, tuple[Micros, int, object]]] = {}
        marks: dict[str, Micros] = {}
        for order, (each, state, said) in enumerate(followed(history)):
            if not isinstance(each.event, Signal):
                continue
            who = each.event.customer_id
            if Noticed.ERASED in said:
                facts[who], marks[who] = {}, state.members[who].context.erased
            at = micros(each.event.occurred_at)
            if at > marks.get(who, 0) and each.event.type != ERASE:
                for name, value in (each.event.profile or {}).items():
                    known = facts.setdefault(who, {}).get(name)
                    if known is None or (at, order) >= known[:2]:
                        facts[who][name] = (at, order, value)
            for decision in said:
                if isinstance(decision, Decision) and who in marks:
                    made += 1
                    forbidden += _forbidden(decision, {n: told[2] for n, told in facts.get(who, {}).items()})
    assert made > 50
    assert forbidden == []


def _forbidden(decision: Decision, facts: dict[str, object]) -> Iterator[str]:
    for offer in decision.offers:
        if offer.message_class is MessageClass.MARKETING:
            if any(facts.get(fact) not in (False, None) for fact in CARE):
                yield f"{offer.action} although a circumstance holds"
            if offer.channel in ("email", "sms") and facts.get(f"consent_{offer.channel}") is not True:
                yield f"{offer.action} by {offer.channel} without consent"


def _plain(record: Output) -> Output:
    """Without notes of erasures: the next record tells of one, and a timer decides which one that is."""
    record = unnumbered(record)
    if not isinstance(record, Decision | Feedback):
        return record
    return msgspec.structs.replace(record, notes=tuple(n for n in record.notes if n.rule not in NOTES))


def test_neither_timers_nor_repeats_nor_restarts_matter():
    """But for an erasure that comes again when its mark is gone, and with it all that could tell so."""
    again = 0
    for seed in SEEDS:
        history, _ = lived(seed)
        obeyed = Counter(
            identity(each.event) for each, _, said in followed(history) if Noticed.ERASED in said
        )
        if max(obeyed.values(), default=0) > 1:
            again += 1
            continue
        exactly = history.faults.change_plan > 0
        expected = {
            content(_plain(output))
            for applied in history.applied.values()
            for output in replayed(history.folds, applied, exactly=exactly)
            if not isinstance(output, Counted | Noticed)
        }
        assert {content(_plain(each)) for each in history.distinct.values()} == expected, seed
    assert again < len(SEEDS) // 20


def test_whoever_is_erased_and_never_seen_again_leaves_no_state():
    """Answers to what was offered before are no news of the customer."""
    assert min(mark_kept(plan.spec) for plan in plans()) == SHORTEST // timedelta(microseconds=1)
    left = 0
    for seed in SEEDS:
        history, _ = lived(seed)
        faults = history.faults
        if faults.timer and (faults.repeat or faults.crash or faults.lost_ack):
            continue  # here watermarks do not wait for what is delivered again, and may pass the mark before it comes
        blank = history.folds[0].encode(history.folds[0].initial())
        for key, applied in history.applied.items():
            told = sorted(
                (each for each in applied if isinstance(each.event, Signal)),
                key=lambda each: (each.event.occurred_at, not erased(each)),
            )
            last = {each.event.customer_id: each for each in told}
            answers = [each.event for each in applied if isinstance(each.event, Outcome)]
            in_time = all(
                answer.customer_id in last
                and answer.occurred_at <= last[answer.customer_id].event.occurred_at + SHORTEST
                for answer in answers
            )
            if in_time and all(erased(each) for each in last.values()):
                assert history.states[key] == blank, (seed, key)
                left += 1
    assert left > 10


def test_offers_are_closed_once_and_say_nothing():
    closed = [
        each
        for seed in SEEDS
        for each in lived(seed)[0].records(Feedback)
        if each.feedback_id.endswith(f":{CLOSED}")
    ]
    assert len(closed) > 50
    assert {(each.label, each.outcome) for each in closed} == {(None, "Expired")}
    assert all(each.occurred_at - each.decided_at >= timedelta(0) for each in closed)
