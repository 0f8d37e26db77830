"""What a check says nobody can get, nobody gets: random plans against random customers who live in them."""

import shutil
from random import Random

from context_plans import run, signal
from drafts import written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kleene import expressions
from msgspec.structs import replace
from realdata import ROOT

from models.context import ContextFold
from models.engagement import EngagementPolicy
from models.plan.facts import customer_facts
from models.plan.fields import Scope, feature_columns
from models.plan.lint import check_plan
from models.plan.load import load_plan
from models.plan.spec import ScopeSpec
from schemas import DecisionRequest

SPEC = load_plan(ROOT / "tests" / "plans" / "small").spec
MINUTE = 60_000_000
CONDITIONS = st.one_of(
    expressions(SPEC, Scope.DECISION),
    st.sampled_from([
        "customer.age >= 18", "customer.age < 21", "customer.age > 75", "not customer.arrears", "customer.vulnerable",
        "customer.balance > 0", "customer.balance * 2 <= 1000", "request.channel == 'web'", "request.hour < 24",
        "request.channel == 'email'", "'loan' in customer.holdings", "'card' not in customer.holdings",
        "known(request.trigger)", "not known(request.page)", "request.trigger == 'large-payment'",
        "request.attributes.amount < 5000", "feature.age >= 18", "feature.holdings_count >= 1",
        "feature.events_7d < 1", "session.events > 2", "session.number >= 1",
    ]),
)  # fmt: skip


def with_rules(draw):
    """The small plan with other conditions in all of its rules."""

    def again(rules):
        return tuple(replace(rule, when=draw(CONDITIONS), **scoped(rule)) for rule in rules)

    def scoped(rule):
        return {"scope": ScopeSpec()} if hasattr(rule, "scope") and draw(st.booleans()) else {}

    tiers = ("eligibility", "applicability", "suitability")
    actions = [
        replace(action, **{tier: again(getattr(action, tier)) for tier in tiers}) for action in SPEC.actions
    ]
    return replace(SPEC, actions=tuple(actions), policies=again(SPEC.policies))


def fact(random, declared):
    """A value within what is declared."""
    words = list(declared.one_of) or ["x", "a", "loan"]
    least = 0 if declared.minimum is None else declared.minimum
    most = 10_000 if declared.maximum is None else declared.maximum
    match declared.type:
        case "boolean":
            return random.random() < 0.5
        case "string":
            return random.choice(words)
        case "strings":
            return tuple(random.sample(words, random.randrange(len(words) + 1)))
        case "integer":
            return random.randint(int(least), int(most))
    return random.choice([least, min(most, 900.0), random.uniform(least, most)])


def facts(random, declared, share):
    return {name: fact(random, field) for name, field in declared.items() if random.random() < share}


def life(spec, seed):
    """What one customer does in an hour, some of which asks for a decision."""
    random = Random(seed)
    for number in range(6):
        placements = random.sample(list(spec.placements), random.choice([0, 1, 1, 2]))
        yield signal(
            number * random.choice([1, 20, 45]) * MINUTE + number,
            f"s{seed}-{number}",
            random.choice(spec.vocabulary.signal_types),
            channel=random.choice(list(spec.channels)),
            brand=random.choice(spec.brands),
            page=random.choice([None, *spec.vocabulary.pages]),
            placements=tuple(placements),
            attributes=facts(random, spec.vocabulary.attributes, 0.6),
            profile=facts(random, customer_facts(spec), random.choice([0.5, 0.9, 1.0])),
        )


def lived(spec, customers):
    fold = ContextFold.of(spec, "digest")
    for seed in range(customers):
        yield from (out for out in run(fold, life(spec, seed))[1] if isinstance(out, DecisionRequest))


def can_be_said(spec, request):
    """By treatment: whether its action has been asked for where it fits."""
    return {
        treatment.id: bool(set(treatment.placements) & set(request.placements))
        for action in spec.actions
        for treatment in action.treatments
    }


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_said_to_be_impossible_happens_to_nobody(tmp_path_factory, data):
    spec = with_rules(data.draw)
    folder = tmp_path_factory.mktemp("plan")
    try:
        remarks = check_plan(written(spec, folder))
    finally:
        shutil.rmtree(folder)
    assert all(remark.code != "refused" for remark in remarks), remarks
    policy = EngagementPolicy.of(spec, feature_columns(spec))
    told = {code: {remark.path for remark in remarks if remark.code == code} for code in CLAIMS}
    for request in lived(spec, customers=25):
        removed = policy.apply(request)
        fits = can_be_said(spec, request)
        for action, index in zip(spec.actions, removed, strict=True):
            placed = [treatment.id for treatment in action.treatments if fits[treatment.id]]
            if index < 0 and placed:
                assert f"actions[{action.id}].id" not in told["action-unreachable"]
                assert not [
                    path for path in told["rule-never-met"] if path.startswith(f"actions[{action.id}]")
                ]
                for treatment in placed:
                    assert (
                        f"actions[{action.id}].treatments[{treatment}].id"
                        not in told["treatment-unreachable"]
                    )
            if index >= 0:
                rule = policy.rules[index].id
                idle = told["rule-always-met"] | told["rule-shadowed"]
                assert not [path for path in idle if path.endswith(f"[{rule}].when")], (rule, request)


CLAIMS = ("action-unreachable", "rule-never-met", "treatment-unreachable", "rule-always-met", "rule-shadowed")


def test_customers_of_this_test_get_what_the_plan_lets_them():
    """So that nobody getting anything is no reason why the test above is passed."""
    policy = EngagementPolicy.of(SPEC, feature_columns(SPEC))
    got = set()
    for request in lived(SPEC, customers=60):
        got |= {
            action.id for action, index in zip(SPEC.actions, policy.apply(request), strict=True) if index < 0
        }
    assert len(got) >= 3, got
