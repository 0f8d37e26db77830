from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from closed_bank import MARKETING, OTHERS, gates, plan, refused, request
from hypothesis import given, settings
from hypothesis import strategies as st

ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
AGREED = {"consent_mail": True, "consent_text": True}
STEP = timedelta(minutes=15)


def quiet_plan(begins="21:00", ends="08:00", **more):
    return plan(contact={"quiet_hours": [{"id": "night", "begins": begins, "ends": ends, **more}]})


def held(spec, at, zone=None, channel="mail"):
    customer = {**AGREED, "time_zone": zone} if zone else AGREED
    return refused(spec, request(customer, at=at), channel)


def by_the_book(at, zone, begins, ends, days):
    """Clocks in `zone` show a time from the beginning of quiet hours on one of `days` up to their end, exclusively."""
    shown = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for day in (shown.date(), shown.date() - timedelta(days=1)):
        first = datetime.combine(day, begins)
        last = datetime.combine(day if begins < ends else day + timedelta(days=1), ends)
        if day.weekday() in days and first <= shown < last:
            return True
    return False


def year(number):
    start = datetime(number, 1, 1, tzinfo=UTC)
    return [start + count * STEP for count in range(366 * 24 * 4)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("begins", "ends"),
    [("21:00", "08:00"), ("01:15", "02:45"), ("00:00", "01:30"), ("23:30", "00:15"), ("02:00", "03:00")],
)
def test_a_whole_year_of_quarter_hours_is_quiet_as_clocks_show_it(zone, begins, ends):
    built = gates(quiet_plan(begins, ends))
    first, last = time.fromisoformat(begins), time.fromisoformat(ends)
    wrong = [
        at
        for at in year(2017 if zone == "America/Sao_Paulo" else 2026)
        if bool(built.refused(request({**AGREED, "time_zone": zone}, at=at), "mail"))
        != by_the_book(at, zone, first, last, range(7))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("zone", "noon_before", "hours"),
    [
        pytest.param("Europe/London", "2026-03-27T12:00", 11, id="an-ordinary-night"),
        pytest.param("Europe/London", "2026-03-28T12:00", 10, id="clocks-go-forward-in-it"),
        pytest.param("Europe/London", "2026-10-24T12:00", 12, id="clocks-go-back-in-it"),
        pytest.param("America/New_York", "2026-03-07T12:00", 10, id="forward-in-new-york"),
        pytest.param("America/New_York", "2026-10-31T12:00", 12, id="back-in-new-york"),
        pytest.param("Australia/Lord_Howe", "2026-04-04T12:00", 11.5, id="back-by-half-an-hour"),
        pytest.param("Australia/Lord_Howe", "2026-10-03T12:00", 10.5, id="forward-by-half-an-hour"),
        pytest.param("Asia/Kathmandu", "2026-03-28T12:00", 11, id="no-change-ever"),
    ],
)
def test_a_night_lasts_from_nine_to_eight_by_the_clock(zone, noon_before, hours):
    spec = quiet_plan()
    noon = datetime.fromisoformat(noon_before).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    quarters = [noon + count * STEP for count in range(4 * 24)]
    built = gates(spec)
    quiet = [at for at in quarters if built.refused(request({**AGREED, "time_zone": zone}, at=at), "mail")]
    assert len(quiet) / 4 == hours
    assert quiet == [quiet[0] + count * STEP for count in range(len(quiet))]


NEAR_CHANGES = st.sampled_from(
    [
        ("Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2017, 10, 15, 3, tzinfo=UTC)),  # midnight is skipped
        ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),  # the day ends twice
        ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
    ]
)
CLOCKS = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@settings(max_examples=400, deadline=None)
@given(
    NEAR_CHANGES,
    st.timedeltas(-timedelta(hours=30), timedelta(hours=30)),
    CLOCKS,
    CLOCKS,
    st.sets(st.integers(0, 6), min_size=1),
)
def test_around_changes_of_the_clock_every_microsecond_is_as_clocks_show_it(change, away, begins, ends, days):
    zone, moment = change
    if begins == ends:
        return
    names = [WEEKDAYS[day] for day in sorted(days)]
    spec = quiet_plan(f"{begins:%H:%M}", f"{ends:%H:%M}", days=names)
    at = moment + away
    assert bool(held(spec, at, zone)) is by_the_book(at, zone, begins, ends, days)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param("Asia/Kathmandu", True, id="their-own-clock"),
        pytest.param(None, False, id="without-one-the-plan's"),
        pytest.param("Middle/Earth", False, id="an-unknown-zone-is-none"),
        pytest.param("../../etc/passwd", False, id="a-path-is-no-zone"),
        pytest.param("", False, id="nothing-is-no-zone"),
        pytest.param("Europe", False, id="a-folder-of-zones-is-no-zone"),
        pytest.param(7, False, id="a-number-is-no-zone"),
        pytest.param("Europe/London\0", False, id="nor-is-anything-with-a-nul"),
    ],
)
def test_quiet_hours_go_by(zone, expected):
    at = datetime(2026, 6, 1, 16, tzinfo=UTC)  # 17:00 in London, 21:45 in Kathmandu
    assert bool(refused(quiet_plan(), request({**AGREED, "time_zone": zone}, at=at), "mail")) is expected


NIGHT = datetime(2026, 6, 1, 22, tzinfo=UTC)


def test_at_night_marketing_waits_and_service_and_regulation_pass():
    assert held(quiet_plan(), NIGHT) == dict.fromkeys(MARKETING, "night")


def test_what_contact_policy_does_not_exempt_waits_too():
    quiet = [{"id": "night", "begins": "21:00", "ends": "08:00"}]
    spec = plan(contact={"quiet_hours": quiet, "exempt": ["regulatory"]})
    assert held(spec, NIGHT) == dict.fromkeys((*MARKETING, "fraud-alert"), "night")
    assert set(OTHERS) - set(held(spec, NIGHT)) == {"terms"}


@pytest.mark.parametrize(
    ("more", "channel", "actions"),
    [
        pytest.param({}, "mail", MARKETING, id="every-outbound-channel"),
        pytest.param({}, "text", MARKETING, id="each-of-them"),
        pytest.param({}, "web", (), id="no-inbound-one"),
        pytest.param({"channels": ["text"]}, "mail", (), id="only-the-channels-named"),
        pytest.param({"channels": ["web"]}, "web", MARKETING, id="even-an-inbound-one"),
        pytest.param({"scope": {"groups": ["lending"]}}, "mail", ("loan", "card"), id="only-the-scope"),
        pytest.param({"days": ["monday"]}, "mail", MARKETING, id="on-the-days-named"),
        pytest.param({"days": ["tuesday"]}, "mail", (), id="on-no-other-day"),
    ],
)
def test_quiet_hours_are_about(more, channel, actions):
    assert held(quiet_plan(**more), NIGHT, channel=channel) == dict.fromkeys(actions, "night")


def test_the_night_of_a_day_ends_on_the_next_morning():
    spec = quiet_plan(days=["sunday"])
    assert held(spec, datetime(2026, 6, 1, 6, 59, 59, tzinfo=UTC)) == dict.fromkeys(MARKETING, "night")
    assert held(spec, datetime(2026, 6, 1, 7, tzinfo=UTC)) == {}
    assert held(spec, datetime(2026, 6, 2, 6, tzinfo=UTC)) == {}
