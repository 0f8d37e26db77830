"""Arbitrate: priorities, switches, order, and what is no number."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_bank import START, candidates, plan

from models.arbitration import Arbitration, arbitrate, prioritise, rank
from models.plan.spec import ArbitrationSpec, PlanSpec

ON = ArbitrationSpec()
ANY = st.floats(allow_nan=True, allow_infinity=True)


def _spec(*rows: dict[str, Any], **changes: Any) -> PlanSpec:
    treatments = [{"id": "said", "placements": ["hero"]}]
    return plan(
        actions=[{"group": "lending", "value": 1.0, "treatments": treatments, **row} for row in rows],
        **changes,
    )


def _column(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ((), 0.5 * 3.0 * 1.5 * 1.2),
        (("propensity",), 3.0 * 1.5 * 1.2),
        (("value",), 0.5 * 1.5 * 1.2),
        (("context_weight",), 0.5 * 3.0 * 1.2),
        (("levers",), 0.5 * 3.0 * 1.5),
        (("propensity", "value", "context_weight", "levers"), 1.0),
    ],
)
def test_priority_is_the_product_of_the_factors_switched_on(off, expected):
    switches = ArbitrationSpec(**dict.fromkeys(off, False))
    found = prioritise(_column(0.5), _column(1.5), _column(3.0), _column(1.2), switches=switches)
    assert found.tolist() == pytest.approx([expected], rel=1e-15)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, -1.0])
def test_a_factor_that_is_no_sensible_number_gives_priority_zero(broken):
    found = prioritise(
        _column(broken, 0.5), _column(1.0, 1.0), _column(2.0, 2.0), _column(1.0, 1.0), switches=ON
    )
    assert found.tolist() == [0.0, 1.0]


def test_zero_times_infinity_is_zero():
    assert prioritise(_column(0.0), _column(1.0), _column(math.inf), _column(1.0), switches=ON).tolist() == [
        0
    ]


def test_mandatory_come_first_then_priority_then_id():
    order = rank(
        _column(0.1, 0.5, 0.5, 0.0), np.array([False, False, False, True]), np.array(["a", "z", "b", "c"])
    )
    assert order.tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("issue", "group", "action", "lever"),
    [(0, 0, 0, 1.0), (10, 5, 20, 1.35), (-50, 0, 25, 0.75), (-100, -100, -100, 0.0)],
)
def test_levers_add_up_as_percentages_and_never_turn_negative(issue, group, action, lever):
    spec = _spec(
        {"id": "loan", "lever_percent": action},
        issues={"grow": {"lever_percent": issue}, "help": {}},
        groups={"lending": {"issue": "grow", "lever_percent": group}},
    )
    assert Arbitration.of(spec).levers.tolist() == pytest.approx([lever])


def test_ties_are_decided_by_action_id_whatever_the_order_in_the_plan():
    spec = _spec({"id": "b"}, {"id": "a10"}, {"id": "a9"}, {"id": "B"})
    ranked = _arbitrated(spec, ["b", "a10", "a9", "B"])
    assert [spec.actions[i].id for i in ranked.order] == ["B", "a10", "a9", "b"]


def test_removed_actions_have_no_priority_and_no_rank():
    spec = _spec({"id": "a", "mandatory": True}, {"id": "b"}, {"id": "c"})
    ranked = _arbitrated(spec, ["b"])
    assert ranked.order == (1,)
    assert ranked.priorities == (0.0, 0.1, 0.0)


def test_the_record_holds_the_factors_that_were_used():
    spec = _spec({"id": "a"}, {"id": "b"})
    broken = msgspec.structs.replace(candidates(spec, ["a", "b"], START), propensities=(math.nan, 1.5))
    ranked = arbitrate(Arbitration.of(spec), broken, _column(1.0, math.nan))
    assert ranked.propensities == (0.0, 1.0)
    assert ranked.context_weights == (1.0, 0.0)
    assert ranked.priorities == (0.0, 0.0)


@pytest.mark.parametrize("short", ["propensities", "removed_by"])
def test_candidates_of_another_plan_are_refused(short):
    spec = _spec({"id": "a"}, {"id": "b"})
    other = msgspec.structs.replace(candidates(spec, ["a"], START), **{short: ()})
    with pytest.raises(ValueError, match="arbitration of 2 actions got"):
        arbitrate(Arbitration.of(spec), other, _column(1.0, 1.0))


@given(st.lists(st.tuples(ANY, ANY, st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_any_numbers_give_one_total_order_of_finite_priorities(rows):
    ids = [f"a{index}" for index in range(len(rows))]
    spec = _spec(*({"id": name, "mandatory": row[2]} for name, row in zip(ids, rows, strict=True)))
    kept = [name for name, row in zip(ids, rows, strict=True) if row[3]]
    scored = msgspec.structs.replace(
        candidates(spec, kept, START), propensities=tuple(row[0] for row in rows)
    )
    ranked = arbitrate(Arbitration.of(spec), scored, _column(*(row[1] for row in rows)))
    assert all(math.isfinite(priority) and priority >= 0 for priority in ranked.priorities)
    assert sorted(ranked.order) == [index for index, row in enumerate(rows) if row[3]]
    keys = [(not rows[i][2], -ranked.priorities[i], ids[i]) for i in ranked.order]
    assert keys == sorted(keys)


def _arbitrated(spec, kept):
    ones = np.ones(len(spec.actions))
    return arbitrate(Arbitration.of(spec), candidates(spec, kept, START), ones)


ARMS = [
    {"id": kind, "kind": kind, "share": 0.1}
    for kind in ("random_propensity", "random_action", "propensity_only", "no_levers", "plan", "holdout")
]


def _in_arm(arm, *, care=None, **arbitration):
    """Four actions, arbitrated for a customer of this arm; C is 2 by what authors wrote."""
    spec = _spec(
        {"id": "dear", "value": 90.0, "lever_percent": 50},
        {"id": "likely", "value": 10.0},
        {"id": "help", "value": 20.0, "message_class": "service"},
        {"id": "must", "value": 1.0, "mandatory": True},
        experiments={"arms": ARMS},
        arbitration=arbitration,
    )
    given = candidates(spec, ["dear", "likely", "help", "must"], START)
    request = msgspec.structs.replace(given.request, arm=arm)
    scored = msgspec.structs.replace(given, request=request, propensities=(0.1, 0.4, 0.2, 0.3))
    return arbitrate(Arbitration.of(spec), scored, np.full(4, 2.0), care)


@pytest.mark.parametrize("arm", ["nba", "plan", "holdout", "unknown"])
def test_other_arms_are_arbitrated_for_like_everybody(arm):
    ranked = _in_arm(arm)
    assert ranked.priorities == pytest.approx((0.1 * 90 * 2 * 1.5, 8.0, 8.0, 0.6))
    assert (ranked.evidence, ranked.model_propensities) == ((), ())
    assert ranked.order == (3, 0, 2, 1)


def test_the_arm_without_levers_has_neither_levers_nor_context_weights():
    ranked = _in_arm("no_levers")
    assert ranked.priorities == pytest.approx((9.0, 4.0, 4.0, 0.3))
    assert ranked.context_weights == (1.0,) * 4
    assert ranked.model_propensities == ()


def test_the_arm_by_propensity_ranks_by_nothing_else():
    ranked = _in_arm("propensity_only")
    assert ranked.priorities == pytest.approx((0.1, 0.4, 0.2, 0.3))
    assert ranked.order == (3, 1, 2, 0)


def test_in_the_arm_of_random_propensities_marketing_knows_nothing_of_the_customer():
    ranked = _in_arm("random_propensity")
    assert ranked.propensities == (0.5, 0.5, 0.2, 0.3)
    assert ranked.evidence == (2.0, 2.0, 0.0, 0.0)
    assert ranked.model_propensities == (0.1, 0.4, 0.2, 0.3)
    assert ranked.priorities == pytest.approx((135.0, 10.0, 8.0, 0.6))


def test_in_the_arm_of_random_actions_marketing_is_worth_the_same():
    ranked = _in_arm("random_action")
    assert ranked.priorities == pytest.approx((4.5 * 1.5, 4.5 * 1.5, 4.0, 0.3))
    assert ranked.propensities == (0.5, 0.5, 0.2, 0.3)
    assert ranked.evidence == (2.0, 2.0, 0.0, 0.0)
    assert ranked.order == (3, 0, 1, 2)


@pytest.mark.parametrize("arm", ["random_action", "propensity_only", "no_levers"])
def test_duty_of_care_softens_marketing_in_every_arm(arm):
    calm, softened = _in_arm(arm), _in_arm(arm, care=_column(0.5, 0.5, 1.0, 1.0))
    for index, factor in enumerate((0.5, 0.5, 1.0, 1.0)):
        assert softened.priorities[index] == pytest.approx(calm.priorities[index] * factor)


def test_switching_context_weights_off_leaves_duty_of_care_on():
    ranked = _in_arm("nba", care=_column(0.5, 0.5, 1.0, 1.0), context_weight=False)
    assert ranked.context_weights == (0.5, 0.5, 1.0, 1.0)
    assert ranked.priorities == pytest.approx((0.1 * 90 * 0.5 * 1.5, 2.0, 4.0, 0.3))


@pytest.mark.parametrize("arm", [arm["id"] for arm in ARMS])
def test_arms_choose_differently_but_from_the_same(arm):
    same = {"propensity_threshold": 0.15, "priority_threshold": 1.0}
    assert _in_arm(arm, **same).removed_by == (0, -1, -1, -1)
    assert _in_arm("nba", **same).removed_by == (0, -1, -1, -1)
