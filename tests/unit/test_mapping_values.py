"""Conversions of single values: what they make, what they refuse, and that they never tell the value."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.mapping import MappingError, values
from schemas import Reason

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("convert", "value", "made"),
    [
        pytest.param(values.to_string, "a", "a", id="text-stays"),
        pytest.param(values.to_string, 7, "7", id="whole-number-as-text"),
        pytest.param(values.to_string, 0.5, "0.5", id="number-as-text"),
        pytest.param(values.to_string, True, "true", id="truth-as-json-writes-it"),
        pytest.param(values.to_string, Decimal("1.50"), "1.50", id="decimal-keeps-its-digits"),
        pytest.param(values.to_integer, "-12", -12, id="whole-number-from-text"),
        pytest.param(values.to_integer, " 12 ", 12, id="spaces-around-are-no-matter"),
        pytest.param(values.to_integer, 12.0, 12, id="whole-float"),
        pytest.param(values.to_integer, Decimal("12.00"), 12, id="whole-decimal"),
        pytest.param(values.to_number, "1e3", 1000.0, id="number-with-exponent"),
        pytest.param(values.to_number, ".5", 0.5, id="number-without-leading-zero"),
        pytest.param(values.to_number, 3, 3, id="number-stays"),
        pytest.param(values.to_number, Decimal("2.25"), 2.25, id="decimal-becomes-a-double"),
        pytest.param(values.to_boolean, "Yes", True, id="yes"),
        pytest.param(values.to_boolean, "f", False, id="f"),
        pytest.param(values.to_boolean, 0, False, id="zero"),
        pytest.param(values.to_boolean, True, True, id="truth-stays"),
    ],
)
def test_a_value_is_converted(convert, value, made):
    result = convert(value, "x")
    assert (result, type(result)) == (made, type(made))


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        pytest.param(values.to_string, ["a"], id="a-list-is-no-text"),
        pytest.param(values.to_string, NAN, id="nan-is-no-text"),
        pytest.param(values.to_integer, "12.5", id="a-fraction-is-no-whole-number"),
        pytest.param(values.to_integer, "1_000", id="python-s-underscores-are-no-digits"),
        pytest.param(values.to_integer, "٣", id="other-scripts-digits-are-refused"),
        pytest.param(values.to_integer, True, id="truth-is-no-number"),
        pytest.param(values.to_integer, "9" * 19, id="more-digits-than-64-bits"),
        pytest.param(values.to_integer, INF, id="infinity-is-no-whole-number"),
        pytest.param(values.to_integer, Decimal("NaN"), id="a-decimal-that-is-none"),
        pytest.param(values.to_number, "NaN", id="nan-in-text"),
        pytest.param(values.to_number, "1e999", id="beyond-a-double"),
        pytest.param(values.to_number, "", id="empty"),
        pytest.param(values.to_number, INF, id="infinity"),
        pytest.param(values.to_number, False, id="falsehood-is-no-number"),
        pytest.param(values.to_boolean, "maybe", id="maybe"),
        pytest.param(values.to_boolean, 2, id="two"),
    ],
)
def test_what_is_not_certainly_meant_is_refused(convert, value):
    with pytest.raises(MappingError, match=r"^orders\.x .*is"):
        convert(value, "orders.x")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "layout", "zone", "at"),
    [
        pytest.param("2026-03-01T10:00:00Z", None, None, utc(2026, 3, 1, 10), id="utc"),
        pytest.param(
            "2026-03-01 10:00:00.25+02:00", None, None, utc(2026, 3, 1, 8, 0, 0, 250_000), id="offset"
        ),
        pytest.param("2026-03-01T10:00", None, AMSTERDAM, utc(2026, 3, 1, 9), id="zone-of-the-mapping"),
        pytest.param("2026-03-01T10:00Z", None, AMSTERDAM, utc(2026, 3, 1, 10), id="own-offset-wins"),
        pytest.param("01/03/2026 10:00", "%d/%m/%Y %H:%M", UTC, utc(2026, 3, 1, 10), id="layout"),
        pytest.param(
            utc(2026, 3, 1).replace(tzinfo=None), None, UTC, utc(2026, 3, 1), id="time-column-without-zone"
        ),
        pytest.param(date(2026, 3, 1), None, UTC, utc(2026, 3, 1), id="a-day-begins-at-midnight"),
        pytest.param(
            datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=1))),
            None,
            UTC,
            utc(2026, 2, 28, 23),
            id="aware",
        ),
    ],
)
def test_times_are_read_as_the_mapping_says(value, layout, zone, at):
    assert values.to_time(value, layout, zone, "x") == at


@pytest.mark.parametrize(
    ("value", "layout", "rule"),
    [
        pytest.param("yesterday", None, "is not a time", id="words"),
        pytest.param("2026-13-01T00:00:00Z", None, "is not a time", id="month-13"),
        pytest.param(1772352000, None, "is not a time", id="a-number-needs-epoch"),
        pytest.param("2026-03-01", "%d/%m/%Y", "is not a time", id="another-layout"),
        pytest.param(
            "2026-03-01T10:00:00", None, "has no offset and the mapping no time_zone", id="no-offset"
        ),
    ],
)
def test_a_time_that_is_none_is_refused(value, layout, rule):
    with pytest.raises(MappingError) as refused:
        values.to_time(value, layout, None, "orders.at")
    assert (str(refused.value), refused.value.reason) == (f"orders.at {rule}", Reason.BAD_TIME)


@pytest.mark.parametrize(
    ("value", "per_second", "at"),
    [
        (1_772_359_200, 1, utc(2026, 3, 1, 10)),
        ("1772359200123", 1000, utc(2026, 3, 1, 10, 0, 0, 123_000)),
        (1_772_359_200.5, 1, utc(2026, 3, 1, 10, 0, 0, 500_000)),
    ],
)
def test_counts_since_1970_are_times(value, per_second, at):
    assert values.to_epoch(value, per_second, "x") == at


@pytest.mark.parametrize("value", ["soon", None, True, 10**30])
def test_counts_that_are_none_are_refused(value):
    with pytest.raises(MappingError, match="x is not a time"):
        values.to_epoch(value, 1000, "x")


def test_lists_come_from_lists_or_from_separated_text():
    assert values.to_strings(["a", "b"], None, "x") == ("a", "b")
    assert values.to_strings("a; b;;", ";", "x") == ("a", "b")
    for bad, separator in ((["a", 1], None), ("a b", None), (7, ",")):
        with pytest.raises(MappingError, match="x is not a list of texts"):
            values.to_strings(bad, separator, "x")


def test_one_time_is_later_than_another_by_more_than_a_while():
    hour = timedelta(hours=1)
    assert values.later("2026-03-01T10:00:01", "2026-03-01T09:00:00", hour, UTC, "x")
    assert not values.later("2026-03-01T10:00:00", "2026-03-01T09:00:00", hour, UTC, "x")
    assert not values.later(None, "2026-03-01T09:00:00", hour, UTC, "x")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(value=ANYTHING)
@pytest.mark.parametrize(
    "convert",
    [
        values.to_string,
        values.to_integer,
        values.to_number,
        values.to_boolean,
        values.parsed,
        lambda value, label: values.to_strings(value, ",", label),
        lambda value, label: values.to_time(value, None, UTC, label),
        lambda value, label: values.to_epoch(value, 1, label),
        lambda value, label: values.part(value, "", label),
        lambda value, label: values.look_up(value, {"a": 1}, label),
        lambda value, label: values.matched(value, re.compile("(a)"), label),
    ],
)
def test_anything_is_converted_or_refused_without_telling_it(convert, value):
    try:
        convert(value, "x")
    except MappingError as error:
        told = str(error).removeprefix("x ")
        assert told in TOLD, told


TOLD = {
    "is not text",
    "is not a whole number",
    "is not a finite number",
    "is neither true nor false",
    "is not JSON text",
    "is not a list of texts",
    "is not a time",
    "has no plain text or whole number for the template",
    "is not in the lookup table",
}
