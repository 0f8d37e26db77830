import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from closed_bank import ACTIONS, MARKETING, NOON, gates, plan, refused, refused_treatments, removed, request
from hypothesis import given, settings
from hypothesis import strategies as st

from models.availability import instant
from models.engagement import EngagementPolicy
from models.plan.fields import feature_columns
from schemas import Stage

SECOND = timedelta(seconds=1)


def local_times(first, last):
    """What clocks may show, to the second."""
    every = st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last))
    return every.map(lambda at: at.replace(microsecond=0))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        pytest.param("UTC", "2026-12-01", "2026-12-01T00:00", id="a-day-begins-at-midnight"),
        pytest.param("Europe/London", "2026-07-01", "2026-06-30T23:00", id="of-the-plan's-zone"),
        pytest.param("Europe/London", "2026-07-01T09:30", "2026-07-01T08:30", id="a-time-too"),
        pytest.param("Asia/Kathmandu", "2026-07-01T09:30:15", "2026-07-01T03:45:15", id="to-the-second"),
        pytest.param(
            "Europe/London", "2026-10-25T01:30", "2026-10-25T00:30", id="shown-twice-the-first-time"
        ),
        pytest.param(
            "Europe/London", "2026-03-29T01:30", "2026-03-29T01:00", id="skipped-when-it-is-skipped"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:30", id="half-an-hour-skipped"
        ),
        pytest.param("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00", id="a-day-without-midnight"),
        pytest.param("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", id="a-day-that-never-was"),
    ],
)
def test_a_moment_begins_when_clocks_first_show_it_or_a_later_one(zone, text, expected):
    assert instant(text, ZoneInfo(zone)) == utc(expected)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    local_times("2016-01-01", "2026-12-31"),
)
def test_before_a_moment_no_clock_of_the_day_has_shown_it(name, local):
    zone = ZoneInfo(name)
    began = instant(local.isoformat(), zone)
    shown = [(began + step * SECOND).astimezone(zone).replace(tzinfo=None) for step in (-1, 0)]
    assert shown[0] < local <= shown[1]


ARMS = {
    "arms": [
        {"id": "silent", "kind": "holdout", "share": 0.1},
        {"id": "bare", "kind": "eligibility_only", "share": 0.1},
    ]
}
ADULT = [{"id": "adult", "when": "customer.age >= 18"}]


@pytest.mark.parametrize(
    ("changes", "asked", "expected"),
    [
        pytest.param({}, {}, {}, id="nothing-is-closed"),
        pytest.param({"actions": {"loan": {"starts": "2026-06-01T13:00"}}}, {}, {}, id="it-has-started"),
        pytest.param(
            {"actions": {"loan": {"starts": "2026-06-01T13:00:01"}}},
            {},
            {"loan": "starts:loan"},
            id="it-starts-in-a-second",
        ),
        pytest.param(
            {"actions": {"loan": {"ends": "2026-06-01T13:00"}}}, {}, {"loan": "ends:loan"}, id="the-end-is-out"
        ),
        pytest.param({"actions": {"loan": {"ends": "2026-06-01T13:00:01"}}}, {}, {}, id="the-second-before"),
        pytest.param(
            {"groups": {"lending": {"issue": "grow", "starts": "2027-01-01"}, "deposits": {"issue": "grow"},
                        "care": {"issue": "help", "ends": "2026-01-01"}}},
            {},
            {"loan": "starts:group:lending", "card": "starts:group:lending", "fraud-alert": "ends:group:care",
             "terms": "ends:group:care"},
            id="groups-have-dates-too",
        ),
        pytest.param(
            {"actions": {"card": {"brands": ["meadow"]}}}, {}, {"card": "brands:card"}, id="another-brand's"
        ),
        pytest.param(
            {"actions": {"card": {"brands": ["meadow"]}}}, {"brand": "meadow"}, {}, id="the-brand's-own"
        ),
        pytest.param(
            {"actions": {"card": {"brands": ["meadow"], "starts": "2027-01-01"}}},
            {},
            {"card": "brands:card"},
            id="brands-come-before-dates",
        ),
        pytest.param(
            {"stops": [{"id": "recall", "scope": {"actions": ["loan"]}}]}, {}, {"loan": "recall"}, id="stopped"
        ),
        pytest.param(
            {"stops": [{"id": "recall", "scope": {"issues": ["help"]}}]},
            {},
            {"fraud-alert": "recall", "terms": "recall"},
            id="a-stop-spares-no-class",
        ),
        pytest.param(
            {"stops": [{"id": "quiet", "brands": ["harbour"]}]}, {}, dict.fromkeys(ACTIONS, "quiet"), id="a-brand"
        ),
        pytest.param({"stops": [{"id": "quiet", "brands": ["meadow"]}]}, {}, {}, id="not-this-brand"),
        pytest.param(
            {"stops": [{"id": "quiet", "brands": ["harbour"], "scope": {"groups": ["deposits"]}}]},
            {},
            {"saver": "quiet"},
            id="all-keys-must-fit",
        ),
        pytest.param(
            {"stops": [{"id": "recall", "scope": {"actions": ["loan"]}, "since": "2026-06-02"}]}, {}, {}, id="soon"
        ),
        pytest.param(
            {"stops": [{"id": "recall", "scope": {"actions": ["loan"]}, "until": "2026-06-01"}]}, {}, {}, id="over"
        ),
        pytest.param(
            {"stops": [{"id": "recall", "scope": {"actions": ["loan"]}}],
             "actions": {"loan": {"starts": "2027-01-01"}}},
            {},
            {"loan": "starts:loan"},
            id="availability-before-kill-switches",
        ),
        pytest.param(
            {"stops": [{"id": "recall", "scope": {"actions": ["loan"]}}], "experiments": ARMS},
            {"arm": "silent"},
            {"loan": "recall", "card": "silent", "saver": "silent"},
            id="kill-switches-before-the-holdout",
        ),
        pytest.param({"experiments": ARMS}, {"arm": "nba"}, {}, id="nobody-else-is-held-out"),
        pytest.param(
            {"actions": {"loan": {"eligibility": ADULT}, "terms": {"suitability": ADULT}}, "experiments": ARMS},
            {"arm": "silent"},
            {"loan": "silent", "card": "silent", "saver": "silent", "terms": "adult"},
            id="the-holdout-before-rules",
        ),
        pytest.param(
            {"stops": [{"id": "no-mail", "channels": ["mail"]}, {"id": "t", "treatments": ["loan-web"]}]},
            {},
            {},
            id="what-names-channels-or-treatments-removes-no-action",
        ),
    ],
)  # fmt: skip
def test_an_action_is_closed(changes, asked, expected):
    assert removed(plan(**changes), request({}, **asked)) == expected


