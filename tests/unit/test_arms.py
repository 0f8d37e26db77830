"""Experiment arms: shares, stability, monthly reshuffle, holdouts that stay."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_bank import plan
from scipy.stats import binom, chi2_contingency, chisquare

from models.context import ContextFold
from models.experiments.arms import NBA, Arms
from models.experiments.bucketing import bucket_hash
from models.plan.findings import PlanError
from models.plan.load import load_plan
from schemas import DecisionRequest, Signal

KINDS = ("holdout", "random_propensity", "random_action", "propensity_only", "no_levers", "plan")
NOVEMBER, DECEMBER = datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 12, 15, tzinfo=UTC)
CUSTOMERS = [f"customer-{n}" for n in range(50_000)]


def _arms(*rows: tuple[str, str, float], **changes: Any) -> Arms:
    arms = [{"id": name, "kind": kind, "share": share} for name, kind, share in rows]
    return Arms.of(plan(experiments={"arms": arms, **changes}))


FIVE = (
    ("random", "random_propensity", 0.02),
    ("held", "holdout", 0.05),
    ("any", "random_action", 0.1),
    ("bare", "no_levers", 0.03),
    ("twin", "plan", 0.1),
)


@pytest.mark.parametrize("reshuffle", ["never", "monthly"])
def test_every_arm_has_its_share_of_all_customers(reshuffle: str):
    arms = _arms(*FIVE, reshuffle=reshuffle)
    counts = Counter(arms.arm(customer, NOVEMBER) for customer in CUSTOMERS)
    shares = {name: share for name, _, share in FIVE} | {NBA: 0.7}
    for name, share in shares.items():
        low, high = binom.interval(1 - 1e-6, len(CUSTOMERS), share)
        assert low <= counts[name] <= high, name
    expected = [share * len(CUSTOMERS) for share in shares.values()]
    assert chisquare([counts[name] for name in shares], expected).pvalue > 1e-4


def test_a_plan_without_arms_decides_for_everybody_as_it_is():
    assert {_arms().arm(customer, NOVEMBER) for customer in CUSTOMERS[:100]} == {NBA}


def test_the_arm_is_the_range_that_growthbooks_hash_falls_in():
    arms = _arms(("first", "plan", 0.3), ("second", "plan", 0.3), seed="spring")
    for customer in CUSTOMERS[:500]:
        position = bucket_hash("spring", customer, 2)
        expected = "first" if position < 0.3 else "second" if position < 0.6 else NBA
        assert arms.arm(customer, NOVEMBER) == expected


def test_without_a_reshuffle_nobody_ever_moves():
    arms = _arms(*FIVE)
    assert all(arms.arm(c, NOVEMBER) == arms.arm(c, DECEMBER) for c in CUSTOMERS[:2000])


def test_a_month_deals_anew_independently_but_leaves_the_holdout_alone():
    arms, fixed = _arms(*FIVE, reshuffle="monthly"), _arms(*FIVE)
    pairs = [(arms.arm(customer, NOVEMBER), arms.arm(customer, DECEMBER)) for customer in CUSTOMERS]
    held = [customer for customer, (before, _) in zip(CUSTOMERS, pairs, strict=True) if before == "held"]
    assert held == [c for c, (_, after) in zip(CUSTOMERS, pairs, strict=True) if after == "held"]
    assert held == [c for c in CUSTOMERS if fixed.arm(c, NOVEMBER) == "held"]
    names = ["random", "any", "bare", "twin", NBA]
    table = [[sum(pair == (a, b) for pair in pairs) for b in names] for a in names]
    assert chi2_contingency(table).pvalue > 1e-4


def test_months_are_those_of_the_plans_time_zone():
    arms = _arms(("twin", "plan", 0.5), reshuffle="monthly")
    sydney = Arms.of(
        plan(
            time_zone="Australia/Sydney",
            experiments={
                "reshuffle": "monthly",
                "arms": [{"id": "twin", "kind": "plan", "share": 0.5}],
            },
        )
    )
    late = datetime(2026, 11, 30, 14, tzinfo=UTC)  # the first of December in Sydney
    dealt = [(arms.arm(c, late), arms.arm(c, NOVEMBER)) for c in CUSTOMERS[:300]]
    assert all(now == before for now, before in dealt)
    assert [sydney.arm(c, late) for c in CUSTOMERS[:300]] == [arms.arm(c, DECEMBER) for c in CUSTOMERS[:300]]


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 1200)), max_size=6),
    st.sampled_from(KINDS),
    st.sampled_from(["never", "monthly"]),
    st.text(min_size=1, max_size=8),
)
def test_an_arm_added_at_the_end_moves_nobody_but_into_itself(
    rows: list[tuple[str, int]], kind: str, reshuffle: str, seed: str
):
    before = [(f"arm{n}", each, share / 10_000) for n, (each, share) in enumerate(rows)]
    old = _arms(*before, reshuffle=reshuffle, seed=seed)
    new = _arms(*before, ("added", kind, 0.2), reshuffle=reshuffle, seed=seed)
    for customer in CUSTOMERS[:60]:
        was, now = old.arm(customer, NOVEMBER), new.arm(customer, NOVEMBER)
        if was != NBA and (kind != "holdout" or reshuffle == "never"):
            assert now == was
        assert now in (was, "added") or was == NBA


def test_arms_that_hold_everybody_out_leave_nobody_else():
    arms = _arms(("held", "holdout", 1.0), reshuffle="monthly")
    assert {arms.arm(customer, NOVEMBER) for customer in CUSTOMERS[:200]} == {"held"}


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        ("{arms: [{id: a, kind: plan, share: 0.6}, {id: b, kind: plan, share: 0.5}]}", "add up to 1.1"),
        ("{arms: [{id: a, kind: plan, share: 0.1}, {id: a, kind: plan, share: 0.1}]}", "taken by arm 1"),
        ("{arms: [{id: nba, kind: plan, share: 0.1}]}", "of everybody in no arm"),
        ("{arms: [{id: a, kind: plan, share: 0.00005}]}", "whole number"),
    ],
)
def test_arms_that_cannot_be_dealt_are_refused(tmp_path: Path, experiments: str, message: str):
    with pytest.raises(PlanError, match=message) as error:
        load_plan(_small(tmp_path, f"experiments: {experiments}\n"))
    assert "experiments.arms" in str(error.value)


def test_tenths_add_up_to_one(tmp_path: Path):
    rows = ", ".join(f"{{id: a{n}, kind: plan, share: 0.1}}" for n in range(10))
    spec = load_plan(_small(tmp_path, f"experiments: {{arms: [{rows}]}}\n")).spec
    counts = Counter(Arms.of(spec).arm(customer, NOVEMBER) for customer in CUSTOMERS[:2000])
    assert NBA not in counts
    assert len(counts) == 10


def _small(tmp_path: Path, more: str) -> Path:
    source = Path(__file__).parents[1] / "plans" / "small" / "plan.yaml"
    path = tmp_path / "plan.yaml"
    path.write_text(source.read_text() + "\n" + more)
    return path


def test_a_request_carries_the_arm_of_its_customer(tmp_path: Path):
    rows = "[{id: held, kind: holdout, share: 0.3}, {id: twin, kind: plan, share: 0.4}]"
    loaded = load_plan(_small(tmp_path, f"experiments: {{reshuffle: monthly, arms: {rows}}}\n"))
    fold, arms = ContextFold.of(loaded.spec, "digest"), Arms.of(loaded.spec)
    for customer in CUSTOMERS[:30]:
        asks = Signal(
            signal_id="s1",
            customer_id=customer,
            occurred_at=NOVEMBER,
            type="page_view",
            channel="web",
            brand="harbour",
            placements=("hero",),
            household_id="h1",
        )
        request = fold.step(fold.initial(), asks)[1][-1]
        assert isinstance(request, DecisionRequest)
        assert (request.arm, request.household_id) == (arms.arm(customer, NOVEMBER), "h1")
