import math
import pickle
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kleene import (
    certain,
    event_reader,
    expressions,
    outcomes,
    signals,
    trigger_reader,
    values_of,
)
from msgspec.structs import replace

from models.plan.expressions import ExpressionError, compile_filters, compile_triggers, parse
from models.plan.facts import customer_facts
from models.plan.fields import Scope, fields_of
from models.plan.load import load_plan
from models.plan.spec import TriggerSpec
from models.plan.syntax_tree import MAX_LENGTH
from schemas import Outcome, OutcomeKind, Signal

SPEC = load_plan(Path(__file__).parents[1] / "plans" / "small").spec
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def signal(**fields):
    known = {"type": "payment", "channel": "web", "brand": "harbour", **fields}
    return Signal(signal_id="s1", customer_id="ana", occurred_at=AT, **known)


def outcome(kind=OutcomeKind.CLICKED, **fields):
    return Outcome(outcome_id="o1", customer_id="ana", occurred_at=AT, kind=kind, **fields)


def met(text, event):
    return compile_filters([text], SPEC)(event)[0]


PAID = signal(attributes={"amount": 25.0, "failed": False, "product": "loan"}, page="loans")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("signal.type == 'payment'", True, id="equal"),
        pytest.param("signal.type != 'payment'", False, id="not-equal"),
        pytest.param("signal.type in ('click', 'payment')", True, id="among"),
        pytest.param("signal.type not in ['click', 'search']", True, id="not-among-a-list"),
        pytest.param("10 <= signal.attributes.amount < 25", False, id="a-chain-holds-link-by-link"),
        pytest.param("10 <= signal.attributes.amount <= 25", True, id="a-chain-includes-its-bounds"),
        pytest.param("signal.attributes.amount * 2 - 1 == 49", True, id="arithmetic"),
        pytest.param("-signal.attributes.amount < -24", True, id="negative-numbers"),
        pytest.param("signal.attributes.failed", False, id="a-boolean-field-stands-alone"),
        pytest.param("not signal.attributes.failed", True, id="not-of-what-is-known-to-be-false"),
        pytest.param("signal.attributes.failed == false", True, id="yaml-spelling-of-truth"),
        pytest.param("signal.attributes.failed == False", True, id="python-spelling-of-truth"),
        pytest.param("signal.attributes['amount'] > 20", True, id="a-name-in-brackets"),
        pytest.param("known(signal.page) and not known(signal.device_id)", True, id="known"),
        pytest.param("signal.channel == signal.attributes.product", False, id="two-fields"),
        pytest.param("true", True, id="always"),
        pytest.param("signal.type == 'click' or\n  signal.page == 'loans'", True, id="over-several-lines"),
        pytest.param("signal.type == 'click' # or so\n or true", True, id="a-comment-ends-with-its-line"),
    ],
)
def test_an_expression_means_what_it_says(text, expected):
    assert met(text, PAID) is expected


@pytest.mark.parametrize(
    "text",
    [
        "signal.attributes.amount > 1",
        "not signal.attributes.amount > 1",
        "signal.attributes.amount != 1",
        "not signal.attributes.amount == 1",
        "signal.attributes.amount + 1 > 0",
        "signal.attributes.failed",
        "not signal.attributes.failed",
        "signal.attributes.failed != true",
        "signal.page == 'loans'",
        "signal.page != 'loans'",
        "signal.page not in ('loans', 'home')",
        "signal.page == signal.device_id",
        "signal.page != signal.device_id",
        "outcome.kind != 'Clicked'",
        "not (signal.attributes.amount > 1 and signal.type == 'payment')",
        "1 / (signal.attributes.dwell_ms - signal.attributes.dwell_ms) >= 0",
    ],
)
@pytest.mark.parametrize("given", [{}, {"amount": None, "failed": None}, {"amount": math.nan, "failed": 1}])
def test_what_is_not_known_meets_no_condition(text, given):
    assert met(text, signal(attributes={**given, "dwell_ms": 3})) is False


@pytest.mark.parametrize(
    "wrong", ["25", True, ("a",), [1], math.nan], ids=["text", "truth", "tuple", "list", "nan"]
)
def test_a_value_of_another_type_counts_as_missing(wrong):
    event = signal(attributes={"amount": wrong})
    texts = [
        "signal.attributes.amount > 1",
        "signal.attributes.amount != 1",
        "known(signal.attributes.amount)",
    ]
    assert compile_filters(texts, SPEC)(event) == (False, False, False)


def test_an_integer_too_large_for_any_float_can_still_be_compared():
    event = signal(attributes={"amount": 10**400})
    texts = ["signal.attributes.amount > 1", "signal.attributes.amount + 1 > 1"]
    assert compile_filters(texts, SPEC)(event) == (True, False)


def test_on_an_outcome_the_signal_is_missing_and_the_other_way_round():
    texts = [
        "signal.type == 'click' or outcome.kind == 'Clicked'",
        "known(outcome.kind)",
        "known(signal.type)",
    ]
    assert compile_filters(texts, SPEC)(outcome()) == (True, True, False)
    assert compile_filters(texts, SPEC)(signal(type="click")) == (True, False, True)


def test_no_filters_give_no_answers():
    assert compile_filters([], SPEC)(PAID) == ()


@QUICK
@given(st.lists(expressions(SPEC, Scope.EVENT), min_size=1, max_size=6), signals(SPEC) | outcomes(SPEC))
def test_compiled_filters_equal_three_valued_logic(texts, event):
    read = event_reader(event, SPEC)
    assert compile_filters(texts, SPEC)(event) == tuple(certain(text, read) for text in texts)


