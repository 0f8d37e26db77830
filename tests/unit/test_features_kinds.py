"""Kinds of features beyond windows, what may be declared, and the table that names and transforms them."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from context_plans import fold_of, plan, run, signal
from hypothesis import given
from hypothesis import strategies as st

from models.features import FeatureTable, LatestVector, check_features
from models.features.values import LARGEST, is_member, is_one, local_time, number, text
from models.times import micros, moment
from schemas import DecisionRequest


def asked(feature, event, zone="UTC"):
    """The feature's values for one event that asks."""
    fold = fold_of({"name": "f", **feature}, time_zone=zone)
    (request,) = (o for o in run(fold, [event])[1] if isinstance(o, DecisionRequest))
    return request.context.features


def ask(**more):
    return signal(0, placements=("hero",), **more)


@pytest.mark.parametrize(
    ("feature", "event", "values"),
    [
        pytest.param({"kind": "session_number"}, ask(), (1.0,), id="session-number"),
        pytest.param({"kind": "session_age"}, ask(), (0.0,), id="session-age"),
        pytest.param(
            {"kind": "number", "of": "customer.age"}, ask(profile={"age": 30}), (30.0,), id="number"
        ),
        pytest.param(
            {"kind": "number", "of": "customer.consent"}, ask(profile={"consent": True}), (1.0,), id="boolean"
        ),
        pytest.param({"kind": "number", "of": "customer.age", "default": 40}, ask(), (40.0,), id="unknown"),
        pytest.param(
            {"kind": "number", "of": "customer.age", "default": 7},
            ask(profile={"age": "x"}),
            (7.0,),
            id="no-number",
        ),
        pytest.param(
            {"kind": "number", "of": "signal.attributes.amount"},
            ask(attributes={"amount": 2.5}),
            (2.5,),
            id="of-the-event",
        ),
        pytest.param(
            {"kind": "size", "of": "customer.owned"}, ask(profile={"owned": ("a", "b")}), (2.0,), id="size"
        ),
        pytest.param(
            {"kind": "size", "of": "customer.owned", "default": -1}, ask(), (-1.0,), id="size-unknown"
        ),
        pytest.param(
            {"kind": "one_hot", "of": "signal.channel", "values": ["app", "web"]},
            ask(),
            (0.0, 1.0),
            id="one-hot",
        ),
        pytest.param(
            {"kind": "one_hot", "of": "signal.page", "values": ["home"]}, ask(), (0.0,), id="one-hot-missing"
        ),
        pytest.param(
            {"kind": "one_hot", "of": "customer.tier", "values": ["gold"]},
            ask(profile={"tier": "gold"}),
            (1.0,),
            id="one-hot-customer",
        ),
        pytest.param(
            {"kind": "one_hot", "of": "customer.owned", "values": ["a", "b"]},
            ask(profile={"owned": ("b",)}),
            (0.0, 1.0),
            id="one-hot-list",
        ),
        pytest.param(
            {"kind": "one_hot", "of": "signal.attributes.flag", "values": ["true"]},
            ask(attributes={"flag": True}),
            (1.0,),
            id="one-hot-boolean",
        ),
    ],
)
def test_features_of_the_customer_and_the_event_that_asks(feature, event, values):
    assert asked(feature, event) == values


MIDNIGHT = datetime(2026, 7, 4, 0, 0, tzinfo=ZoneInfo("Europe/London"))  # a Saturday, in summer time


@pytest.mark.parametrize(
    ("part", "at", "zone", "value"),
    [
        ("hour", MIDNIGHT, "Europe/London", 0.0),
        ("hour", MIDNIGHT, "UTC", 23.0),
        ("weekday", MIDNIGHT, "Europe/London", 5.0),
        ("weekday", MIDNIGHT, "UTC", 4.0),
        ("weekend", MIDNIGHT, "Europe/London", 1.0),
        ("weekend", MIDNIGHT, "UTC", 0.0),
        ("hour_sin", MIDNIGHT.replace(hour=6), "Europe/London", 1.0),
        ("hour_cos", MIDNIGHT.replace(hour=1, minute=30), "Europe/London", math.cos(2 * math.pi * 1.5 / 24)),
        ("hour", datetime(2026, 1, 4, 5, tzinfo=ZoneInfo("Asia/Kolkata")), "Asia/Kolkata", 5.0),
    ],
)
def test_time_of_day_is_that_of_the_plans_time_zone(part, at, zone, value):
    fold = fold_of({"name": "f", "kind": "time_of_day", "part": part}, time_zone=zone)
    (found,) = fold.features_at(fold.initial(), micros(at))
    assert found == pytest.approx(value)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_local_time_reads_like_the_calendar(naive):
    zone = ZoneInfo("America/New_York")
    at = micros(naive.replace(tzinfo=ZoneInfo("UTC")))
    local = moment(local_time("America/New_York")(at))
    assert local.replace(tzinfo=None) == moment(at).astimezone(zone).replace(tzinfo=None)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ValueError, match="'Mars' is no time zone; write an IANA name"):
        local_time("Mars")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0), (True, 1.0), (0.5, 0.5), ("1", None), (None, None), ((1,), None), (math.nan, None),
        (math.inf, LARGEST), (-(10**400), -LARGEST), (10**400, LARGEST),
    ],
)  # fmt: skip
def test_only_finite_numbers_count(value, found):
    assert number(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", "a"), (None, None), (True, "true"), (False, "false"), (12, "12"), (12.0, "12"), (1.5, "1.5")],
)
def test_values_are_compared_by_their_text(value, found):
    assert text(value) == found