def test_each_way_to_be_closed_has_its_stage_and_a_reason_one_could_say():
    spec = plan(
        actions={"loan": {"starts": "2026-12-01T09:00"}, "card": {"brands": ["meadow"]}},
        stops=[{"id": "recall", "scope": {"actions": ["saver"]}, "why": "We are mending this."}],
        experiments=ARMS,
        care={"waived": "only availability is of interest"},
    )
    said = {rule.id: (rule.stage, rule.why) for rule in EngagementPolicy.of(spec, ()).rules}
    assert said == {
        "starts:loan": (Stage.ACTION_AVAILABILITY, "This is not offered before 1 December 2026 at 09:00."),
        "brands:card": (Stage.ACTION_AVAILABILITY, "This is an offer of Meadow."),
        "recall": (Stage.ACTION_EMERGENCY_EXCLUSION, "We are mending this."),
        "silent": (
            Stage.UNIVERSAL_HOLDOUT,
            "You are in a small group that we send no marketing for now, to learn what it is worth.",
        ),
    }


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ("nba", {"loan": "adult", "card": "calm", "fraud-alert": "calm", "saver": "wealthy"}),
        ("bare", {"loan": "adult", "fraud-alert": "calm"}),
    ],
)
def test_the_arm_of_eligibility_only_spares_marketing_what_is_not_eligibility(arm, expected):
    calm, wealthy = {"id": "calm", "when": "false"}, {"id": "wealthy", "when": "known(customer.age)"}
    spec = plan(
        actions={
            "loan": {"eligibility": ADULT, "suitability": [calm]},
            "card": {"suitability": [calm]},
            "saver": {"applicability": [wealthy]},
            "fraud-alert": {"suitability": [calm]},
        },
        experiments=ARMS,
    )
    assert removed(spec, request({}, arm=arm)) == expected
    stopped = {**dict.fromkeys(MARKETING, "care-bereaved"), "fraud-alert": "calm"}
    assert removed(spec, request({"bereaved": True}, arm=arm)) == stopped


MOMENTS = local_times("2026-05-30", "2026-06-03")
OPEN = st.none() | MOMENTS


@st.composite
def periods(draw, first="starts", last="ends"):
    bounds = {first: draw(OPEN), last: draw(OPEN)}
    return {key: at.isoformat() for key, at in bounds.items() if at is not None}


