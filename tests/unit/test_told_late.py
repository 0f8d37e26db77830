"""A signal that pauses something does so however late it is told, though its event can no longer be decided."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import pytest
from delivery.world import History, World, key_of
from metamorphic_bank import (
    START,
    Event,
    known,
    limit,
    loaded,
    offered,
    outputs,
    pause,
    request,
    selling,
    signal,
)
from replaying import findings, recorded

from models.folds import Counted, advance
from models.plan.compiled import Plan
from models.times import duration, micros
from schemas import CandidateSet, DeadLetter, Decision, DecisionRequest, MessageClass, Outcome, Reason, Signal

LATE = {"session": {"late": "2h"}}
HISTORIES = range(400)


@pytest.fixture
def plan(tmp_path):
    """Loads a plan from its text."""
    return lambda rules: loaded(rules, tmp_path)


def said(number: int | str, hours: float, **fields: str) -> Signal:
    """The customer wants to hear no more of loans."""
    return signal(number, hours, type="opt_out", attributes={"action": "loan"}, **fields)


def opt_out(name: str = "opt-out", hours: float = 48, **fields: object) -> dict[str, object]:
    return {**pause(name, hours, "action"), "signal": "signal.type == 'opt_out'", **fields}


def told(at: datetime) -> list[Event]:
    """An opt-out told three hours late, and requests before it, after it, and at the end of its pause."""
    end = at + timedelta(hours=48)
    return [
        known(),
        request(0, 0),
        request(1, 3),
        said("late", 0, occurred_at=at),
        request(2, 4),
        request(3, 5, occurred_at=end - timedelta(microseconds=1)),
        request(4, 5, occurred_at=end),
    ]


def chained(plan: Plan, events: list[Event]) -> list[object]:
    """What the steps say as two keyed folds, one after the other."""
    folds = plan.context_fold(), plan.ledger_fold()
    context, ledger = (fold.initial() for fold in folds)
    found: list[object] = []
    for event in events:
        context, emitted = advance(folds[0], context, event)
        for each in emitted:
            candidates = plan.funnel.candidates(each) if isinstance(each, DecisionRequest) else each
            if isinstance(candidates, CandidateSet | Signal | Outcome):
                ledger, outcome = advance(folds[1], ledger, candidates)
                found += outcome
            else:
                found.append(each)
    return found


@pytest.mark.parametrize("times", [1, 2], ids=["at-once", "at-the-second"])
def test_an_opt_out_told_too_late_is_a_dead_letter_and_pauses_from_its_time_on(plan, times):
    bank = plan({**selling(suppressions=[opt_out(times=times, within="30d")]), **LATE})
    events = told(START + timedelta(hours=0.5))
    if times == 2:
        events.insert(3, said("first", 0.25))
    found = outputs(bank, events)
    decided = [offered(each) for each in found if isinstance(each, Decision)]
    assert decided == [["loan"], ["loan"], ["card"], ["card"], ["loan"]]
    letters = [each for each in found if isinstance(each, DeadLetter)]
    assert [each.reason for each in letters] == [Reason.TOO_LATE] * times
    assert sum(isinstance(each, Counted) for each in found) == len(events)
    assert found.count(Counted.DEAD) == times


def test_an_opt_out_told_too_late_twice_counts_once(plan):
    bank = plan({**selling(suppressions=[opt_out(times=2, within="30d")]), **LATE})
    events = [known(), request(0, 3), said("late", 0), said("late", 0), request(1, 4)]
    found = outputs(bank, events)
    assert [offered(each) for each in found if isinstance(each, Decision)] == [["loan"], ["loan"]]
    assert [each for each in found if isinstance(each, Counted)].count(Counted.DUPLICATE) == 1
    assert [each for each in found if isinstance(each, Counted)].count(Counted.DEAD) == 1


def test_what_is_too_late_and_pauses_nothing_stays_without_effect(plan):
    bank = plan({**selling(suppressions=[opt_out()]), **LATE})
    quiet = [known(), request(0, 3), request(1, 4)]
    late = [*quiet[:2], signal("late", 0), quiet[2]]
    assert [each for each in outputs(bank, late) if isinstance(each, Decision)] == [
        each for each in outputs(bank, quiet) if isinstance(each, Decision)
    ]


def test_both_compositions_hear_of_it(plan):
    bank = plan({**selling(suppressions=[opt_out()]), **LATE})
    events = told(START + timedelta(hours=0.5))
    fold = bank.decide_fold()
    state, fused = fold.initial(), []
    for event in events:
        state, some = advance(fold, state, event)
        fused += some
    assert sorted(map(repr, fused)) == sorted(map(repr, chained(bank, events)))


@pytest.mark.parametrize("timers", [None, 1, 2, 3])
@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("whose", ["customer", "household"])
def test_a_replay_knows_of_it_from_the_records_alone(plan, timers, restarts, whose):
    bank = plan({**selling(suppressions=[opt_out()], limits=[limit("many", 9, 1, whose=whose)]), **LATE})
    events = [
        msgspec.structs.replace(each, customer_id=customer, signal_id=f"{each.signal_id}-{customer}")
        for each in told(START + timedelta(hours=0.5))
        for customer in ("ana", "ben")
    ]
    at_home = [msgspec.structs.replace(each, household_id="home") for each in events]
    arrived = [each for each in at_home if each.signal_id != "slate-ben"]
    records = recorded(arrived, plan=bank, timers=timers, restarts=restarts)
    (note,) = [note for record in records for note in record.notes]
    assert (note.rule, note.noted_at) == ("opt-out", START + timedelta(hours=0.5))
    assert findings(records, plan=bank) == []


def paused_offers(history: History) -> Iterator[str]:
    """Marketing that the customer had opted out of by then: told in time, late, again or out of order."""
    (rule,) = {
        rule for spec in history.promised.values() for rule in spec.contact.suppressions if rule.signal
    }
    length = duration(rule.pause)
    for key, applied in history.applied.items():
        decided = {each.signal_id: each for each in history.records(Decision) if key_of(each) == key}
        since: dict[tuple[str, str], list[int]] = {}
        for each in applied:
            event = each.event
            if not isinstance(event, Signal):
                continue
            if event.type == "opt_out":
                pauses = since.setdefault((event.customer_id, str(event.attributes["action"])), [])
                pauses.append(micros(event.occurred_at))
            decision = decided.pop(event.signal_id, None)
            for offer in decision.offers if decision else ():
                at = micros(event.occurred_at)
                known_of = since.get((event.customer_id, offer.action), ())
                if offer.message_class == MessageClass.MARKETING and any(
                    begun <= at < begun + length for begun in known_of
                ):
                    yield f"seed {history.seed}: {offer.action} at {at}"


def late_opt_outs(history: History) -> int:
    letters = [each for each in history.records(DeadLetter) if each.reason == Reason.TOO_LATE]
    return sum(b'"opt_out"' in each.payload for each in letters)


def test_no_delivery_offers_what_the_customer_opted_out_of():
    histories = [World(seed).run() for seed in HISTORIES]
    assert sum(map(late_opt_outs, histories)) > 5
    assert [text for history in histories for text in paused_offers(history)] == []
