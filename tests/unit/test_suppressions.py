"""Suppressions: K triggers within a rolling window pause an action, a group or an issue."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_bank import ACTIONS, RULES, START, Customer, day, plan, signal, verdicts

from models.ledger.fold import LedgerFold
from models.ledger.spots import plan_spots
from models.ledger.suppressions import Suppressions
from models.times import DAY, HOUR, SECOND
from schemas import OutcomeKind

REJECT = {"id": "no-means-no", "outcomes": ["Rejected"], "pause": "7d"}
OPT_OUT = {"id": "opt-out", "signal": "signal.type == 'opt_out'", "pause": "30d"}
PAUSED = ("ContactPoliciesActionSuppressions", "no-means-no")


def _rejected(customer, action, at):
    name = f"{action}{at}"
    assert customer.offered([action], at, name=name) == [action]
    customer.report(OutcomeKind.REJECTED, at, decision_id=f"d-{name}", outcome_id=name)


@pytest.mark.parametrize(
    ("pauses", "refused"),
    [
        ("action", {"loan"}),
        ("group", {"loan", "card"}),
        ("issue", {"loan", "card", "saver"}),
    ],
)
def test_an_outcome_pauses_what_the_rule_says(pauses, refused):
    customer = Customer(plan(suppressions=[{**REJECT, "pauses": pauses}]))
    _rejected(customer, "loan", day(0))
    found = verdicts(customer.decide(["loan", "card", "saver", "fraud-alert"], day(1)))
    assert {action for action, verdict in found.items() if verdict == PAUSED} == refused


def test_a_pause_ends_exactly_when_its_time_is_up():
    customer = Customer(plan(suppressions=[REJECT]))
    _rejected(customer, "loan", START)
    assert customer.offered(["loan"], START) == []
    assert customer.offered(["loan"], START + 7 * DAY - 1) == []
    assert customer.offered(["loan"], START + 7 * DAY) == ["loan"]


def test_of_two_pauses_the_later_end_counts():
    customer = Customer(plan(suppressions=[REJECT]))
    customer.decide(["loan"], day(0), name="a")
    customer.decide(["loan"], day(0.4), name="b")
    customer.report(OutcomeKind.REJECTED, day(0.5), decision_id="d-b")
    customer.report(OutcomeKind.REJECTED, day(0.45), decision_id="d-a")
    assert customer.offered(["loan"], day(7.5) - 1) == []
    assert customer.offered(["loan"], day(7.5)) == ["loan"]


def test_a_plan_that_pauses_for_less_does_not_end_a_longer_pause():
    customer = Customer(plan(suppressions=[REJECT]))
    customer.decide(["loan"], day(0), name="a")
    customer.decide(["loan"], day(0), name="b")
    customer.report(OutcomeKind.REJECTED, day(0.1), decision_id="d-a")
    customer.fold = LedgerFold.of(plan(suppressions=[{**REJECT, "pause": "1d"}]), "other", rules=RULES)
    customer.report(OutcomeKind.REJECTED, day(0.2), decision_id="d-b")
    assert customer.offered(["loan"], day(7.1) - 1) == []
    assert customer.offered(["loan"], day(7.1)) == ["loan"]


@settings(max_examples=200, deadline=None)
@given(
    times=st.integers(1, 3),
    within=st.integers(1, 5),
    pause=st.integers(1, 4),
    late=st.integers(0, 12),
    delays=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=8),
)
def test_what_is_forgotten_of_pauses_could_not_matter_any_more(times, within, pause, late, delays):
    rule = {**REJECT, "times": times, "within": f"{within}h", "pause": f"{pause}h"}
    suppressions = Suppressions(plan(suppressions=[rule]))
    kept, triggers, clock = [], [], START
    for step, behind in delays:
        clock += step * HOUR
        at, settled = clock - min(behind, late) * HOUR, clock - late * HOUR
        kept = suppressions.pruned(suppressions.trigger(kept, 0, "loan", at, settled), settled)
        triggers.append(at)
        enough = [
            last
            for last in triggers
            if sum(last - within * HOUR < other <= last for other in triggers) >= times
        ]
        for moment in range(settled, clock + 5 * HOUR, HOUR):
            paused = any(last <= moment < last + pause * HOUR for last in enough)
            assert bool(suppressions.active(kept, moment, "").everywhere) is paused


def test_a_decision_from_before_the_trigger_is_not_paused():
    customer = Customer(plan(suppressions=[REJECT]))
    _rejected(customer, "loan", START + HOUR)
    assert customer.offered(["loan"], START + HOUR - 1) == ["loan"]


@pytest.mark.parametrize(
    ("moments", "paused_after"),
    [
        ([0, 1, 2], True),
        ([0, 1], False),
        ([0, 1, 3.999], True),
        ([0, 1, 4], False),  # Exactly `within` apart: no window holds all three.
        ([2, 0, 1], True),
    ],
)
def test_it_takes_enough_triggers_within_the_window(moments, paused_after):
    rule = {**OPT_OUT, "times": 3, "within": "4h", "pause": "1d"}
    customer = Customer(plan(suppressions=[rule], session={"late": "5h"}))
    for moment in moments:
        customer.apply(signal(START + round(moment * HOUR), action="loan"))
    assert (customer.offered(["loan"], START + 5 * HOUR) == []) is paused_after


def test_triggers_of_all_actions_of_a_paused_group_count_together():
    customer = Customer(plan(suppressions=[{**REJECT, "times": 2, "pauses": "group"}]))
    _rejected(customer, "loan", day(0))
    _rejected(customer, "card", day(0.1))
    assert customer.offered(["loan", "card", "saver"], day(1)) == ["saver"]


@pytest.mark.parametrize(
    ("attributes", "offered"),
    [
        ({"action": "loan"}, []),
        ({"action": "card"}, ["loan"]),
        ({"action": "unknown"}, ["loan"]),
        ({"action": None}, ["loan"]),
        ({"action": 7}, ["loan"]),
        ({}, ["loan"]),
    ],
)
def test_a_signal_pauses_the_action_it_names(attributes, offered):
    customer = Customer(plan(suppressions=[OPT_OUT]))
    assert customer.apply(signal(day(0), **attributes)) == []
    assert customer.offered(["loan"], day(1)) == offered


def test_a_signal_that_does_not_meet_the_expression_pauses_nothing():
    customer = Customer(plan(suppressions=[OPT_OUT]))
    customer.apply(signal(day(0), "page_view", action="loan"))
    assert customer.offered(["loan"], day(1)) == ["loan"]


def test_only_outcomes_of_actions_in_scope_count():
    customer = Customer(plan(suppressions=[{**REJECT, "scope": {"groups": ["deposits"]}}]))
    _rejected(customer, "loan", day(0))
    assert customer.offered(["loan"], day(1)) == ["loan"]


def test_service_messages_are_never_paused():
    customer = Customer(plan(suppressions=[REJECT, OPT_OUT]))
    _rejected(customer, "fraud-alert", day(0))
    customer.apply(signal(day(0.1), action="fraud-alert"))
    assert customer.offered(["fraud-alert"], day(1)) == ["fraud-alert"]


def test_silence_pauses_where_it_is_listed():
    rule = {**REJECT, "outcomes": ["NoResponse"], "pause": "3d"}
    customer = Customer(plan(suppressions=[rule]))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    # The pause starts when the response window ends, once that is known.
    assert customer.offered(["loan"], day(1) + 2 * HOUR) == ["loan"]
    assert customer.offered(["loan"], day(1) + 2 * HOUR + 1) == []
    assert customer.offered(["loan"], day(4) - 1) == []


def test_suppressions_come_before_limits_and_in_the_order_written():
    limit = {"id": "cap", "at_most": 1, "per": "30d", "each": "customer"}
    customer = Customer(plan(suppressions=[OPT_OUT, REJECT], limits=[limit]))
    _rejected(customer, "loan", day(0))
    customer.apply(signal(day(0.1), action="card"))
    assert verdicts(customer.decide(["loan", "card", "saver"], day(1))) == {
        "loan": PAUSED,
        "card": ("ContactPoliciesActionSuppressions", "opt-out"),
        "saver": ("ContactPoliciesActionLimits", "cap"),
    }
    customer.apply(signal(day(1.1), action="loan"))
    assert verdicts(customer.decide(["loan"], day(1.2)))["loan"][1] == "opt-out"


def test_a_rule_that_left_the_plan_pauses_no_more():
    customer = Customer(plan(suppressions=[OPT_OUT]))
    customer.apply(signal(day(0), action="loan"))
    other = Customer(plan(suppressions=[REJECT]))
    other.state = customer.state
    assert other.offered(["loan"], day(1)) == ["loan"]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 12),
    st.integers(1, 12),
    st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=40),
)
def test_an_action_is_paused_exactly_by_the_triggers_known(times, within, pause, events):
    """Against the definition, with events up to `late` out of order and state pruned at each step."""
    late = 20
    rule = {**OPT_OUT, "times": times, "within": f"{within}s", "pause": f"{pause}s"}
    customer = Customer(plan(suppressions=[rule], session={"late": f"{late}s"}))
    known, clock = [], 0
    for number, (triggers, step) in enumerate(events):
        if step < clock - late:
            continue
        clock = max(clock, step)
        at = START + step * SECOND
        if triggers:
            customer.apply(signal(at, action="loan"))
            known.append(step)
        else:
            paused = any(
                last <= step < last + pause and sum(last - within < other <= last for other in known) >= times
                for last in known
            )
            assert (customer.offered(["loan"], at, name=f"n{number}") == []) is paused


def test_what_is_remembered_of_endless_triggers_is_bounded():
    rules = plan(suppressions=[{**OPT_OUT, "times": 2, "within": "1s", "pause": "1s"}])
    suppressions = Suppressions(rules)
    spot = plan_spots(rules)[0]
    assert spot.action == ACTIONS[0][0]
    pauses = []
    for number in range(500):
        at = START + number * SECOND // 2 * 3 + (number % 2) * SECOND
        pauses = suppressions.trigger(pauses, 0, spot.action, at, START)
    assert len(pauses) == 1
    assert len(pauses[0].triggers) <= 64
    assert len(pauses[0].spans) <= 16
