"""Sessions: the gap, late events, joining, declared ids, ends. Times are in minutes after START."""

from collections import Counter

import pytest
from context_plans import START, fold_of, outcome, run, sessions_of, signal
from hypothesis import given, settings
from hypothesis import strategies as st

from models.context.sessions import MAX_DEVICES, MAX_OPEN
from models.folds import Counted, advance
from models.times import MINUTE, NEVER, micros
from schemas import DecisionRequest

GAP = 30 * MINUTE
FOLD = fold_of(session={"gap": "30m", "late": "2h"})
DECLARED = fold_of(session={"by": "declared", "gap": "30m", "late": "2h"})


def views(*minutes, **more):
    return [signal(int(minute * MINUTE), f"e{minute}", **more) for minute in minutes]


def ended(fold, events):
    """Start, end and number of events of each session, in minutes, by start."""
    _, outputs = run(fold, events, end=True)
    return sorted(
        ((micros(s.started_at) - START) / MINUTE, (micros(s.ended_at) - START) / MINUTE, s.events)
        for s in sessions_of(outputs)
    )


@pytest.mark.parametrize(
    ("minutes", "sessions"),
    [
        pytest.param([0], [(0, 0, 1)], id="one-event"),
        pytest.param([0, 30], [(0, 30, 2)], id="exactly-the-gap-stays"),
        pytest.param(
            [0, 30 + 1e-6 / 60],
            [(0, 0, 1), (30 + 1e-6 / 60, 30 + 1e-6 / 60, 1)],
            id="one-microsecond-more-splits",
        ),
        pytest.param([0, 30, 60, 90], [(0, 90, 4)], id="a-chain-of-gaps"),
        pytest.param([0, 20, 10], [(0, 20, 3)], id="late-inside"),
        pytest.param([20, 0], [(0, 20, 2)], id="late-before"),
        pytest.param([0, 60, 30], [(0, 60, 3)], id="late-joins-two"),
        pytest.param([0, 60, 25], [(0, 25, 2), (60, 60, 1)], id="late-reaches-only-one"),
        pytest.param([0, 100, 50], [(0, 0, 1), (50, 50, 1), (100, 100, 1)], id="late-opens-one-in-the-past"),
        pytest.param([130, 10], [(10, 10, 1), (130, 130, 1)], id="exactly-the-horizon"),
        pytest.param([130, 10 - 1e-6 / 60], [(130, 130, 1)], id="one-microsecond-older-is-too-late"),
    ],
)
def test_sessions_by_the_gap(minutes, sessions):
    assert ended(FOLD, views(*minutes)) == [pytest.approx(session) for session in sessions]


def test_a_session_spans_devices_brands_and_channels():
    events = [
        signal(0, "a", channel="web", brand="north", device_id="phone"),
        signal(MINUTE, "b", "buy", channel="email", brand="south", device_id="laptop"),
        signal(2 * MINUTE, "c", channel="web", brand="north", device_id="phone", placements=("hero",)),
    ]
    (session,) = sessions_of(run(FOLD, events, end=True)[1])
    assert (session.channels, session.brands, session.devices) == (("email", "web"), ("north", "south"), 2)
    assert {each.type: each.events for each in session.by_type} == {"view": 2, "buy": 1}
    assert (session.events, session.decisions, session.duration_s) == (3, 1, 120.0)


def test_an_id_stays_when_a_late_event_becomes_the_first():
    ask = [signal(60 * MINUTE, "b", placements=("hero",)), signal(50 * MINUTE, "a", placements=("hero",))]
    _, outputs = run(FOLD, ask, end=True)
    summaries = [o.context.session for o in outputs if isinstance(o, DecisionRequest)]
    (session,) = sessions_of(outputs)
    assert {summary.session_id for summary in summaries} == {session.session_id}
    assert micros(summaries[1].started_at) == START + 50 * MINUTE


@pytest.mark.parametrize(("minutes", "kept"), [([0, 60, 30], 0), ([60, 0, 30], 60)])
def test_joined_sessions_keep_the_id_and_number_of_the_one_opened_first(minutes, kept):
    _, outputs = run(FOLD, views(*minutes), end=True)
    (alone,) = sessions_of(run(FOLD, views(kept), end=True)[1])
    (session,) = sessions_of(outputs)
    assert (session.session_id, session.number) == (alone.session_id, 1)


def test_all_sessions_are_joined_that_a_plan_with_a_longer_gap_finds_within_reach():
    state, _ = run(FOLD, views(0, 31, 62))
    assert len(state.sessions) == 3
    longer = fold_of(session={"gap": "60m", "late": "2h"})
    state, _ = advance(longer, longer.decode(FOLD.encode(state)), *views(32))
    (session,) = state.sessions
    assert (session.number, session.events, session.last_at - session.first_at) == (1, 4, 62 * MINUTE)


def test_sessions_are_numbered_as_they_open():
    numbers = [s.number for s in sessions_of(run(FOLD, views(0, 200, 150), end=True)[1])]
    assert numbers == [1, 3, 2]  # by start


def test_outcomes_and_profile_news_make_and_extend_no_session():
    news = signal(50 * MINUTE, "n", "profile", profile={"age": 40})
    assert ended(FOLD, [*views(0), outcome(20 * MINUTE, "o"), news, *views(40)]) == [(0, 0, 1), (40, 40, 1)]


