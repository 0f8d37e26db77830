"""The solver's conditions are the compiled ones: the same answer for every customer, missing facts included."""

import math
from dataclasses import replace as replaced
from functools import cache
from pathlib import Path

import pytest
import z3
from hypothesis import HealthCheck, assume, given, settings
from kleene import (
    event_reader,
    expressions,
    outcomes,
    request_reader,
    requests,
    signals,
    trigger_reader,
    values_of,
)
from msgspec.structs import replace

from models.engagement import ContextWeights
from models.plan.conditions import Constant
from models.plan.expressions import compile_filters, compile_triggers
from models.plan.fields import Scope, feature_columns, fields_of
from models.plan.lint_claims import Claim, computed_in, computed_name, fields_named
from models.plan.lint_domains import Domain, domains_of
from models.plan.lint_logic import Translator
from models.plan.lint_reasoner import Reasoner
from models.plan.load import load_plan
from models.plan.spec import TriggerSpec, WeightSpec
from models.plan.syntax import parse

SPEC = load_plan(Path(__file__).parents[1] / "plans" / "small").spec
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def answers(text, scope, read):
    """Whether the formula of `text` can be met, and whether it can be unmet, under these facts."""
    condition = parse(text, fields_of(SPEC, scope))
    translator = Translator({name: Domain(whole=domain.whole) for name, domain in domains_of(SPEC).items()})
    met = translator.formula(Claim(condition))
    facts = {field: read(field.name) for field in fields_named(condition)}
    assume(all(decodable(field, value, translator) for field, value in facts.items()))
    solver = translator.solver()
    words = [value for value in facts.values() if isinstance(value, str)]
    solver.add([part for field, value in facts.items() for part in assigned(translator, field, value, words)])
    computed = list(computed_in(condition))
    numbers = [value for field, value in facts.items() if field.numeric and value is not None]
    assume(not computed or all(abs(value) < 2**50 for value in numbers))
    for number in computed:
        solver.add(translator.definitions[computed_name(number)])
    possible = tuple(solver.check(formula) != z3.unsat for formula in (met, z3.Not(met)))
    return possible, bool(computed)


def decodable(field, value, translator):
    """Whether such a value gets past the decoder, its range aside."""
    if value is None:
        return not field.always
    if not field.numeric:
        return True
    if isinstance(value, int):
        return abs(value) < 2**63
    whole = z3.is_int(translator.field(field).worth)
    return math.isfinite(value) and (not whole or value.is_integer())


def assigned(translator, field, value, others):
    """That the field has this value, or is missing; a list is said to hold none of the `others`, if it does not."""
    variable = translator.field(field)
    if value is None:
        return [z3.Not(variable.known)]
    if field.type == "strings":
        words = ["x", "a", "", *field.one_of, *others, *value]
        holds = [variable.worth(translator.code(word)) == (word in value) for word in words]
        return [variable.known, *holds]
    if field.type == "boolean":
        return [variable.known, variable.worth == value]
    worth = translator.operand(Constant(value)).worth
    return [variable.known, variable.worth == worth]


def agrees(found, met):
    """The formula decides as the compiled rule does; rounding may leave it open, but never rules out what is so."""
    possible, computed = found
    assert possible[0 if met else 1]
    if not computed:
        assert possible == (met, not met)


@QUICK
@given(expressions(SPEC, Scope.EVENT), signals(SPEC) | outcomes(SPEC))
def test_a_filter_says_to_the_solver_what_it_says_to_an_event(text, event):
    found = answers(text, Scope.EVENT, event_reader(event, SPEC))
    agrees(found, compile_filters([text], SPEC)(event)[0])


@QUICK
@given(expressions(SPEC, Scope.TRIGGER), signals(SPEC), values_of(SPEC.vocabulary.customer))
def test_a_trigger_says_to_the_solver_what_it_says_to_a_signal(text, event, customer):
    found = answers(text, Scope.TRIGGER, trigger_reader(event, customer, SPEC))
    trigger = TriggerSpec(id="t", when=text, placements=("hero",))
    agrees(found, compile_triggers(replace(SPEC, triggers=(trigger,)))(event, customer) is trigger)


