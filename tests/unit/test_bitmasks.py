"""Conditions as tables, read back the slow way."""

import math
from bisect import bisect_right
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kleene import certain, expressions, request_reader, requests

from models.plan.bitmasks import Bitmasks
from models.plan.conditions import AnyOf
from models.plan.emit import Emitter
from models.plan.fields import Scope, fields_of
from models.plan.load import load_plan
from models.plan.syntax import parse

SPEC = load_plan(Path(__file__).parents[1] / "plans" / "small").spec
FIELDS = fields_of(SPEC, Scope.DECISION)


def looked_up(masks: Bitmasks, read, texts: dict[int, list[bool]]) -> int:
    """The conditions that are met, as bits; `texts` says what is left to test."""
    must, some = masks.every, masks.free
    for table in masks.tables:
        case = case_of(table, read(table.key.field.name))
        must &= table.must[case]
        some |= table.some[case]
    for level in range(masks.levels):
        must &= some >> level * masks.size
    for bit, tests in texts.items():
        if not all(tests):
            must &= ~(1 << bit)
    return must


def case_of(table, value) -> int:
    if value is None:
        return 0
    if table.key.item is not None:
        return 2 if table.key.item in value else 1
    if table.key.field.type == "boolean":
        return 2 if value else 1
    if table.key.field.numeric:
        return 1 + bisect_right(table.cuts, value)
    return table.words.index(value) + 2 if value in table.words else 1


@given(st.lists(expressions(SPEC, Scope.DECISION), min_size=1, max_size=6), requests(SPEC))
@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
def test_tables_say_what_conditions_mean(texts, request):
    masks = Bitmasks.of([parse(text, FIELDS) for text in texts])
    whole = {bit for bit, _ in masks.rest}  # what is left to test is here the whole condition again
    read = request_reader(request, SPEC)
    met = [certain(text, read) for text in texts]
    found = looked_up(masks, read, {bit: [met[bit]] for bit in whole})
    assert found == sum(1 << bit for bit, holds in enumerate(met) if holds)


@pytest.mark.parametrize(
    ("trigger", "holds"), [("large-payment", 1), ("payment-failed", 1), ("new", 0), (None, 0)]
)
@pytest.mark.parametrize("age", [None, 30])
def test_of_a_clause_of_several_parts_about_one_field_one_must_hold(trigger, holds, age):
    large, failed = "request.trigger in ('large-payment',)", "request.trigger in ('payment-failed',)"
    text = f"known(customer.age) and request.trigger == 'large-payment' or {large} or {failed}"
    masks = Bitmasks.of([parse(text, FIELDS)])
    assert not masks.rest
    assert looked_up(masks, {"request.trigger": trigger, "customer.age": age}.get, {}) == holds


@pytest.mark.parametrize(
    ("text", "tables", "levels", "rest"),
    [
        pytest.param("customer.age >= 18 and customer.age < 70", 1, 0, 0, id="one-field"),
        pytest.param("customer.age >= 18 or session.events > 2", 2, 1, 0, id="a-clause-about-two"),
        pytest.param("not (customer.age < 18 or session.events < 2)", 2, 0, 0, id="denied-alternatives"),
        pytest.param("'loan' in customer.holdings or 'card' in customer.holdings", 2, 1, 0, id="items"),
        pytest.param("customer.age * 2 > 18", 0, 0, 1, id="computed"),
        pytest.param("customer.age > session.events and customer.age > 3", 1, 0, 1, id="fields-compared"),
        pytest.param("customer.age > 9007199254740992", 0, 0, 1, id="beyond-exact-doubles"),
        pytest.param("known(customer.holdings)", 0, 0, 1, id="a-list-is-known"),
        pytest.param("true", 0, 0, 1, id="always"),
    ],
)
def test_what_is_tabled_and_what_is_left(text, tables, levels, rest):
    masks = Bitmasks.of([parse(text, FIELDS)])
    assert (len(masks.tables), masks.levels, len(masks.rest)) == (tables, levels, rest)


def test_cuts_are_only_where_something_changes():
    masks = Bitmasks.of([parse("customer.age >= 18", FIELDS), parse("customer.age <= 70", FIELDS)])
    (table,) = masks.tables
    assert table.cuts == (18.0, math.nextafter(70.0, math.inf))
    assert table.must == (0b00, 0b10, 0b11, 0b01)


def test_what_is_left_is_a_clause():
    condition = parse("customer.age * 2 > 18 or customer.age < 3", FIELDS)
    ((bit, rest),) = Bitmasks.of([condition]).rest
    assert bit == 0
    assert isinstance(rest, AnyOf)
    assert Emitter(FIELDS.roots).certainly(rest) == Emitter(FIELDS.roots).certainly(condition)