def test_a_session_ends_only_when_nothing_within_the_horizon_can_extend_it():
    state, _ = run(FOLD, views(0))
    due = START + GAP + 120 * MINUTE + 1
    assert FOLD.deadline(state) == due
    assert FOLD.expire(state, due - 1)[1] == []
    after, outputs = FOLD.expire(state, due)
    assert len(sessions_of(outputs)) == 1
    assert FOLD.expire(after, NEVER)[1] == []  # once
    assert FOLD.deadline(after) is None


def test_an_event_that_comes_just_before_the_end_extends_the_session():
    horizon = 2 * 60
    assert ended(FOLD, views(0, 30 + horizon, 30)) == [(0, 30, 2), (30 + horizon, 30 + horizon, 1)]


def test_expiry_yields_sessions_by_start_and_does_not_depend_on_when_it_is_called():
    state, _ = run(FOLD, views(0, 100, 50))
    at_once = FOLD.expire(state, NEVER)[1]
    stepwise, outputs = state, []
    while (due := FOLD.deadline(stepwise)) is not None:
        stepwise, new = FOLD.expire(stepwise, due)
        outputs += new
    assert at_once == outputs
    assert [micros(s.started_at) - START for s in at_once] == [0, 50 * MINUTE, 100 * MINUTE]


def test_declared_sessions_are_kept_apart_and_interleave():
    one, other, none = ({"session_id": name} for name in ("one", "other", None))
    events = [*views(0, **one), *views(1, **other), *views(2, **none), *views(3, **one), *views(4, **none)]
    _, outputs = run(DECLARED, events, end=True)
    sessions = sessions_of(outputs)
    assert [s.events for s in sessions] == [2, 1, 2]
    assert [s.session_id for s in sessions][:2] == ["one", "other"]
    assert [s.number for s in sessions] == [1, 2, 3]


def test_declared_ids_mean_nothing_where_the_plan_goes_by_the_gap():
    assert ended(FOLD, [*views(0, session_id="one"), *views(1, session_id="other")]) == [(0, 1, 2)]


def test_a_stale_declared_id_is_a_dead_letter():
    fold = fold_of(session={"by": "declared", "gap": "30m", "late": "2h", "longest": "1d"})
    day = 24 * 60
    events = views(0, day, day + 1e-6 / 60, 100 * day, session_id="one")
    _, outputs = run(fold, events, end=True)
    assert Counter(o for o in outputs if isinstance(o, Counted)) == {Counted.OBSERVED: 2, Counted.DEAD: 2}
    assert [s.events for s in sessions_of(outputs)] == [1, 1]


@pytest.mark.parametrize(
    ("kinds", "start"),
    [
        pytest.param(["page_ping", "page_view"], -5, id="a-ping-first"),
        pytest.param(["page_view", "page_ping"], 0, id="a-ping-later"),
    ],
)
def test_a_session_starts_with_the_time_that_its_first_event_reports(kinds, start):
    fold = fold_of(session={"lead": {"page_ping": "5s"}})
    events = [signal(i * MINUTE, f"e{i}", kind) for i, kind in enumerate(kinds)]
    for arriving in (events, events[::-1]):
        (session,) = sessions_of(run(fold, arriving, end=True)[1])
        assert micros(session.started_at) == START + start * 1_000_000


def test_open_sessions_and_devices_are_bounded():
    many = [signal(i, f"e{i}", session_id=f"s{i}", device_id=f"d{i}") for i in range(MAX_OPEN + 3)]
    state, outputs = run(DECLARED, many)
    assert len(state.sessions) == MAX_OPEN
    assert [s.session_id for s in sessions_of(outputs)] == ["s0", "s1", "s2"]
    devices = [signal(i, f"e{i}", device_id=f"d{i}") for i in range(100)]
    (session,) = sessions_of(run(FOLD, devices, end=True)[1])
    assert session.devices == MAX_DEVICES


def brute_force(minutes):
    """Sessions of events at whole minutes: start, end and number of events."""
    parts = []
    for minute in sorted(minutes):
        if parts and minute - parts[-1][-1] <= 30:
            parts[-1].append(minute)
        else:
            parts.append([minute])
    return [(part[0], part[-1], len(part)) for part in parts]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["x", "y", None])), max_size=15))
def test_sessions_equal_brute_force_over_what_was_accepted_in_any_order(arriving):
    for fold in (FOLD, DECLARED):
        state, outputs, accepted = fold.initial(), [], []
        for index, (minute, name) in enumerate(arriving):
            event = signal(minute * MINUTE, f"e{index}", session_id=name)
            before = fold.encode(state)
            new, emitted = advance(fold, state, event)
            assert fold.encode(state) == before
            state, outputs = fold.decode(fold.encode(new)), outputs + emitted
            accepted += [(minute, name if fold is DECLARED else None)] * (Counted.DEAD not in emitted)
        outputs += fold.expire(state, NEVER)[1]
        found = sorted(
            ((micros(s.started_at) - START) / MINUTE, (micros(s.ended_at) - START) / MINUTE, s.events)
            for s in sessions_of(outputs)
        )
        names = {name for _, name in accepted}
        assert found == sorted(p for n in names for p in brute_force(m for m, name in accepted if name == n))
