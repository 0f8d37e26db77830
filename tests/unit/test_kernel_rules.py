"""Rules and context weights from tables, compared with the code that tests one condition after the other."""

from datetime import timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kleene import NUMBERS, certain, expressions, request_reader, requests
from msgspec.structs import replace

from models import rule_tables
from models.engagement import ContextWeights, EngagementPolicy
from models.kernel import SWITCH, find
from models.plan.fields import Scope, feature_columns, fields_of
from models.plan.load import load_plan
from models.plan.spec import RuleSpec, WeightSpec
from models.rule_chains import RuleTable
from schemas import Stage

pytestmark = pytest.mark.skipif(find("rules", rule_tables.VERSION) is None, reason="the kernel is not built")

SPEC = load_plan(Path(__file__).parents[1] / "plans" / "small").spec
QUICK = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
FIELDS = fields_of(SPEC, Scope.DECISION)
NUMERIC = st.sampled_from([field.name for field in FIELDS.values() if field.numeric and field.name.isascii()])
EDGES = NUMBERS | st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, -(2**53), 0.1, 1e-300])
PLAIN = st.builds(
    "{} {} {}".format, NUMERIC, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), EDGES.map(repr)
)
TEXTS = expressions(SPEC, Scope.DECISION) | PLAIN | st.builds("{} or {}".format, PLAIN, PLAIN)
UGLY = st.sampled_from([10**400, -(10**400), 2**53, 2**53 + 1, -(2**53) - 1, 0.1, -0.0, float("inf"), True])


@pytest.fixture(autouse=True)
def _however_few(monkeypatch):
    monkeypatch.setattr(rule_tables, "_WORTH", 1)


@st.composite
def chained(draw):
    """Texts of rules, and chains over them: some runs are shared, some chains are empty."""
    texts = draw(st.lists(TEXTS, min_size=1, max_size=8, unique=True))
    numbers = st.integers(0, len(texts) - 1)
    runs = draw(st.lists(st.lists(numbers, min_size=1, max_size=4, unique=True).map(tuple), max_size=4))
    single = numbers.map(lambda number: (number,))
    runs = st.one_of(single, st.sampled_from(runs)) if runs else single
    return texts, draw(st.lists(st.lists(runs, max_size=4).map(tuple), min_size=1, max_size=6))


@st.composite
def asked(draw):
    """A request, one of whose facts may be a number at the edge of what doubles tell apart."""
    request = draw(requests(SPEC))
    for name, field in SPEC.vocabulary.customer.items():
        if field.type in {"integer", "number"} and draw(st.booleans()):
            customer = {**request.context.customer, name: draw(UGLY)}
            request = replace(request, context=replace(request.context, customer=customer))
    zone = timezone(timedelta(minutes=draw(st.sampled_from([0, -300, 345]))))
    return replace(request, requested_at=request.requested_at.astimezone(zone))


def table_of(texts):
    table = RuleTable(SPEC)
    for number, text in enumerate(texts):
        assert table.written(Stage.ELIGIBILITY, RuleSpec(id=f"r{number}", when=text)) == number
    return table


@given(chained(), st.lists(asked(), min_size=1, max_size=4))
@QUICK
def test_tables_find_the_first_unmet_rule_that_testing_finds(drawn, asking):
    texts, chains = drawn
    table = table_of(texts)
    compiled, tested = table.compile(chains), table.tested(chains)
    if any(chains):
        assert compiled.__class__.__name__ == "Chains"
    for request in asking:
        found = compiled(request)
        assert found == tested(request)
        read = request_reader(request, SPEC)
        met = [certain(text, read) for text in texts]
        assert found == tuple(next((r for run in chain for r in run if not met[r]), -1) for chain in chains)


@given(st.lists(TEXTS, min_size=1, max_size=8), asked())
@QUICK
def test_context_weights_are_the_same_from_tables(texts, request):
    weights = tuple(WeightSpec(when=text, percent=7.0 * number) for number, text in enumerate(texts, start=1))
    spec = replace(SPEC, arbitration=replace(SPEC.arbitration, context_weights=weights))
    compiled = ContextWeights.of(spec, feature_columns(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "0")
        plain = ContextWeights.of(spec, feature_columns(spec))
    assert compiled._met(request) == plain._met(request)
    assert compiled.apply(request).tobytes() == plain.apply(request).tobytes()


def test_more_rules_than_a_word_has_bits():
    texts = [f"customer.age >= {number}" for number in range(200)]
    texts += [f"customer.age < {number} or session.events > {number % 7}" for number in range(70)]
    chains = [((number, 199 - number), (number + 70,)) for number in range(199)]
    table = table_of(texts)
    compiled, tested = table.compile(chains), table.tested(chains)
    assert compiled.__class__.__name__ == "Chains"

    @given(asked())
    @settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
    def same(request):
        assert compiled(request) == tested(request)

    same()


def test_too_many_rules_are_tested_one_by_one():
    conditions = (
        table_of(["customer.age >= 18"])._conditions[0],
        table_of(["session.events > 1"])._conditions[0],
    )
    many = 64 * find("rules", rule_tables.VERSION).MOST_WORDS
    assert rule_tables._tables(conditions * (many // 2), FIELDS.roots, None, max) is not None
    assert rule_tables._tables(conditions * (many // 2 + 1), FIELDS.roots, None, max) is None


@pytest.mark.parametrize("what", ["customer", "attributes", "features", "items"])
@given(request=asked())
@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
def test_what_is_not_made_as_the_contracts_say_is_left_to_python(what, request):
    texts = ["customer.age >= 18", f"feature.{feature_columns(SPEC)[0]} >= 1", "'loan' in customer.holdings"]
    table, chains = table_of(texts), [((0,),), ((1,),), ((2,),)]
    context = request.context
    odd = {
        "customer": replace(request, context=replace(context, customer=_Facts(context.customer))),
        "attributes": replace(request, attributes=_Facts(request.attributes)),
        "features": replace(request, context=replace(context, features=list(context.features))),
        "items": replace(
            request,
            context=replace(context, customer={**context.customer, "holdings": ("b", 3, None, "loan")}),
        ),
    }[what]
    assert table.compile(chains)(odd) == table.tested(chains)(odd)


class _Facts(dict):
    """Facts in a mapping of another class."""


def test_a_shipped_policy_is_looked_up():
    policy = EngagementPolicy.of(SPEC, feature_columns(SPEC))
    assert policy._first_unmet.__class__.__name__ == "Chains"
