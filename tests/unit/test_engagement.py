import pickle
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kleene import certain, expressions, request_reader, requests
from msgspec.structs import replace

from models.engagement import ContextWeights, EngagementPolicy, engage
from models.plan.expressions import ExpressionError
from models.plan.fields import Scope, feature_columns
from models.plan.load import load_plan
from models.plan.scopes import Members
from models.plan.spec import CareFactSpec, CareSpec, PolicySpec, RuleSpec, ScopeSpec, WeightSpec
from schemas import ContextSnapshot, DecisionRequest, MessageClass, SessionSummary, Stage

SPEC = load_plan(Path(__file__).parents[1] / "plans" / "small").spec
COLUMNS = feature_columns(SPEC)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TIERS = {
    "eligibility": Stage.ELIGIBILITY,
    "applicability": Stage.APPLICABILITY,
    "suitability": Stage.SUITABILITY,
}

GOOD = {
    "age": 30,
    "segment": "student",
    "holdings": (),
    "consent_marketing": True,
    "vulnerable": False,
    "arrears": False,
}


def request(customer, *, brand="harbour", at=NOON, events=1, **features):
    values = tuple(features.get(column, 0.0) for column in COLUMNS)
    session = SessionSummary(session_id="s", number=1, started_at=NOON, last_at=at, events=events)
    return DecisionRequest(
        decision_id="d",
        signal_id="s",
        customer_id="ana",
        requested_at=at,
        brand=brand,
        channel="web",
        direction="inbound",
        placements=("hero",),
        context=ContextSnapshot(sequence=1, session=session, customer=customer, features=values),
        plan_digest="p",
    )


def removed(policy, asked):
    """Rule id by action, for the actions that are removed."""
    unmet = policy.apply(asked)
    return {
        action.id: policy.rules[rule].id
        for action, rule in zip(policy.spec.actions, unmet, strict=True)
        if rule >= 0
    }


ALWAYS = {"payment-help": "payment-failed-lately", "terms-change": "terms-meadow"}


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        pytest.param(GOOD, {}, id="everything-is-fine"),
        pytest.param(
            {**GOOD, "consent_marketing": False},
            dict.fromkeys(["personal-loan", "credit-card", "easy-saver", "student-saver"], "consent"),
            id="no-consent-removes-marketing-only",
        ),
        pytest.param(
            {key: value for key, value in GOOD.items() if key != "consent_marketing"},
            dict.fromkeys(["personal-loan", "credit-card", "easy-saver", "student-saver"], "consent"),
            id="consent-that-is-not-on-record-is-none",
        ),
        pytest.param(
            {**GOOD, "vulnerable": None},
            dict.fromkeys(["personal-loan", "credit-card", "easy-saver", "student-saver"], "not-vulnerable"),
            id="vulnerability-that-is-not-known-is-assumed",
        ),
        pytest.param(
            {**GOOD, "age": 17}, {"personal-loan": "adult", "credit-card": "adult"}, id="too-young-for-credit"
        ),
        pytest.param(
            {**GOOD, "age": 20}, {"credit-card": "card-age"}, id="own-rules-come-after-the-policies-of-a-tier"
        ),
        pytest.param(
            {**GOOD, "age": 20, "holdings": ("card",)},
            {"credit-card": "card-age"},
            id="eligibility-before-applicability",
        ),
        pytest.param(
            {**GOOD, "holdings": ("loan", "savings")},
            {"personal-loan": "no-loan", "easy-saver": "no-savings"},
            id="what-the-customer-has-does-not-apply",
        ),
        pytest.param({**GOOD, "segment": "mass"}, {"student-saver": "student"}, id="not-a-student"),
    ],
)
def test_the_first_rule_that_is_not_met_removes_an_action(customer, expected):
    policy = EngagementPolicy.of(SPEC, COLUMNS)
    assert removed(policy, request(customer)) == {**ALWAYS, **expected}


