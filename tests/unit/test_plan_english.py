"""Plans in plain English: read as a whole in two golden files, and complete: whatever a plan says changes the text."""

import os
from contextlib import suppress
from dataclasses import replace as replaced
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kleene import expressions
from realdata import ROOT

from models.plan.english import tell_action, tell_plan
from models.plan.english_expressions import english
from models.plan.english_words import WIDTH
from models.plan.fields import Scope, fields_of
from models.plan.load import load_plan
from models.plan.syntax import ExpressionError, parse

GOLDEN = ROOT / "tests" / "golden"
FOLDERS = {
    "uk_bank": ROOT / "models" / "catalogues" / "uk_bank",
    "bpic2012": ROOT / "models" / "catalogues" / "bpic2012",
    "everything": ROOT / "tests" / "plans" / "everything",
}


@cache
def plan(name):
    return load_plan(FOLDERS[name])


def said(text, scope=Scope.DECISION):
    return english(parse(text, fields_of(plan("everything").spec, scope)))


@pytest.mark.parametrize("name", ["uk_bank", "everything"])
def test_a_plan_reads_as_in_its_golden_file(name):
    golden = GOLDEN / f"plan_explain_{name}.txt"
    text = tell_plan(plan(name))
    if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FOLDERS)
def test_lines_are_short_enough_to_read(name):
    words = max(len(word) for word in tell_plan(plan(name)).split())
    assert max(map(len, tell_plan(plan(name)).splitlines())) <= max(WIDTH, words)


def test_one_action_is_told_with_all_of_the_plan_that_is_about_it():
    text = tell_action(plan("everything"), "easy-saver")
    assert {"no-savings", "consent", "rate-error", "mail-per-week", "turned-down", "loan-and-cover"} <= {
        word.strip(":,.") for word in text.split()
    }
    assert "adult" not in text
    assert "lending-seen" not in text


def test_a_service_message_is_told_to_be_exempt():
    text = tell_action(plan("everything"), "payment-help")
    assert "A service message neither counts nor is held back." in text
    assert "Duty of care" not in text


def variants(value):
    """The same part of a plan with one thing of it left out, wherever that is possible; and what was left out."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            inner = getattr(value, field.name)
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            if default is not msgspec.NODEFAULT and inner != default:
                yield (
                    f"{type(value).__name__}.{field.name}",
                    msgspec.structs.replace(value, **{field.name: default}),
                )
            for what, other in variants(inner):
                yield what, msgspec.structs.replace(value, **{field.name: other})
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            for what, other in variants(inner):
                yield what, (*value[:index], other, *value[index + 1 :])
    elif isinstance(value, dict):
        for key, inner in value.items():
            for what, other in variants(inner):
                yield what, {**value, key: other}


UNTOLD = ["FeatureSpec.window"]
"""The window of a balance: it is the session in any case."""


def test_nothing_that_a_plan_says_is_left_untold():
    loaded = plan("everything")
    text, seen, untold = tell_plan(loaded), set(), []
    for what, spec in variants(loaded.spec):
        seen.add(what)
        with suppress(KeyError, ExpressionError):  # a part that others refer to
            if tell_plan(replaced(loaded, spec=spec)) == text:
                untold.append(what)
    assert len(seen) >= 100
    assert untold == UNTOLD


SAID = """
customer.age >= 18
  the customer's age is at least 18
18 <= customer.age <= 80
  the customer's age is at least 18 and at most 80
not customer.age >= 18
  the customer's age is less than 18
known(customer.age)
  the customer's age is known
not known(customer.age)
  the customer's age is not known
customer.carer
  the customer's "carer" flag is true
not customer.carer
  the customer's "carer" flag is false
customer.segment != 'mass'
  the customer's segment is known and is not "mass"
customer.segment not in ('affluent', 'mass')
  the customer's segment is known and is neither "mass" nor "affluent"
request.page == 'home' or request.page == 'loans'
  the page that asks is "home" or "loans"
not (customer.carer or customer.age < 18)
  the customer's "carer" flag is false and the customer's age is at least 18
customer.carer and (customer.age < 18 or customer.age > 80)
  the customer's "carer" flag is true, and the customer's age is less than 18 or more than 80
customer.carer or customer.age < 18 and customer.balance > 0
  the customer's "carer" flag is true, or (the customer's age is less than 18 and the customer's balance is more than 0)
'loan' in customer.holdings or 'savings' in customer.holdings
  the customer's holdings include "loan" or "savings"
'loan' not in customer.holdings and 'savings' not in customer.holdings
  the customer's holdings are known and do not include "loan" or "savings"
'loan' not in customer.holdings or 'savings' not in customer.holdings
  the customer's holdings are known and do not include "loan", or the customer's holdings are known and do not include "savings"
'hero' in request.placements
  "hero" is asked to be filled
not known(request.trigger)
  no trigger asked
customer.balance - 1 > -customer.age
  the customer's balance minus 1 is more than minus the customer's age
true
  always
"""  # noqa: E501


@pytest.mark.parametrize(
    ("text", "expected"), zip(SAID.split("\n")[1::2], SAID.split("\n")[2::2], strict=False)
)
def test_a_condition_is_said_as_one_would_say_it(text, expected):
    assert said(text) == expected.strip()


@pytest.mark.parametrize("scope", Scope)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_condition_can_be_said(scope, data):
    text = data.draw(expressions(plan("everything").spec, scope))
    words = said(text, scope)
    assert words
    assert "\n" not in words
    assert words.count("(") == words.count(")")
