"""The text of the analysts' views: headers, names, and nothing that is not known to be the same in both."""

import re
from pathlib import Path

import pytest

from models.ledger.allocation import SAID
from models.plan.compiled import Plan
from pipelines.locate import CATALOGUES, OUTPUTS
from pipelines.sql import VIEWS, View, needed_for
from pipelines.sql.limits import PLAN_LIMITS
from pipelines.sql.lint import findings
from schemas.common import Stage

TABLES = {*OUTPUTS, PLAN_LIMITS}

GOOD = """-- good: customers by day.
-- Grain:     day (unique)
-- Partition: day
-- Late:      never
-- Nulls:     none
-- Columns:
--   day: Day, UTC.
--   customers: Customers,
--      each once.
SELECT DATE(decided_at) AS day, COUNT(DISTINCT customer_id) AS customers
FROM `${dataset}.decisions`
GROUP BY day
"""


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_uses_nothing_but_what_is_the_same_in_both(name):
    assert list(findings(VIEWS[name], TABLES | VIEWS.keys())) == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_says_what_tells_its_rows_apart(name):
    assert VIEWS[name].grain
    assert VIEWS[name].title


def test_a_header_is_read():
    view = View("good", GOOD)
    assert list(findings(view, TABLES)) == []
    assert view.title == "customers by day."
    assert view.header == {"Grain": "day (unique)", "Partition": "day", "Late": "never", "Nulls": "none"}
    assert view.columns == {"day": "Day, UTC.", "customers": "Customers, each once."}
    assert view.grain == ("day",)
    assert view.needs == {"decisions"}
    assert "FROM `p.d.decisions`" in view.sql("p.d")
    assert "FROM `decisions`" in view.sql("")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("-- good:", "-- bad:", "does not begin with its name"),
        ("-- Late:      never\n", "", "lacks Late"),
        ("--   day: Day, UTC.\n", "", "its header has the columns customers, it selects day, customers"),
        ("`${dataset}.decisions`", "decisions", "a table stands without"),
        ("decisions`", "decision`", "decision is no table or view of ours"),
        ("AS customers", "AS rows", "rows is a word of BigQuery's"),
        ("SELECT DATE", "WITH feedback AS (SELECT 1 AS one) SELECT DATE", "called feedback, like a table"),
        ("COUNT(DISTINCT customer_id)", "1 / 2", "use SAFE_DIVIDE"),
        ("COUNT(DISTINCT customer_id)", "DIV(1, 2)", "use SAFE_DIVIDE"),
        ("COUNT(DISTINCT customer_id)", "MIN(placements[OFFSET(0)])", "use SAFE_OFFSET"),
        ("COUNT(DISTINCT customer_id)", "APPROX_COUNT_DISTINCT(customer_id)", "not among the functions"),
        ("COUNT(DISTINCT customer_id)", "EXTRACT(WEEK FROM decided_at)", "EXTRACT(WEEK ...) differs"),
        (
            "SELECT DATE(decided_at) AS day, COUNT(DISTINCT customer_id) AS customers",
            "SELECT *",
            "a star selects",
        ),
    ],
)
def test_a_bad_view_is_found(old, new, says):
    assert old in GOOD
    assert any(says in found for found in findings(View("good", GOOD.replace(old, new)), TABLES))


def test_views_are_ordered_by_what_they_read():
    ordered = needed_for(VIEWS)
    assert len(ordered) == len(VIEWS)
    made = set(TABLES)
    for view in ordered:
        assert view.needs <= made
        made.add(view.name)


def test_only_what_is_needed_is_made():
    assert [view.name for view in needed_for(["contact_pressure"])] == [
        "offers",
        "responses",
        "decision_outcomes",
        "contact_pressure",
    ]
    assert needed_for(["decisions", "nothing"]) == []


def test_the_funnel_knows_every_stage_in_order():
    text = VIEWS["funnel"].text
    places = [text.index(f"'{stage.value}'") for stage in Stage]
    assert places == sorted(places)
    assert text.partition("WITH")[2].count("'") == 2 * len(Stage)


PLANS = Path(__file__).parents[1] / "plans"


@pytest.mark.parametrize("plan", [CATALOGUES / "uk_bank", PLANS / "everything"], ids=lambda plan: plan.name)
def test_rules_that_the_funnel_counts_without_ids_take_whole_actions_and_stand_once(plan):
    [said] = re.findall(r"IF\(r\.stage IN \(([^)]*)\), NULL", VIEWS["funnel_rules"].text)
    stages = {Stage(name) for name in re.findall(r"'(\w+)'", said)}
    compiled = Plan.load(plan)
    takes = [rule for rule in compiled.rules if rule[0] in stages]
    assert {stage for stage, _ in takes} == stages
    assert len(takes) == len(set(takes))
    refuses = {stage for stage, _ in (*compiled.ledger_fold()._decider.allocator.rules, *SAID)}
    assert Stage.TREATMENT_ELIGIBILITY in refuses
    assert not stages & refuses