@QUICK
@given(expressions(SPEC, Scope.DECISION), requests(SPEC))
def test_a_condition_says_to_the_solver_what_it_says_to_a_request(text, request):
    finite = tuple(value if math.isfinite(value) else 0.0 for value in request.context.features)
    request = replace(request, context=replace(request.context, features=finite))
    found = answers(text, Scope.DECISION, request_reader(request, SPEC))
    agrees(found, weights(text).apply(request)[0] == 2.0)


def weights(text):
    """One action that weighs double where the condition is met."""
    weight = (WeightSpec(when=text, percent=100.0),)
    action = replace(SPEC.actions[0], context_weights=weight)
    spec = replace(SPEC, actions=(action,), arbitration=replace(SPEC.arbitration, context_weights=()))
    return ContextWeights.of(spec, feature_columns(spec))


def claims(*texts, says="met"):
    return [Claim(reasoner().parse(text), says) for text in texts]


@cache
def reasoner():
    return Reasoner(SPEC)


@pytest.mark.parametrize(
    "texts",
    [
        ("customer.age > 130",),
        ("customer.age > 17.5 and customer.age < 18",),
        ("customer.age >= 21", "not customer.age >= 18"),
        ("customer.segment != 'mass'", "customer.segment not in ('affluent', 'student')"),
        ("not known(customer.balance)", "customer.balance > 0 or customer.balance <= 0"),
        ("customer.balance + 1 >= 5", "customer.balance + 1 < 5"),
        ("customer.age * 2 >= 50", "customer.age < 25"),
        ("customer.balance * 3 > 301", "customer.balance < 100"),
        ("-customer.age > 0",),
        ("request.hour + 1 > 24",),
        ("feature.failed_share_7d < 0",),
        ("feature.loan_views_session >= 2", "feature.loan_views_session < 3", "feature.loan_views_session != 2"),
        ("feature.age > 60", "customer.age < 60"),
        ("feature.age != 40", "not known(customer.age)"),
        ("feature.channel_web == 1", "request.channel == 'email'"),
        ("request.trigger == 'large-payment'", "'hero' in request.placements"),
        ("request.trigger == 'large-payment'", "request.attributes.amount < 1000"),
        ("request.trigger == 'large-payment'", "'savings' in customer.holdings"),
        ("request.trigger == 'large-payment'", "request.direction == 'inbound'"),
        ("request.trigger == 'payment-failed'", "request.attributes.failed == false"),
        ("request.channel == request.attributes.product",),
        ("request.attributes.product in customer.holdings", "'loan' not in customer.holdings",
         "request.attributes.product == 'loan'"),
    ],
    ids=" & ".join,
)  # fmt: skip
def test_what_cannot_be_met_together_is_found_out(texts):
    assert not reasoner().possible(claims(*texts))
    assert len(texts) == 1 or all(reasoner().possible(claims(text)) for text in texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("customer.age > 17.5", "customer.age < 18.5"),
        ("customer.balance > 17.5", "customer.balance < 18"),
        ("customer.balance + 0.1 != customer.balance + 0.1 or customer.balance > 0",),
        ("customer.balance * 0.1 == 0.3",),
        ("0.1 + customer.balance == 0.30000000000000004", "customer.balance == 0.2"),
        ("request.trigger == 'payment-failed'", "'savings' in customer.holdings"),
        ("feature.age == 40", "not known(customer.age)"),
        ("customer.balance / customer.balance == 1",),
        ("feature.failed_share_7d > 1",),
    ],
    ids=" & ".join,
)
def test_what_can_be_met_is_never_called_impossible(texts):
    assert reasoner().possible(claims(*texts))


def test_a_rule_that_a_missing_fact_can_break_is_not_always_met():
    (always,) = claims("customer.age >= 0")
    assert not reasoner().implied([], always.condition)
    assert not reasoner().possible([replaced(always, says="false")])
    assert reasoner().implied([], reasoner().parse("not known(customer.age) or customer.age >= 0"))


def test_a_core_leaves_out_what_is_not_to_blame():
    every = claims(
        "customer.consent_marketing", "customer.age >= 18", "customer.balance > 0", "customer.age < 16"
    )
    assert reasoner().core(every) == [every[1], every[3]]
