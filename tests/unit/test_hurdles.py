"""Evidence, smoothing, the ramp of new actions and thresholds, as arbitration applies them."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_bank import RULES, START, candidates, plan
from scipy.stats import binom

from models.arbitration import Arbitration, arbitrate
from models.exploration.evidence import Evidence, Smoothing, explores, known_propensity
from models.exploration.hurdles import MATURITY, PRIORITY, PROPENSITY, WEIGHT, admission, reached
from models.plan.findings import PlanError
from models.plan.load import load_plan
from models.plan.spec import EvidenceSpec, MaturitySpec, PlanSpec
from models.propensity.scorer import bind
from schemas import CandidateSet

SMALL = Path(__file__).parents[1] / "plans" / "small" / "plan.yaml"


def _spec(*rows: dict[str, Any], **arbitration: Any) -> PlanSpec:
    treatments = [{"id": "said", "placements": ["hero"]}]
    actions = [{"group": "lending", "value": 1.0, "treatments": treatments, **row} for row in rows]
    return plan(actions=actions, arbitration=arbitration)


def _ranked(
    spec: PlanSpec,
    propensities: dict[str, float],
    *,
    customer_id: str = "c1",
    learned: dict[str, EvidenceSpec] | None = None,
) -> CandidateSet:
    """Arbitrated; the actions that are not given a propensity were removed by engagement rule 0."""
    given = candidates(spec, list(propensities), START)
    scored = msgspec.structs.replace(
        given,
        request=msgspec.structs.replace(given.request, customer_id=customer_id),
        propensities=tuple(propensities.get(action.id, 0.0) for action in spec.actions),
    )
    compiled = Arbitration.of(spec, first_rule=len(RULES), learned=learned)
    return arbitrate(compiled, scored, np.ones(len(spec.actions)))


def _seen(responses: int, positives: int) -> dict[str, int]:
    return {"responses": responses, "positives": positives}


@pytest.mark.parametrize(
    ("responses", "positives", "expected"), [(0, 0, 0.5), (1, 0, 0.25), (1, 1, 0.75), (99, 9, 0.095)]
)
def test_an_action_without_a_model_goes_by_its_rate_so_far(responses: int, positives: int, expected: float):
    spec = _spec({"id": "a", "evidence": _seen(responses, positives)}, {"id": "b"})
    assert known_propensity(spec.actions[0]) == pytest.approx(expected)
    assert known_propensity(spec.actions[1]) == 0.05
    assert bind(None, spec, ()).score(np.zeros(0)) == pytest.approx([expected, 0.05])


@pytest.mark.parametrize(
    ("start", "worth", "seen", "model", "expected"),
    [
        (0.1, 50.0, 0, 0.4, 50 / 51 * 0.1),
        (0.1, 50.0, 50, 0.4, 50 / 101 * 0.1 + 50 / 101 * 0.4),
        (0.1, 50.0, 10_000, 0.4, 50 / 10_051 * 0.1 + 10_000 / 10_051 * 0.4),
        (0.1, 0.0, 3, 0.4, 3 / 4 * 0.4),
        (0.1, 0.0, 0, 0.4, 0.4),
    ],
)
def test_smoothing_draws_towards_the_start_while_there_is_little_evidence(
    start: float, worth: float, seen: int, model: float, expected: float
):
    row = {"id": "a", "starting_propensity": start, "starting_evidence": worth}
    learned = {"a": EvidenceSpec(responses=seen, positives=0)}
    ranked = _ranked(_spec(row, {"id": "b"}, smoothing=True), {"a": model}, learned=learned)
    assert ranked.propensities == pytest.approx((expected, 0.0))
    assert ranked.priorities[0] == pytest.approx(expected)
    if expected == model:
        assert ranked.model_propensities[0] == ranked.propensities[0]
    else:
        assert ranked.model_propensities == (model, 0.0)


@given(st.floats(0.01, 0.99), st.floats(0, 1e6), st.integers(0, 10**9), st.floats(0, 1))
def test_a_smoothed_propensity_is_a_propensity(start: float, worth: float, seen: int, model: float):
    spec = _spec({"id": "a", "starting_propensity": start, "starting_evidence": worth})
    (smoothed,) = Smoothing.of(spec, np.array([float(seen)])).apply(np.array([model]))
    assert 0.0 <= smoothed <= max(start, model) + 1e-12


def test_without_smoothing_the_models_propensity_is_the_propensity():
    ranked = _ranked(_spec({"id": "a", "starting_evidence": 50.0}), {"a": 0.4})
    assert (ranked.propensities, ranked.model_propensities, ranked.evidence) == ((0.4,), (), ())


def test_evidence_is_the_plans_then_the_models_then_what_the_start_is_worth():
    spec = _spec(
        {"id": "told", "evidence": _seen(40, 4), "starting_evidence": 7.0},
        {"id": "learned", "starting_evidence": 7.0},
        {"id": "both", "evidence": _seen(30, 3)},
        {"id": "silent"},
        {"id": "new", "starting_evidence": 7.0},
    )
    learned = {
        "learned": EvidenceSpec(responses=90, positives=9),
        "both": EvidenceSpec(responses=90, positives=9),
        "silent": EvidenceSpec(responses=0, positives=0),
    }
    found = Evidence.of(spec, learned)
    assert found.responses.tolist() == [40.0, 90.0, 30.0, 0.0, 0.0]
    assert found.positives.tolist() == [4.0, 9.0, 3.0, 0.0, 0.0]
    assert found.rests_on.tolist() == [40.0, 90.0, 30.0, 0.0, 7.0]


def test_smoothed_propensities_rest_on_their_start_too():
    spec = _spec({"id": "a", "starting_evidence": 7.0, "evidence": _seen(40, 4)}, smoothing=True)
    assert Evidence.of(spec, {}).rests_on.tolist() == [47.0]


def test_only_marketing_that_is_not_mandatory_is_explored():
    told = _seen(40, 4)
    spec = _spec(
        {"id": "a", "evidence": told},
        {"id": "b", "evidence": told, "message_class": "service"},
        {"id": "c", "evidence": told, "mandatory": True},
        {"id": "d", "evidence": told},
        exploration="thompson",
    )
    assert explores(spec)
    assert _ranked(spec, {"a": 0.1, "b": 0.1, "c": 0.1}).evidence == (40.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("positives", "expected"), [(0, 0.02), (50, 0.265), (100, 0.51), (200, 1.0), (900, 1.0)]
)
def test_the_ramp_grows_linearly_with_positive_outcomes(positives: int, expected: float):
    assert reached(MaturitySpec(), positives) == pytest.approx(expected)


@pytest.mark.parametrize("positives", [0, 40, 150])
def test_a_new_action_reaches_its_share_of_customers_and_keeps_them(positives: int):
    def let_in(count: int) -> set[str]:
        spec = _spec(
            {"id": "new", "evidence": _seen(1000, count)},
            {"id": "help", "message_class": "service"},
            maturity={},
        )
        both = {"new": 0.1, "help": 0.1}
        found = {name: _ranked(spec, both, customer_id=name) for name in customers}
        assert all(ranked.removed_by[1] == -1 for ranked in found.values())
        return {name for name, ranked in found.items() if ranked.removed_by[0] < 0}

    customers = [f"customer-{n}" for n in range(3000)]
    before, after = let_in(positives), let_in(positives + 40)
    assert before < after
    low, high = binom.interval(1 - 1e-6, len(customers), reached(MaturitySpec(), positives))
    assert low <= len(before) <= high


def test_admissions_to_two_actions_are_independent():
    pairs = [(admission(f"c{n}", "loan"), admission(f"c{n}", "card")) for n in range(5000)]
    assert abs(np.corrcoef(np.array(pairs).T)[0, 1]) < 4.5 / np.sqrt(5000)


def test_a_mature_action_passes_and_rules_count_on_from_engagements():
    spec = _spec({"id": "a", "evidence": _seen(900, 200)}, {"id": "b"}, maturity={})
    compiled = Arbitration.of(spec, first_rule=len(RULES))
    assert compiled.rules == (MATURITY,)
    removed = {_ranked(spec, {"a": 0.1, "b": 0.1}, customer_id=f"c{n}").removed_by for n in range(200)}
    assert removed == {(-1, -1), (-1, len(RULES))}


def test_thresholds_stop_marketing_that_competes_and_an_action_may_have_its_own():
    spec = _spec(
        {"id": "above"},
        {"id": "below"},
        {"id": "own", "propensity_threshold": 0.3},
        {"id": "lenient", "propensity_threshold": 0.0},
        {"id": "cheap", "value": 0.1},
        {"id": "help", "message_class": "service", "value": 0.0},
        {"id": "gone"},
        {"id": "must", "value": 0.0, "mandatory": True},
        propensity_threshold=0.1,
        priority_threshold=0.05,
    )
    compiled = Arbitration.of(spec, first_rule=len(RULES))
    assert compiled.rules == (PROPENSITY, PRIORITY)
    scores = {
        "above": 0.1,
        "below": 0.09,
        "own": 0.29,
        "lenient": 0.06,
        "cheap": 0.4,
        "help": 0.01,
        "must": 0.01,
    }
    ranked = _ranked(spec, scores)
    first = len(RULES)
    assert ranked.removed_by == (-1, first, first, -1, first + 1, -1, 0, -1)
    assert {spec.actions[index].id for index in ranked.order} == {"above", "lenient", "help", "must"}
    assert [ranked.priorities[index] for index in (1, 2, 4, 6)] == [0.0] * 4


LOWERED = [
    {"when": "request.hour >= 9", "percent": -60, "scope": {"classes": ["marketing"]}},
    {"when": "request.hour >= 10", "percent": -40},
    {"when": "request.hour >= 11", "percent": 300},
]
SOFT = {"bereaved": {"fact": "bereaved", "then": "soften"}}


def test_marketing_whose_context_weight_is_nothing_is_not_offered_though_a_slot_is_free():
    rows = [
        {"id": "sell"},
        {"id": "less", "context_weights": [{"when": "request.hour >= 9", "percent": -50}]},
        {"id": "must", "mandatory": True},
        {"id": "help", "message_class": "service"},
        {"id": "free", "value": 0.0},
    ]
    spec = _spec(*rows, context_weights=LOWERED)
    compiled = Arbitration.of(spec, first_rule=len(RULES))
    assert compiled.rules == (WEIGHT,)
    names = [row["id"] for row in rows]
    given = msgspec.structs.replace(candidates(spec, names, START), propensities=(0.1,) * 5)
    ranked = arbitrate(compiled, given, np.array([0.0, -0.1, 0.0, 0.0, 0.5]))
    assert ranked.removed_by == (len(RULES), len(RULES), -1, -1, -1)
    assert [names[index] for index in ranked.order] == ["must", "free", "help"]
    passing = arbitrate(compiled, given, np.full(5, 1e-9))
    assert set(passing.removed_by) == {-1}


@pytest.mark.parametrize(
    ("arbitration", "care", "there"),
    [
        pytest.param({"context_weights": LOWERED}, {}, True, id="weights-that-could-hold-together"),
        pytest.param({"context_weights": LOWERED[:1]}, {}, False, id="one-that-leaves-something"),
        pytest.param({"context_weights": LOWERED[:1]}, SOFT, True, id="and-duty-of-care"),
        pytest.param({}, {**SOFT, "soften_percent": -99.0}, False, id="which-alone-leaves-something"),
        pytest.param({"context_weights": LOWERED, "context_weight": False}, SOFT, False, id="switched-off"),
        pytest.param({"context_weights": LOWERED}, {"waived": "nobody is real"}, True, id="waived"),
    ],
)
def test_only_a_plan_that_can_leave_no_context_weight_asks_for_one(
    arbitration: dict[str, Any], care: dict[str, Any], there: bool
):
    treatments = [{"id": "said", "placements": ["hero"]}]
    action = {"id": "sell", "group": "lending", "value": 1.0, "treatments": treatments}
    spec = plan(actions=[action], arbitration=arbitration, care=care)
    assert (WEIGHT in Arbitration.of(spec).rules) is there


def test_a_threshold_of_one_action_is_a_rule_of_the_plan():
    spec = _spec({"id": "a", "propensity_threshold": 0.3}, {"id": "b"})
    assert Arbitration.of(spec).rules == (PROPENSITY,)
    assert Arbitration.of(_spec({"id": "a"})).rules == ()


@pytest.mark.parametrize(
    ("arbitration", "arms", "message"),
    [
        ("exploration: thompson", "[]", "propensities are drawn, but"),
        (
            "reasons: 0",
            "[{id: r, kind: random_propensity, share: 0.1}]",
            "a random propensity changes nothing",
        ),
    ],
)
def test_exploration_without_propensity_is_refused(tmp_path: Path, arbitration: str, arms: str, message: str):
    path = tmp_path / "plan.yaml"
    text = SMALL.read_text().replace(
        "arbitration:\n", f"arbitration:\n  propensity: false\n  {arbitration}\n"
    )
    path.write_text(f"{text}\nexperiments: {{arms: {arms}}}\n")
    with pytest.raises(PlanError, match=message):
        load_plan(path)


def test_more_positives_than_responses_are_refused(tmp_path: Path):
    path = tmp_path / "plan.yaml"
    text = SMALL.read_text().replace(
        "    value: 120\n", "    value: 120\n    evidence: {responses: 3, positives: 4}\n"
    )
    path.write_text(text)
    with pytest.raises(PlanError, match="4 of 3 responses were positive") as error:
        load_plan(path)
    assert "actions[personal-loan].evidence.positives" in str(error.value)
