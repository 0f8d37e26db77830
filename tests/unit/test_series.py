"""Rolling series: edges of windows, order of arrival, what is forgotten and when."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features import series
from models.features.series import Latest, Series
from models.features.values import mark

LATE = 20


def fed(kind, events, late=LATE):
    """A series after the events, each taken in if it is within the horizon; and those that were taken in."""
    packed, clock, taken = None, -(10**6), []
    for at, tie, value in events:
        if at < clock - late:
            continue
        clock = max(clock, at)
        packed = kind.add(packed, at, tie, value, clock - late)
        taken.append((at, tie, value))
    return packed, clock, taken


def times(*ats):
    return [(at, str(i), None) for i, at in enumerate(ats)]


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [
        pytest.param(0, 10, 1, id="the-end-is-inside"),
        pytest.param(10, 20, 1, id="the-start-is-outside"),
        pytest.param(9, 20, 2, id="both"),
        pytest.param(10, 19, 0, id="between"),
        pytest.param(-5, 100, 2, id="all"),
        pytest.param(20, 10, 0, id="empty-window"),
    ],
)
def test_windows_are_open_at_the_start_and_closed_at_the_end(low, high, count):
    packed, _, _ = fed(Series(reach=100), times(10, 20))
    assert series.window_count(packed, low, high) == count


@pytest.mark.parametrize(
    ("reach", "keep_one", "kept"),
    [
        pytest.param(10, False, [75, 100], id="only-what-a-window-of-a-late-event-could-reach"),
        pytest.param(29, False, [75, 100], id="the-start-of-the-widest-window-is-outside"),
        pytest.param(30, False, [51, 75, 100], id="just-inside"),
        pytest.param(0, True, [75, 100], id="the-latest-before-the-horizon-is-kept"),
        pytest.param(6, True, [51, 75, 100], id="and-with-a-delay-the-one-before"),
    ],
)
def test_what_no_question_can_reach_is_forgotten(reach, keep_one, kept):
    ats = (10, 51, 75, 100)
    packed, _, _ = fed(Series(reach, keep_one), times(*ats))
    assert list(memoryview(packed[0]).cast("q")) == kept


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 60), st.text("abc", min_size=1, max_size=2), st.sampled_from([0.1, 0.2, 1e16, -1e16])
    ),
    unique_by=lambda event: event[:2],
    max_size=30,
)


@given(EVENTS, st.integers(0, 15), st.integers(1, 30))
def test_numbers_in_a_window_equal_brute_force_for_every_question_within_the_horizon(events, delay, width):
    packed, clock, taken = fed(Series(reach=delay + width), events)
    for at in range(clock - LATE, clock + 5) if taken else ():
        low, high = at - delay - width, at - delay
        values = [value for t, _, value in taken if low < t <= high]
        assert series.window_count(packed, low, high) == len(values)
        assert series.window_total(packed, low, high) == math.fsum(values)
        assert series.window_mean(packed, low, high) == (math.fsum(values) / len(values) if values else None)
        assert series.window_maximum(packed, low, high) == max(values, default=None)


@given(EVENTS, st.integers(0, 15), st.integers(1, 30))
def test_the_latest_value_in_a_window_equals_brute_force(events, delay, width):
    values, clock, taken = fed(Latest(reach=delay), events)
    seen, _, _ = fed(Series(reach=delay, keep_one=True), events)
    for at in range(clock - LATE, clock + 5) if taken else ():
        low, high = at - delay - width, at - delay
        latest = max((event for event in taken if low < event[0] <= high), default=None)
        assert series.window_last(values, low, high) == (latest[2] if latest else None)
        assert series.window_latest_at(seen, low, high) == (latest[0] if latest else None)


def test_different_values_are_counted_by_their_text():
    events = [(t, str(t), mark(value)) for t, value in enumerate(["a", "b", "a", 1, 1.0, True])]
    packed, _, _ = fed(Series(reach=100), events)
    assert series.window_distinct(packed, -1, 2) == 2
    assert series.window_distinct(packed, 2, 5) == 2  # 1 and true


def test_equal_times_are_ordered_by_id():
    values, _, _ = fed(Latest(reach=0), [(5, "b", 2.0), (5, "a", 1.0)])
    assert series.window_last(values, 0, 5) == 2.0


def test_a_series_keeps_the_newest_events_beyond_its_cap():
    many = series.MAX_SERIES + 10
    packed, _, _ = fed(Series(reach=10**6), times(*range(many)))
    assert series.window_count(packed, -1, many) == series.MAX_SERIES
    assert series.window_latest_at(packed, -1, many) == many - 1


def test_latest_values_keep_the_newest_beyond_their_cap():
    values, _, _ = fed(Latest(reach=0), [(t, "", float(t)) for t in range(series.MAX_LATEST + 5)], late=10**6)
    assert len(values) == series.MAX_LATEST
    assert series.window_last(values, -1, 10**6) == series.MAX_LATEST + 4


def test_adding_does_not_change_what_was_there():
    packed, _, _ = fed(Series(reach=100), [(10, "a", 1.0), (30, "b", 2.0)])
    before = list(packed)
    Series(reach=100).add(packed, 20, "c", 3.0, 0)
    assert packed == before


@pytest.mark.parametrize(
    "ask", [series.window_mean, series.window_maximum, series.window_latest_at, series.window_last]
)
def test_nothing_known_has_no_answer(ask):
    assert ask(None, 0, 10) is None


@pytest.mark.parametrize("ask", [series.window_count, series.window_total, series.window_distinct])
def test_nothing_known_counts_as_nothing(ask):
    assert ask(None, 0, 10) == 0
