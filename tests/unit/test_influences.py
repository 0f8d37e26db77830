"""Influences: outcomes raise or lower the priority of what comes next, and wear off."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_bank import ACTIONS, day, plan

from models.ledger.influences import MOST_BOOST, MOST_MARKS, Influences
from models.ledger.spots import plan_spots
from models.times import DAY, HOUR, MINUTE
from schemas.common import OutcomeKind

IDS = [row[0] for row in ACTIONS]
MAYBE = {"id": "maybe", "outcomes": ["Clicked"], "percent": 50, "half_life": "1d", "lasts": "2d"}
NO = {"id": "no", "label": "negative", "of": "group", "percent": -40, "lasts": "10d"}


def influences(*written, **changes):
    return Influences(plan(arbitration={"influences": list(written)}, **changes))


def spot(action):
    return plan_spots(plan())[IDS.index(action)]


def boosts(compiled, marks, at):
    return {IDS[index]: factor for index, factor in compiled.boosts(marks, at).items()}


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [
        (OutcomeKind.CLICKED, 0, {"loan": 1.5}),
        (OutcomeKind.CLICKED, DAY, {"loan": 1.25}),
        (OutcomeKind.CLICKED, 2 * DAY - 1, {"loan": pytest.approx(1.125)}),
        (OutcomeKind.CLICKED, 2 * DAY, {}),
        (OutcomeKind.CLICKED, -1, {}),
        (OutcomeKind.REJECTED, 0, {"loan": 0.6, "card": 0.6}),
        (OutcomeKind.REJECTED, 10 * DAY - 1, {"loan": 0.6, "card": 0.6}),
        (OutcomeKind.REJECTED, 10 * DAY, {}),
        (OutcomeKind.DELIVERED, 0, {}),
    ],
)
def test_an_outcome_moves_its_action_or_group_until_it_ends(kind, at, expected):
    compiled = influences(MAYBE, NO)
    marks = compiled.noted((), kind, spot("loan"), day(0))
    assert boosts(compiled, marks, day(0) + at) == expected


def test_several_outcomes_multiply():
    compiled = influences(MAYBE, NO)
    marks = compiled.noted((), OutcomeKind.CLICKED, spot("loan"), day(0))
    marks = compiled.noted(marks, OutcomeKind.CLICKED, spot("loan"), day(1))
    marks = compiled.noted(marks, OutcomeKind.REJECTED, spot("card"), day(1))
    assert boosts(compiled, marks, day(1)) == {"loan": 1.25 * 1.5 * 0.6, "card": 0.6}


def test_only_outcomes_in_scope_count():
    compiled = influences(MAYBE | {"scope": {"groups": ["deposits"]}, "of": "issue"})
    assert not compiled.noted((), OutcomeKind.CLICKED, spot("loan"), day(0))
    marks = compiled.noted((), OutcomeKind.CLICKED, spot("saver"), day(0))
    assert set(boosts(compiled, marks, day(0))) == {"loan", "card", "saver", "bond"}


def test_silence_is_negative_and_counts_once_it_is_sure():
    compiled = influences(NO, session={"late": "2h"})
    marks = compiled.noted((), OutcomeKind.NO_RESPONSE, spot("loan"), day(0))
    assert boosts(compiled, marks, day(0) + 2 * HOUR) == {}
    assert boosts(compiled, marks, day(0) + 2 * HOUR + 1) == {"loan": 0.6, "card": 0.6}


def test_no_factor_is_negative_or_endless():
    compiled = influences(
        {"id": "up", "outcomes": ["Clicked"], "percent": 10_000}, MAYBE | {"id": "off", "percent": -100}
    )
    marks = ()
    for minute in range(40):
        marks = compiled.noted(marks, OutcomeKind.CLICKED, spot("loan"), day(0) + minute * MINUTE)
    assert boosts(compiled, marks, day(0)) == {"loan": 0.0}
    only_up = influences({"id": "up", "outcomes": ["Clicked"], "percent": 10_000})
    marks = [mark for mark in marks if mark.influence == "up"]
    assert boosts(only_up, marks, day(0.5)) == {"loan": MOST_BOOST}


def test_memory_is_bounded_and_keeps_the_latest():
    compiled = influences(MAYBE)
    marks = ()
    for minute in range(MOST_MARKS + 10):
        marks = compiled.noted(marks, OutcomeKind.CLICKED, spot("loan"), day(0) + minute * MINUTE)
    assert len(marks) == MOST_MARKS
    assert marks[0].at == day(0) + 10 * MINUTE
    assert len(msgspec.msgpack.encode(tuple(marks))) / MOST_MARKS < 50


def test_what_has_ended_is_forgotten_and_so_are_influences_that_the_plan_no_longer_has():
    compiled = influences(MAYBE)
    marks = compiled.noted((), OutcomeKind.CLICKED, spot("loan"), day(0))
    assert compiled.needed_until(marks) == day(2)
    assert compiled.pruned(marks, day(2) - 1) == marks
    assert compiled.pruned(marks, day(2)) == []
    assert influences(NO).boosts(marks, day(0)) == {}
    assert influences(NO).pruned(marks, day(0)) == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([OutcomeKind.CLICKED, OutcomeKind.REJECTED, OutcomeKind.NO_RESPONSE]),
        st.sampled_from(IDS[:4]),
        st.integers(0, 5 * DAY),
    ),
    max_size=12,
)


@given(EVENTS, st.randoms(use_true_random=False), st.integers(0, 8 * DAY))
def test_arrival_order_does_not_matter(events, random, at):
    compiled = influences(MAYBE, NO)
    mixed = list(events)
    random.shuffle(mixed)

    def after(sequence):
        marks = ()
        for kind, action, when in sequence:
            marks = compiled.noted(marks, kind, spot(action), day(0) + when)
        return compiled.boosts(marks, day(0) + at)

    assert after(events) == after(mixed)


@given(EVENTS, st.integers(0, 8 * DAY), st.integers(0, 8 * DAY))
def test_forgetting_changes_no_decision_that_can_still_come(events, settled, later):
    compiled = influences(MAYBE, NO)
    marks = ()
    for kind, action, when in events:
        marks = compiled.noted(marks, kind, spot(action), day(0) + when)
    pruned = compiled.pruned(marks, day(0) + settled)
    at = day(0) + settled + later
    assert compiled.boosts(pruned, at) == compiled.boosts(marks, at)
