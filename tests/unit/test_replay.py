"""The audit replay of ledgers: records recompute bit for bit, and whatever was changed is found and named."""

import msgspec
import pytest
from bank_arrivals import PLAN, bank_arrivals, busy_days
from hypothesis import given, settings
from hypothesis import strategies as st
from replaying import changed, findings, leaves, named, recorded

from models.audit.findings import FindingKind
from models.audit.ledgers import Tally
from models.audit.seals import canonical, intact, sealed
from models.ledger.state import MOST_NOTES
from schemas import Decision, Feedback

RECORDS = recorded(busy_days(600, customers=12))
"""A fixed sample. No fixture: hypothesis would print all of it."""


@pytest.fixture
def records():
    return RECORDS


@settings(max_examples=60, deadline=None)
@given(events=bank_arrivals(), restarts=st.booleans(), timers=st.none() | st.integers(0, 99))
def test_every_record_recomputes_whatever_the_delivery(events, restarts, timers):
    records, tally = recorded(events, restarts=restarts, timers=timers), Tally()
    assert findings(records, tally=tally) == []
    assert tally.decisions == sum(isinstance(each, Decision) for each in records)
    assert tally.feedback == sum(isinstance(each, Feedback) for each in records)


@settings(max_examples=60, deadline=None)
@given(events=bank_arrivals(), seed=st.randoms(use_true_random=False))
def test_every_record_recomputes_when_events_arrive_twice_and_in_another_order(events, seed):
    shuffled = sorted(events * 2, key=lambda event: (event.occurred_at.hour // 2, seed.random()))
    assert findings(recorded(shuffled, timers=seed.randrange(99))) == []


def test_the_sample_has_some_of_everything(records):
    stages = {candidate.stage for each in records if isinstance(each, Decision) for candidate in each.ranked}
    assert len(stages) > 4
    assert {note.rule for each in records for note in each.notes} == {"opt-out"}
    assert len({each.ledger_since for each in records}) > 5
    assert {each.outcome for each in records if isinstance(each, Feedback)} > {
        "NoResponse",
        "Clicked",
        "Bounced",
    }


def test_a_restart_changes_no_record():
    events = busy_days(300)
    assert recorded(events, restarts=True) == recorded(events)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_that_is_changed_is_found_and_named(data):
    records = RECORDS
    position = data.draw(st.integers(0, len(records) - 1))
    was = records[position]
    path = data.draw(st.sampled_from(sorted(leaves(was), key=str)))
    now = changed(was, path)
    assert not intact(now)
    found = findings([*records[:position], now, *records[position + 1 :]])
    mine = [each for each in found if each.kind is FindingKind.RECORD_CHANGED]
    assert {each.record for each in mine} == {
        now.decision_id if isinstance(now, Decision) else now.feedback_id
    }
    assert {each.field for each in mine} & {named(path), "record"}


@pytest.mark.parametrize(
    "path",
    ["offers[0].priority", "ranked[1].stage", "ranked[1].rule", "model_digest",
     "removed[0].rule", "removed[0].actions[0]", "decision_id", "arm", "plan_digest"],
)  # fmt: skip
def test_a_changed_answer_is_named_by_its_field_with_what_it_was(records, path):
    was = next(
        each
        for each in records
        if isinstance(each, Decision)
        and any(named(leaf) == path for leaf in leaves(each))
        and (path != "ranked[1].rule" or each.ranked[1].rule)
    )
    leaf = next(leaf for leaf in leaves(was) if named(leaf) == path)
    found = findings([changed(was, leaf) if each is was else each for each in records])
    assert [(each.kind, each.field) for each in found] == [(FindingKind.RECORD_CHANGED, path)]
    assert repr(found[0].recorded) != repr(found[0].recomputed)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_record_that_is_gone_or_there_twice_is_found(data):
    records = RECORDS
    position = data.draw(st.integers(0, len(records) - 1))
    gone = records[position]
    twice = findings([*records, gone])
    assert [(each.kind, each.record) for each in twice] == [
        (FindingKind.SURPLUS, gone.decision_id if isinstance(gone, Decision) else gone.feedback_id)
    ]
    later = [
        each
        for each in records
        if (each.customer_id, each.ledger_since) == (gone.customer_id, gone.ledger_since)
        and each.ledger_sequence > gone.ledger_sequence
    ]
    left = findings([each for each in records if each is not gone])
    if later or (isinstance(gone, Feedback) and gone.outcome == "NoResponse"):
        assert FindingKind.MISSING in {each.kind for each in left}


def test_a_record_made_up_with_a_seal_of_its_own_does_not_follow_from_the_others(records):
    was = next(each for each in records if isinstance(each, Decision) and each.offers)
    better = msgspec.structs.replace(was.offers[0], priority=was.offers[0].priority + 1)
    forged = sealed(msgspec.structs.replace(was, offers=(better, *was.offers[1:]), seal=""))
    found = findings([forged if each is was else each for each in records])
    assert [(each.kind, each.field) for each in found] == [(FindingKind.DIFFERS, "offers[0].priority")]


def test_the_bytes_that_differ_are_counted(records):
    was = next(each for each in records if isinstance(each, Decision) and each.offers)
    now = msgspec.structs.replace(was, no_action="x")
    tally = Tally()
    findings([now if each is was else each for each in records], tally=tally)
    assert 0 < tally.mismatching_bytes <= len(canonical(was))


def test_records_of_another_plan_are_told_apart_from_changed_ones(records):
    other = [sealed(msgspec.structs.replace(each, plan_digest="0" * 16, seal="")) for each in records[:3]]
    tally = Tally()
    findings([*other, *records[3:]], tally=tally)
    assert tally.other_plans == {"0" * 16: 3}


def test_more_changes_by_signals_than_a_record_can_tell_of_stop_the_replay_and_say_so():
    events = (
        [each for each in busy_days(40, customers=1) if each.type != "opt_out"] if False else _opted_out()
    )
    found = findings(recorded(events))
    assert [each.kind for each in found] == [FindingKind.NOTES_LOST]


def _opted_out():
    first, *_, last = [
        each
        for each in busy_days(200, customers=1)
        if getattr(each, "placements", ()) and each.type == "page_view"
    ]
    opt_out = msgspec.structs.replace(
        first, type="opt_out", placements=(), attributes={"action": "personal-loan"}, page=None
    )
    many = [msgspec.structs.replace(opt_out, signal_id=f"n{number}") for number in range(MOST_NOTES + 1)]
    return [first, *many, msgspec.structs.replace(last, occurred_at=first.occurred_at, signal_id="after")]


def test_a_seal_covers_every_field(records):
    decision = next(each for each in records if isinstance(each, Decision) and each.offers)
    for path in leaves(decision):
        assert not intact(changed(decision, path)), path
    assert intact(decision)
    assert sealed(decision) == decision
    assert PLAN.load().plan.digest == decision.plan_digest