@st.composite
def closings(draw):
    """Plans that close this and that, now and then."""
    brands = st.sampled_from([[], ["harbour"], ["meadow"]])
    actions = {
        name: {**draw(periods()), "brands": draw(brands), "treatment": draw(periods())} for name in ACTIONS
    }
    groups = {name: {"issue": "help" if name == "care" else "grow", **draw(periods())}
              for name in ("lending", "deposits", "care")}  # fmt: skip
    stop = st.fixed_dictionaries(
        {
            "scope": st.sampled_from([{}, {"groups": ["lending"]}, {"classes": ["service"]}]),
            "treatments": st.sampled_from([[], [], ["loan-out", "terms-web"]]),
            "channels": st.sampled_from([[], [], ["mail"], ["mail", "text"]]),
            "brands": brands,
        }
    )
    stops = [
        {"id": f"stop-{number}", **draw(stop), **draw(periods("since", "until"))}
        for number in range(draw(st.integers(0, 3)))
    ]
    return {"actions": actions, "groups": groups, "stops": stops, "care": {"waived": "not of interest here"}}


def outside(body, at, first="starts", last="ends"):
    """Which bound of a period a moment breaks; local time, as the plan writes it, where no clock changes."""
    shown = at.astimezone(ZoneInfo("Europe/London")).replace(tzinfo=None)
    if body.get(first) and shown < datetime.fromisoformat(body[first]):
        return first
    return last if body.get(last) and shown >= datetime.fromisoformat(body[last]) else None


def fits(stop, name, asked):
    group, message_class = ACTIONS[name]
    scope = stop["scope"]
    return (
        group in scope.get("groups", [group])
        and message_class in scope.get("classes", [message_class])
        and asked.brand in (stop["brands"] or [asked.brand])
        and outside(stop, asked.requested_at, "since", "until") is None
    )


def by_the_book(parts, name, asked):
    body, (group, _) = parts["actions"][name], ACTIONS[name]
    if asked.brand not in (body["brands"] or [asked.brand]):
        return f"brands:{name}"
    if bound := outside(body, asked.requested_at):
        return f"{bound}:{name}"
    if bound := outside(parts["groups"][group], asked.requested_at):
        return f"{bound}:group:{group}"
    whole = [s for s in parts["stops"] if not s["channels"] and not s["treatments"]]
    return next((stop["id"] for stop in whole if fits(stop, name, asked)), None)


ASKED = st.builds(
    lambda at, brand: request({}, at=at.replace(tzinfo=UTC), brand=brand),
    MOMENTS,
    st.sampled_from(["harbour", "meadow"]),
)


@settings(max_examples=150, deadline=None)
@given(closings(), st.lists(ASKED, min_size=1, max_size=6))
def test_actions_are_closed_by_the_book_in_whatever_order_moments_come(parts, requests):
    spec = plan(**parts)
    policy = EngagementPolicy.of(spec, feature_columns(spec))
    for asked in requests:
        answer = [policy.rules[rule].id if rule >= 0 else None for rule in policy.apply(asked)]
        assert answer == [by_the_book(parts, name, asked) for name in ACTIONS]


def treatment_by_the_book(parts, name, asked, channel):
    treatment = f"{name}-out"
    if bound := outside(parts["actions"][name]["treatment"], asked.requested_at):
        return f"{bound}:treatment:{treatment}"
    return next(
        (
            stop["id"]
            for stop in parts["stops"]
            if treatment in stop["treatments"]
            and channel in (stop["channels"] or [channel])
            and fits(stop, name, asked)
        ),
        None,
    )


@settings(max_examples=150, deadline=None)
@given(closings(), st.lists(ASKED, min_size=1, max_size=6), st.sampled_from(["mail", "text", "web"]))
def test_channels_and_treatments_are_closed_by_the_book(parts, requests, channel):
    spec = plan(**parts)
    for asked in requests:
        said = refused_treatments(spec, asked, channel)
        assert {name: said.get(f"{name}-out") for name in ACTIONS} == {
            name: treatment_by_the_book(parts, name, asked, channel) for name in ACTIONS
        }
        stops = [s for s in parts["stops"] if channel in s["channels"] and not s["treatments"]]
        whole = refused(spec, asked, channel)
        assert {name: whole.get(name) for name in ACTIONS} == {
            name: next((stop["id"] for stop in stops if fits(stop, name, asked)), None) for name in ACTIONS
        }


def test_what_is_closed_survives_pickling():
    spec = plan(
        actions={"loan": {"starts": "2027-01-01"}, "card": {"treatment": {"ends": "2026-01-01"}}},
        stops=[{"id": "no-mail", "channels": ["mail"]}],
        contact={"quiet_hours": [{"id": "night", "begins": "21:00", "ends": "08:00"}]},
    )
    policy = pickle.loads(pickle.dumps(EngagementPolicy.of(spec, ())))
    again = pickle.loads(pickle.dumps(gates(spec)))
    asked = request({}, at=NOON)
    assert policy.apply(asked) == EngagementPolicy.of(spec, ()).apply(asked)
    assert again.rules == gates(spec).rules
    assert again.refused(asked, "mail") == gates(spec).refused(asked, "mail")
    assert len(pickle.dumps(gates(spec))) < 4_000
