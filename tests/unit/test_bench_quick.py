"""benchmarks.decide50.quick: a lost ratio fails, a slow machine and one bad minute do not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.decide50.jobs import JOBS
from benchmarks.decide50.quick import RATIOS, Least, judged, twice

WANTED = (Least("nextbeam", "naive-beam", 10.0), Least("folds", "plain-loop", 0.5))
GOOD = {"nextbeam": 10_000.0, "naive-beam": 900.0, "folds": 30_000.0, "plain-loop": 50_000.0}


def measurements(*found):
    """A stand-in for measuring: each call yields the next rates."""
    left = list(found)
    return (lambda: left.pop(0)), left


def test_what_holds_passes_at_once():
    measure, left = measurements(GOOD, GOOD)
    assert twice(measure, print, WANTED) == 0
    assert len(left) == 1


@pytest.mark.parametrize("job", ["nextbeam", "folds"])
def test_a_lost_ratio_fails(job, capsys):
    bad = GOOD | {job: GOOD[job] * 0.5}
    measure, left = measurements(bad, bad)
    assert twice(measure, print, WANTED) == 1
    assert not left
    assert f"LOST  {JOBS[job].label}" in capsys.readouterr().out


def test_one_bad_minute_is_measured_once_more():
    measure, left = measurements(GOOD | {"nextbeam": 5_000.0}, GOOD)
    assert twice(measure, print, WANTED) == 0
    assert not left


def test_what_held_the_first_time_is_not_asked_again():
    measure, _ = measurements(GOOD | {"nextbeam": 5_000.0}, GOOD | {"folds": 1.0})
    assert twice(measure, print, WANTED) == 0


def test_what_is_no_number_is_lost():
    assert judged(GOOD | {"folds": math.nan}, WANTED)[1].lost


@given(st.floats(0.01, 100.0))
def test_a_machine_of_any_speed_passes_or_fails_alike(speed):
    slower = {name: rate * speed for name, rate in GOOD.items()}
    assert [each.lost for each in judged(slower, WANTED)] == [each.lost for each in judged(GOOD, WANTED)]


def test_the_table_is_of_jobs_that_exist():
    assert {name for each in RATIOS for name in each[:2]} <= JOBS.keys()