def test_every_removed_candidate_keeps_its_stage_and_rule():
    policy = EngagementPolicy.of(SPEC, COLUMNS)
    candidates = engage(policy, request({}))
    stages = [policy.rules[rule].stage for rule in candidates.removed_by if rule >= 0]
    assert len(candidates.removed_by) == len(SPEC.actions)
    assert stages == [Stage.ELIGIBILITY] * 4 + [Stage.APPLICABILITY, Stage.ELIGIBILITY]
    assert policy.rules[candidates.removed_by[0]].why == "You have not agreed to marketing."


def test_rules_can_look_at_features_and_brand():
    policy = EngagementPolicy.of(SPEC, COLUMNS)
    asked = request(GOOD, brand="meadow", failed_share_7d=0.5)
    assert removed(policy, asked) == {"student-saver": "harbour-only"}


def test_a_policy_and_its_weights_survive_pickling():
    policy = pickle.loads(pickle.dumps(EngagementPolicy.of(SPEC, COLUMNS)))
    weights = pickle.loads(pickle.dumps(ContextWeights.of(SPEC, COLUMNS)))
    assert removed(policy, request(GOOD)) == ALWAYS
    assert weights.apply(request(GOOD)).tolist() == [1.0] * 6


@pytest.mark.parametrize("build", [EngagementPolicy.of, ContextWeights.of])
def test_columns_of_another_plan_are_refused(build):
    with pytest.raises(ValueError, match="not those of the plan"):
        build(SPEC, COLUMNS[1:])


def test_a_rule_that_cannot_be_used_is_refused():
    broken = replace(SPEC, policies=(PolicySpec(id="x", when="customer.name == 'x'", tier="eligibility"),))
    with pytest.raises(ExpressionError, match="unknown field customer"):
        EngagementPolicy.of(broken, COLUMNS)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(request(GOOD), [1, 1, 1, 1, 1, 1], id="nothing-met"),
        pytest.param(request(GOOD, loan_views_session=2.0), [1.5, 1, 1, 1, 1, 1], id="own-weight"),
        pytest.param(request(GOOD, events=5), [1.1, 1.1, 1, 1, 1, 1], id="weight-of-a-group"),
        pytest.param(
            request(GOOD, events=5, loan_views_session=2.0, at=NOON.replace(hour=20)),
            [1.4, 0.9, 0.8, 0.8, 1, 1],
            id="percents-add-up",
        ),
        pytest.param(
            request(GOOD, at=NOON.replace(month=6, hour=17)), [0.8] * 4 + [1, 1], id="the-hour-is-local-time"
        ),
        pytest.param(request(GOOD, at=NOON.replace(day=21)), [0.8] * 4 + [1, 1], id="saturday-is-weekday-5"),
    ],
)
def test_context_weights_add_percents(asked, expected):
    assert ContextWeights.of(SPEC, COLUMNS).apply(asked) == pytest.approx(expected, rel=1e-12)


def test_a_context_weight_is_never_negative():
    arbitration = replace(
        SPEC.arbitration,
        context_weights=(
            WeightSpec(when="true", percent=-80),
            WeightSpec(when="session.events >= 0", percent=-80),
        ),
    )
    weights = ContextWeights.of(replace(SPEC, arbitration=arbitration), COLUMNS)
    assert weights.apply(request(GOOD)).tolist() == [0.0] * 6


def test_context_weights_cannot_be_written_to():
    answer = ContextWeights.of(SPEC, COLUMNS).apply(request(GOOD))
    with pytest.raises(ValueError, match="read-only"):
        answer[0] = 2.0


CARE = st.builds(
    CareSpec,
    vulnerable=st.builds(CareFactSpec, fact=st.just("vulnerable"), then=st.sampled_from(["stop", "soften"])),
    bereaved=st.builds(CareFactSpec, fact=st.just("bereaved"), then=st.sampled_from(["stop", "soften"])),
    soften_percent=st.sampled_from([-50.0, -100.0, 0.0]),
    waived=st.sampled_from(["", "", "customers are test data"]),
)
TEXTS = expressions(SPEC, Scope.DECISION)
SCOPES = st.builds(
    ScopeSpec,
    issues=st.sampled_from([(), ("grow",), ("grow", "service")]),
    groups=st.sampled_from([(), (), ("lending",), ("lending", "care")]),
    actions=st.sampled_from([(), (), ("easy-saver", "terms-change")]),
    classes=st.sampled_from([(), (), (MessageClass.MARKETING,)]),
)


