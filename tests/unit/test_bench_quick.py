"""benchmarks.decide50.quick: a lost ratio fails, a slow machine and one bad minute do not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.decide50 import quick
from benchmarks.decide50.__main__ import main
from benchmarks.decide50.jobs import JOBS
from benchmarks.decide50.quick import RATIOS, RATIOS_WITHOUT_KERNEL, Least, judged, twice
from benchmarks.decide50.running import Spent

WANTED = (Least("nextbeam", "naive-beam", 11.0), Least("folds", "plain-loop", 0.6))
GOOD = {"nextbeam": 10_000.0, "naive-beam": 900.0, "folds": 30_000.0, "plain-loop": 50_000.0}


def measurements(*found):
    """A stand-in for measuring: each call yields the next rates."""
    left = list(found)
    return (lambda _: left.pop(0)), left


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
    asked, left = [], [GOOD | {"nextbeam": 5_000.0}, GOOD | {"folds": 1.0}]

    def measure(wanted):
        asked.append([each.one for each in wanted])
        return left.pop(0)

    assert twice(measure, print, WANTED) == 0
    assert asked == [["nextbeam", "folds"], ["nextbeam"]]


def test_the_command_fails_when_a_ratio_is_lost(monkeypatch, tmp_path):
    """All but the jobs themselves is real: their CPU seconds are made up, and their outputs are not compared."""

    def spend(_, measured, *__):
        for job in measured:
            cpu_s = 1.0 if job.name == "naive-beam" else 0.9
            job.starts.append(Spent(0.0, 0.0, 0.0, 1))
            job.runs.append(Spent(cpu_s, 0.0, 0.0, 1))

    monkeypatch.setattr(quick, "one_round", spend)
    monkeypatch.setattr(quick, "same", lambda *_: [])
    monkeypatch.setattr(quick, "built", lambda: True)
    monkeypatch.setattr(quick, "EVENTS", 200)
    monkeypatch.setattr(quick, "CUSTOMERS", 50)
    assert main(["--quick", "--out", str(tmp_path)]) == 1
    monkeypatch.setattr(quick, "SHARE", 0.01)
    assert main(["--quick", "--out", str(tmp_path)]) == 0


def test_without_a_kernel_only_what_needs_none_is_asked(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(quick, "built", lambda: False)
    monkeypatch.setattr(quick, "EVENTS", 200)
    monkeypatch.setattr(quick, "CUSTOMERS", 50)
    monkeypatch.setattr(quick, "twice", lambda _, __, wanted: asked.extend(wanted) or 0)
    assert quick.check(tmp_path, print) == 0
    assert [each.one for each in asked] == ["folds-plain"]


def test_what_is_no_number_is_lost():
    assert judged(GOOD | {"folds": math.nan}, WANTED)[1].lost


@given(st.floats(0.01, 100.0))
def test_a_machine_of_any_speed_passes_or_fails_alike(speed):
    slower = {name: rate * speed for name, rate in GOOD.items()}
    assert [each.lost for each in judged(slower, WANTED)] == [each.lost for each in judged(GOOD, WANTED)]


def test_the_table_is_of_jobs_that_exist():
    assert {name for each in RATIOS + RATIOS_WITHOUT_KERNEL for name in each[:2]} <= JOBS.keys()