def test_membership_is_unknown_when_either_side_is():
    assert (is_member(None, ("a",), -1.0), is_member("a", None, -1.0), is_member("a", ("a",), -1.0)) == (
        -1,
        -1,
        1,
    )
    assert is_one(None, "None") == 0.0


_AMOUNT = "signal.attributes.amount"

BAD = [
    ({"kind": "count"}, "window", "kind 'count' needs a window"),
    ({"kind": "count", "window": "soon"}, "window", "'soon' is not a duration"),
    ({"kind": "count", "window": "1d", "of": "signal.page"}, "of", "'of' means nothing for kind 'count'"),
    ({"kind": "count", "window": "1d", "last": 5}, "last", "latest events of a session only"),
    ({"kind": "count", "window": "session", "delay": "1d"}, "delay", "a session window has no delay"),
    ({"kind": "count", "window": "session", "where": "outcome.kind == 'Clicked'"}, "where", "made of signals"),
    ({"kind": "sum", "window": "1d"}, "of", "kind 'sum' needs a value"),
    ({"kind": "sum", "window": "1d", "of": "signal.attributes.nope"}, "of", "'signal.attributes.nope' is not declared"),
    ({"kind": "sum", "window": "1d", "of": "signal.attributes.item"}, "of", "is a string, not a number"),
    ({"kind": "sum", "window": "1d", "of": "customer.age"}, "of", "takes a value of events"),
    ({"kind": "recency"}, "half_life", "needs one speed of decay"),
    ({"kind": "recency", "half_life": "1d", "time_constant": "1d"}, "half_life", "needs one speed of decay"),
    ({"kind": "recency", "half_life": "0s"}, "half_life", "must be longer than nothing"),
    ({"kind": "last_in", "of": "signal.page", "member_of": "customer.tier"}, "member_of", "needs a list"),
    ({"kind": "balance", "of": _AMOUNT, "window": "1d", "add": "signal.attributes.flag"}, "window", "needs the window"),
    ({"kind": "balance", "of": "signal.attributes.amount", "window": "session"}, "add", "needs events that add"),
    ({"kind": "time_of_day"}, "part", "which part of the day?"),
    ({"kind": "one_hot", "of": "signal.page"}, "values", "one_hot needs its values"),
    ({"kind": "one_hot", "of": "outcome.kind", "values": ["Clicked"]}, "of", "no outcome asks for a decision"),
    ({"kind": "size", "of": "customer.age"}, "of", "is a integer, not a list"),
    ({"kind": "size", "of": "signal.page"}, "of", "a list belongs to the customer"),
    ({"kind": "session_age", "window": "1d"}, "window", "'window' means nothing for kind 'session_age'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "key", "message"), BAD, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_feature_that_makes_no_sense_is_refused_with_a_remedy(feature, key, message):
    spec = plan([{"name": "f", **feature}])
    findings = [f for f in check_features(spec) if f.path == f"$.features[0].{key}"]
    assert any(message in finding.message and finding.remedy for finding in findings)
    with pytest.raises(ValueError, match=r"\$\.features\[0\]"):
        FeatureTable.of(spec)


def test_two_columns_of_one_name_are_refused():
    hot = {"name": "a", "kind": "one_hot", "of": "signal.channel", "values": ["web"]}
    (finding,) = check_features(plan([hot, {"name": "a_web", "kind": "session_age"}]))
    assert finding.message == "two feature columns are called 'a_web'"


TABLE = FeatureTable.of(
    plan(
        [
            {"name": "age", "kind": "number", "of": "customer.age", "unit": "years",
             "transform": {"clip": [18, 90], "scale": 0.01}},
            {"name": "aside", "kind": "session_number", "model": False},
            {"name": "seen", "kind": "session_age", "unit": "s", "transform": {"log1p": True, "scale": 2}},
            {"name": "on", "kind": "one_hot", "of": "signal.channel", "values": ["web", "app"]},
        ]
    )
)  # fmt: skip


def test_one_table_has_names_order_and_units():
    assert TABLE.columns == ("age", "aside", "seen", "on_web", "on_app")
    assert TABLE.units == ("years", "", "s", "", "")
    assert TABLE.vector_columns == ("age", "seen", "on_web", "on_app")


def test_the_vector_is_clipped_then_scaled_then_logged():
    x = TABLE.vector((100.0, 5.0, 10.0, 1.0, 0.0))
    assert x.dtype == np.float64
    assert x.tolist() == [0.9, math.log1p(20.0), 1.0, 0.0]


def test_a_batch_of_rows_is_transformed_at_once():
    rows = np.array([[100.0, 5.0, 10.0, 1.0, 0.0], [20.0, 5.0, -3.0, 0.0, 1.0]])
    batch = TABLE.vector(rows)
    assert batch.shape == (2, 4)
    assert batch.tolist() == [TABLE.vector(row).tolist() for row in rows]
    assert batch[1, 1] == 0.0  # nothing below 0 goes into a logarithm


def test_the_latest_vector_is_remembered_for_the_same_values_only():
    latest, values, others = LatestVector(TABLE), (100.0, 5.0, 10.0, 1.0, 0.0), (0.0, 5.0, 10.0, 1.0, 0.0)
    x = latest.vector(values)
    assert latest.vector(values) is x
    assert not x.flags.writeable
    assert latest.vector(others).tolist() == TABLE.vector(others).tolist() != x.tolist()
    assert latest.vector_columns == TABLE.vector_columns


def test_a_plan_without_features_has_an_empty_vector():
    table = FeatureTable.of(plan())
    assert (table.columns, table.vector(()).shape) == ((), (0,))