@st.composite
def specs(draw):
    """The small plan with other rules and weights; texts repeat, so that conditions are shared."""
    texts = st.sampled_from(draw(st.lists(TEXTS, min_size=1, max_size=5)))
    rules = st.lists(st.builds(RuleSpec, id=st.sampled_from("abcdef"), when=texts), max_size=3).map(tuple)
    weights = st.lists(st.builds(WeightSpec, when=texts, percent=st.integers(-90, 90).map(float)), max_size=2)
    scoped = st.builds(WeightSpec, when=texts, percent=st.integers(-90, 90).map(float), scope=SCOPES)
    policy = st.builds(
        PolicySpec, id=st.sampled_from("uvw"), when=texts, tier=st.sampled_from(list(TIERS)), scope=SCOPES
    )
    actions = [
        replace(action, context_weights=tuple(draw(weights)), **{tier: draw(rules) for tier in TIERS})
        for action in SPEC.actions
    ]
    return replace(
        SPEC,
        care=draw(CARE),
        policies=tuple(draw(st.lists(policy, max_size=6))),
        actions=tuple(actions),
        arbitration=replace(SPEC.arbitration, context_weights=tuple(draw(st.lists(scoped, max_size=3)))),
    )


def circumstance(spec, customer, then):
    """The first circumstance that holds for this customer and does this to marketing."""
    for name in () if spec.care.waived else ("vulnerable", "bereaved", "financial_difficulty", "complaint"):
        care = getattr(spec.care, name)
        value = customer.get(care.fact)
        if care.then == then and value is not None and value is not False:
            return name, care.fact
    return None


def first_unmet(spec, index, read, customer):
    """The rule that removes an action, by the book: duty of care, then tier by tier, policies first."""
    action, members = spec.actions[index], Members.of(spec)
    stopped = circumstance(spec, customer, "stop")
    if stopped and action.message_class is MessageClass.MARKETING:
        return Stage.ELIGIBILITY, f"care-{stopped[0].replace('_', '-')}", f"not customer.{stopped[1]}"
    for tier, stage in TIERS.items():
        policies = [p for p in spec.policies if p.tier == tier and index in members.indices(p.scope)]
        for rule in [*policies, *getattr(action, tier)]:
            if not certain(rule.when, read):
                return stage, rule.id, rule.when
    return None


@QUICK
@given(specs(), requests(SPEC))
def test_compiled_rules_equal_rules_walked_one_by_one(spec, asked):
    policy, read = EngagementPolicy.of(spec, COLUMNS), request_reader(asked, spec)
    answer = [policy.rules[rule] if rule >= 0 else None for rule in policy.apply(asked)]
    assert [rule and (rule.stage, rule.id, rule.text) for rule in answer] == [
        first_unmet(spec, index, read, asked.context.customer) for index in range(len(spec.actions))
    ]


@QUICK
@given(specs(), requests(SPEC))
def test_compiled_context_weights_equal_sums_of_percents(spec, asked):
    read, members = request_reader(asked, spec), Members.of(spec)
    expected = []
    for index, action in enumerate(spec.actions):
        shared = [w for w in spec.arbitration.context_weights if index in members.indices(w.scope)]
        percent = sum(
            weight.percent for weight in [*shared, *action.context_weights] if certain(weight.when, read)
        )
        if action.message_class is MessageClass.MARKETING and circumstance(
            spec, asked.context.customer, "soften"
        ):
            percent += spec.care.soften_percent
        expected.append(max(0.0, 1 + percent / 100))
    assert np.allclose(ContextWeights.of(spec, COLUMNS).apply(asked), expected, rtol=1e-12, atol=0)


def test_a_hundred_rules_of_one_action_are_no_problem():
    rules = tuple(RuleSpec(id=f"r{number}", when=f"customer.age != {number}") for number in range(100))
    action = replace(SPEC.actions[0], eligibility=rules)
    policy = EngagementPolicy.of(replace(SPEC, policies=(), actions=(action,)), COLUMNS)
    assert removed(policy, request({**GOOD, "age": 97})) == {"personal-loan": "r97"}