@QUICK
@given(
    st.lists(expressions(SPEC, Scope.TRIGGER), min_size=1, max_size=4),
    signals(SPEC),
    values_of(customer_facts(SPEC)),
)
def test_compiled_triggers_give_the_first_that_three_valued_logic_meets(texts, event, customer):
    triggers = tuple(
        TriggerSpec(id=f"t{number}", when=text, placements=("hero",)) for number, text in enumerate(texts)
    )
    spec = replace(SPEC, triggers=triggers)
    read = trigger_reader(event, customer, spec)
    first = next((trigger for trigger in triggers if certain(trigger.when, read)), None)
    assert compile_triggers(spec)(event, customer) is first


def test_triggers_see_the_customer():
    first_trigger = compile_triggers(SPEC)
    large = signal(attributes={"amount": 1000.0})
    assert first_trigger(large, {"holdings": ("card",)}).id == "large-payment"
    assert first_trigger(large, {"holdings": ("savings",)}) is None
    assert first_trigger(large, {}) is None, "holdings that are not known may hold savings"


REFUSED = {
    "signl.page == 'loans'": "unknown field signl.page; did you mean signal.page?",
    "customer.age >= 18": "unknown field customer.age; known here: signal.*, signal.attributes.*, outcome.*",
    "signal.attributes.amont > 1": "unknown field signal.attributes.amont; did you mean signal.attributes.amount?",
    "signal.attributes.colour == 'x'": (
        "unknown field signal.attributes.colour; declare it under vocabulary.attributes"
    ),
    "signal.attributes.amount > '1'": (
        "signal.attributes.amount (number) compared with '1' (string); write the number without quotes: 1"
    ),
    "signal.type == 3": "signal.type (string) compared with 3 (number); quote it: '3'",
    "signal.type == 'clik'": (
        "signal.type is never 'clik'; did you mean 'click'? "
        "known: page_view, click, search, payment, opt_out, session_start, profile"
    ),
    "signal.attributes.product in ('loan', 'mortgage')": (
        "signal.attributes.product is never 'mortgage'; known: loan, savings, card"
    ),
    "signal.type < 'click'": "signal.type (string) ordered by `<`; only numbers have an order; use == or in",
    "signal.attributes.amount": (
        "signal.attributes.amount alone is a number, not a condition; "
        "compare it, or write known(signal.attributes.amount)"
    ),
    "signal.type == None": "comparison with None; write known(field) or not known(field)",
    "signal.type is 'click'": "`is` compares nothing here; write `==`, or known(field)",
    "signal.type = 'click'": "not an expression: `signal.type = 'click'`; compare with `==`",
    "signal.type == 'click' && true": "not an expression: `signal.type == 'click' && true`; write `and` for `&&`",
    "1 < 2": "two constants compared; put a field on one side",
    "'click' in signal.page": "`in signal.page`; after `in` write ('a', 'b') or a list field",
    "signal.type in ()": "`in` that is always the same; write field in ('a', 'b')",
    "(signal.type == 'click') == true": (
        "the condition `signal.type == 'click'` used as a value; combine conditions with and, or, not"
    ),
    "open('x')": "call of `open`; the only function is known(field)",
    "known(1)": "known() of something else than one field; write e.g. known(customer.age)",
    "signal.attributes.failed + 1 > 0": "`+` on signal.attributes.failed (boolean); compute with numbers only",
    "signal.attributes.amount > 9e99": "number out of range; write one between -2**63 and 2**63",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=list(REFUSED))
def test_a_refusal_names_the_fault_and_the_remedy(text, message):
    with pytest.raises(ExpressionError) as refused:
        compile_filters([text], SPEC)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "().__class__.__bases__[0]",
        "signal.__class__ == 'x'",
        "signal.attributes.amount.__class__ == 1",
        "__import__('os').system('true')",
        "[x for x in (1, 2)]",
        "lambda: true",
        "(x := 1) == 1",
        "f'{signal.type}' == 'click'",
        "signal.attributes.amount ** 99999999 > 1",
        "'a' * 99999999 == 'b'",
        "signal.type == '\\x41'",
        "signal.type == b'click'",
        "1j == signal.attributes.amount",
        "... == signal.attributes.amount",
        "*signal.type",
        "signal.attributes[signal.type] == 'x'",
        "signal.type if true else signal.page",
        "yield",
        "await signal.type",
        "",
        "   ",
        "true\x00",
        "true) or (true",
        "(" * 900,
        "not " * 450 + "true",
        "-" * 1900 + "1 > signal.attributes.amount",
        "+".join(["1"] * 900) + "> signal.attributes.amount",
        " and ".join(["true"] * 380 + ["(" * 50 + "true" + ")" * 50 + "x"]),
        "9" * 1900 + " > signal.attributes.amount",
        "true or " * 400 + "true",
        "[x for x in " * 150 + "x" + "]" * 150,
        "lambda x=" * 180 + "x: x",
        "f(a=" * 180 + "x" + ")" * 180,
    ],
)
def test_hostile_text_is_refused(text):
    with pytest.raises(ExpressionError):
        compile_filters([text], SPEC)


@given(st.text(max_size=80) | st.text(alphabet="()[]'\"=<>notadrin .,+-*/#\n1truesignal", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_expression_or_refused(text):
    with suppress(ExpressionError):
        assert compile_filters([text], SPEC)(PAID) in {(True,), (False,)}


def test_a_text_that_is_too_long_is_refused_before_it_is_parsed():
    with pytest.raises(ExpressionError, match="keep it under"):
        parse("true or " * MAX_LENGTH, fields_of(SPEC, Scope.EVENT))


def test_an_error_can_cross_a_process():
    with pytest.raises(ExpressionError) as refused:
        compile_filters(["x"], SPEC)
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.remedy) == (str(refused.value), refused.value.remedy)
