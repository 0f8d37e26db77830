"""Cohorts: groups of customers, the same under every plan compared."""

import msgspec
import pytest
from drafts import part
from uk_bank import spec

from models.replaying.cohorts import Cell, Cohorts, age_band, place


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "under 18"),
        (17.9, "under 18"),
        (18, "18-24"),
        (24, "18-24"),
        (25, "25-34"),
        (74, "65-74"),
        (75, "75 and over"),
        (130, "75 and over"),
    ],
)
def test_ages_fall_into_bands(age, band):
    assert age_band(age) == band


def test_by_default_customers_are_told_apart_by_care_brand_and_age():
    cells = Cohorts.of([spec()]).cells({"age": 30, "vulnerable": True, "bereaved": True}, "kitewell")
    assert cells == (
        Cell("care", "vulnerable"),
        Cell("care", "bereaved"),
        Cell("brand", "kitewell"),
        Cell("age", "25-34"),
    )


def test_who_has_no_mark_and_no_age_is_a_cohort_too():
    cells = Cohorts.of([spec()]).cells({"vulnerable": False, "age": None}, "kitewell")
    assert cells == (Cell("care", "no mark"), Cell("brand", "kitewell"), Cell("age", "unknown"))


def test_a_fact_that_either_plan_takes_for_a_care_mark_counts():
    typo = part(spec(), "care", vulnerable=msgspec.structs.replace(spec().care.vulnerable, fact="vulnerabel"))
    cohorts = Cohorts.of([spec(), typo])
    assert cohorts.marked({"vulnerable": True}) == cohorts.marked({"vulnerabel": True}) == ("vulnerable",)


@pytest.mark.parametrize(
    ("fact", "value", "values"),
    [
        ("region", "wales", ["wales"]),
        ("homeowner", True, ["yes"]),
        ("homeowner", False, ["no"]),
        ("holdings", ("easy_saver", "loan", "loan"), ["easy_saver", "loan"]),
        ("holdings", (), ["none"]),
        ("region", None, ["unknown"]),
    ],
)
def test_facts_with_categories_make_cohorts(fact, value, values):
    cells = Cohorts.of([spec()], [fact]).cells({fact: value}, "kitewell")
    assert [cell.value for cell in cells if cell.dimension == fact] == values


@pytest.mark.parametrize("fact", ["balance", "overdraft_days", "shoe_size"])
def test_facts_without_categories_are_refused_with_those_that_have_some(fact):
    with pytest.raises(ValueError, match="region") as refused:
        Cohorts.of([spec()], [fact])
    assert fact in str(refused.value)


def test_what_is_not_known_comes_last_and_open_beginnings_first():
    cells = [Cell("age", value) for value in ("unknown", "75 and over", "under 18", "18-24")]
    assert [cell.value for cell in sorted(cells, key=place)] == [
        "under 18",
        "18-24",
        "75 and over",
        "unknown",
    ]
