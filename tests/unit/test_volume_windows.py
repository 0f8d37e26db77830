"""Windows of volume constraints, against counting from scratch."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.times import DAY, HOUR, MINUTE, micros, moment
from models.volumes import windows
from models.volumes.windows import Calendar, Rolling

ZONES = [
    "Europe/London",
    "America/St_Johns",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
]
FROM, UNTIL = (
    micros(datetime(2005, 1, 1, tzinfo=ZoneInfo("UTC"))),
    micros(datetime(2030, 1, 1, tzinfo=ZoneInfo("UTC"))),
)


def local(text, zone="Europe/London", fold=0):
    return micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold))


@given(
    times=st.lists(st.integers(0, 40), max_size=30),
    asked=st.integers(0, 40),
    length=st.integers(1, 15),
    removed=st.lists(st.integers(0, 40), max_size=8),
)
def test_a_rolling_window_is_the_fullest_that_contains_the_moment_in_any_order(times, asked, length, removed):
    window, known = Rolling(length, exact=True), []
    for at in times:
        window.add(at)
        known.append(at)
    for at in removed:
        window.remove(at)
        if at in known:
            known.remove(at)
    starts = range(asked - length + 1, asked + 1)
    assert window.fullest(asked) == max(sum(start <= at < start + length for at in known) for start in starts)
    for ahead in (0, length // 2, length):
        assert window.spent(asked, ahead) == sum(asked + ahead - length < at <= asked for at in known)


@given(times=st.lists(st.integers(0, 3 * DAY), max_size=40), asked=st.integers(0, 3 * DAY))
def test_a_rolling_window_kept_in_steps_never_counts_too_few_and_hardly_too_many(times, asked):
    coarse, exact, wider = (
        Rolling(DAY, exact=False),
        Rolling(DAY, exact=True),
        Rolling(DAY + DAY // 2000, exact=True),
    )
    for at in times:
        for window in (coarse, exact, wider):
            window.add(at)
    assert exact.fullest(asked) <= coarse.fullest(asked) <= wider.fullest(asked)


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_too_old_to_be_remembered_counts_as_full(monkeypatch, exact):
    monkeypatch.setattr(windows, "MOST", 100)
    window = Rolling(HOUR, exact=exact)
    for number in range(1000):
        window.add(number * MINUTE)
    assert window.fullest(10 * MINUTE) is None
    assert window.fullest(999 * MINUTE) in (60, 61)
    window.add(5 * MINUTE)
    window.remove(6 * MINUTE)
    assert window.fullest(999 * MINUTE) in (60, 61)


def test_few_windows_of_a_calendar_are_remembered(monkeypatch):
    monkeypatch.setattr(windows, "MOST", 10)
    window = Calendar("hour", ZoneInfo("UTC"))
    for number in range(30):
        window.add(number * HOUR)
    assert window.fullest(0) is None
    assert window.fullest(29 * HOUR) == 1


@pytest.mark.parametrize("window", [Rolling(DAY, exact=True), Calendar("day", ZoneInfo("Europe/London"))])
def test_an_unknown_past_counts_as_full_until_it_no_longer_counts(window):
    begun = local("2026-11-21 15:00")
    window.unknown_before(begun)
    assert [window.fullest(at) for at in (begun, local("2026-11-21 23:59"))] == [None, None]
    window.add(local("2026-11-21 16:00"))
    tomorrow = local("2026-11-22 15:00")
    assert window.fullest(tomorrow) is not None


@pytest.mark.parametrize(
    ("every", "at", "begins", "ends"),
    [
        ("day", "2026-03-29 12:00", "2026-03-29 00:00", "2026-03-30 00:00"),
        ("day", "2026-10-25 23:59", "2026-10-25 00:00", "2026-10-26 00:00"),
        ("week", "2026-10-25 12:00", "2026-10-19 00:00", "2026-10-26 00:00"),
        ("week", "2026-10-26 00:00", "2026-10-26 00:00", "2026-11-02 00:00"),
        ("month", "2026-02-28 12:00", "2026-02-01 00:00", "2026-03-01 00:00"),
        ("month", "2026-12-31 23:59", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("hour", "2026-07-01 09:59", "2026-07-01 09:00", "2026-07-01 10:00"),
    ],
)
def test_calendar_windows_follow_the_clock_on_the_wall(every, at, begins, ends):
    window = Calendar(every, ZoneInfo("Europe/London"))
    assert window.span(local(at)) == (local(begins), local(ends))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-06-01", 24), ("2026-10-25", 25)])
def test_a_day_has_as_many_hours_as_the_clocks_give_it(day, hours):
    whole, hourly = Calendar("day", ZoneInfo("Europe/London")), Calendar("hour", ZoneInfo("Europe/London"))
    begins, ends = whole.span(local(f"{day} 12:00"))
    assert (ends - begins) // HOUR == hours
    spans = {hourly.span(at) for at in range(begins, ends, 10 * MINUTE)}
    assert len(spans) == hours
    assert {end - begin for begin, end in spans} == {HOUR}


@given(
    zone=st.sampled_from(ZONES),
    every=st.sampled_from(["hour", "day", "week", "month"]),
    at=st.integers(FROM, UNTIL),
    other=st.integers(0, 40 * DAY),
)
def test_calendar_windows_cover_every_moment_once_whatever_was_asked_before(zone, every, at, other):
    fresh, used = Calendar(every, ZoneInfo(zone)), Calendar(every, ZoneInfo(zone))
    used.span(at - other)
    begins, ends = fresh.span(at)
    assert begins <= at < ends
    assert used.span(at) == (begins, ends)
    assert fresh.span(begins) == fresh.span(ends - 1) == (begins, ends)
    assert fresh.span(ends).begins == ends
    assert fresh.span(begins - 1).ends == begins
    if every != "hour":
        assert moment(begins).astimezone(ZoneInfo(zone)).hour in (
            0,
            1,
        )  # 1 where the clocks go forward at midnight


@given(
    times=st.lists(st.integers(FROM, FROM + 9 * DAY), max_size=30), asked=st.integers(FROM, FROM + 9 * DAY)
)
def test_a_calendar_window_counts_what_is_in_it_in_any_order(times, asked):
    window = Calendar("day", ZoneInfo("America/Santiago"))
    for at in times:
        window.add(at)
    begins, ends = window.span(asked)
    assert window.fullest(asked) == window.spent(asked, 0) == sum(begins <= at < ends for at in times)
    for at in times:
        window.remove(at)
    window.remove(asked)
    assert window.fullest(asked) == 0
