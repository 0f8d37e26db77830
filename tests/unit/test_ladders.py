"""Ladders: counts per rung, and percentiles from them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.observability.ladders import LADDERS, Ladder
from transforms.metrics import Rungs

LADDER = Ladder("wait", "ms", (10, 100, 1000), "waits")
VALUES = st.lists(st.floats(0, 2000), min_size=1, max_size=50)


def climbed(values):
    places = [0] * (len(LADDER.bounds) + 1)
    for value in values:
        places[LADDER.place(value)] += 1
    return LADDER.added(places)


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (-5, ["wait_le_10ms", "wait_le_100ms", "wait_le_1000ms", "wait_total"]),
        (10, ["wait_le_10ms", "wait_le_100ms", "wait_le_1000ms", "wait_total"]),
        (10.001, ["wait_le_100ms", "wait_le_1000ms", "wait_total"]),
        (1000, ["wait_le_1000ms", "wait_total"]),
        (1000.1, ["wait_total"]),
        (math.inf, ["wait_total"]),
    ],
)
def test_a_value_counts_on_every_rung_that_holds_it(value, held):
    assert climbed([value]) == dict.fromkeys(held, 1)


@given(VALUES)
def test_a_rung_counts_what_is_at_most_its_bound(values):
    counted = climbed(values)
    for bound in LADDER.bounds:
        assert counted.get(LADDER.rung(bound), 0) == sum(value <= bound for value in values)
    assert counted[LADDER.total] == len(values)


@given(VALUES, st.floats(0.01, 1))
def test_a_percentile_lies_on_the_rung_of_the_value_it_stands_for(values, share):
    told = LADDER.percentile(climbed(values), share)
    rank = max(1, math.ceil(share * len(values) - 1e-9))
    true = sorted(values)[rank - 1]
    place = LADDER.place(true)
    bounds = (0, *LADDER.bounds, math.inf)
    assert bounds[place] <= told <= bounds[place + 1]


@given(VALUES, st.floats(0.01, 1), st.floats(0.01, 1))
def test_percentiles_grow_with_the_share(values, one, other):
    counted = climbed(values)
    low, high = sorted((one, other))
    assert LADDER.percentile(counted, low) <= LADDER.percentile(counted, high)


@pytest.mark.parametrize(
    ("counted", "share", "told"),
    [
        ({}, 0.5, None),
        ({"wait_total": 4}, 0.5, math.inf),
        ({"wait_le_10ms": 4, "wait_le_100ms": 4, "wait_le_1000ms": 4, "wait_total": 4}, 0.5, 5.0),
        ({"wait_le_10ms": 0, "wait_le_100ms": 4, "wait_le_1000ms": 4, "wait_total": 4}, 0.5, 55.0),
        ({"wait_le_10ms": 1, "wait_le_100ms": 1, "wait_le_1000ms": 3, "wait_total": 4}, 0.75, 1000.0),
        ({"wait_le_10ms": 1, "wait_le_100ms": 1, "wait_le_1000ms": 3, "wait_total": 4}, 0.76, math.inf),
        # read while it grows: a rung behind the one below it
        ({"wait_le_10ms": 4, "wait_le_100ms": 3, "wait_le_1000ms": 4, "wait_total": 4}, 1.0, 10.0),
    ],
)
def test_percentiles_are_interpolated_between_rungs(counted, share, told):
    assert LADDER.percentile(counted, share) == told


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        LADDER.percentile({}, share)


@pytest.mark.parametrize("bounds", [(), (2, 1), (1, 1), (0, 1)])
def test_bounds_ascend_above_nothing(bounds):
    with pytest.raises(ValueError, match="ascend"):
        Ladder("wait", "ms", bounds, "waits")


def test_there_is_no_counter_for_a_rung_that_is_not_there():
    with pytest.raises(ValueError, match="no rung at 11 ms"):
        LADDER.rung(11)


def test_a_bundle_that_failed_leaves_nothing_to_the_next():
    ladder = next(iter(LADDERS))
    rungs = Rungs(ladder)
    rungs.add(1.0)
    rungs.start()
    assert ladder.added(rungs._places) == {}
