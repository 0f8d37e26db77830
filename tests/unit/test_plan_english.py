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
from models.plan.spec import CareFactSpec, ModelSpec, PlanSpec
from models.plan.structure import hints
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


def said_types(hint, found):
    """The parts that a plan can have, by way of the types of their fields."""
    for inner in getattr(hint, "__args__", ()):
        said_types(inner, found)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct) and hint not in found:
        found.add(hint)
        for inner in hints(hint).values():
            said_types(inner, found)
    return found


def test_the_plan_that_uses_everything_does_use_everything():
    """So that what the test below leaves out of it, one by one, is all that any plan can say."""
    can_be_left_out = {
        f"{part.__name__}.{field.name}"
        for part in said_types(PlanSpec, set())
        for field in msgspec.structs.fields(part)
        if not field.required
    }
    left_out = {what for what, _ in variants(plan("everything").spec)}
    assert can_be_left_out - left_out == {f"{kind}.{name}" for kind, name in OTHERWISE}


OTHERWISE = {
    ("ArbitrationSpec", "context_weight"): False,
    ("ArbitrationSpec", "levers"): False,
    ("ArbitrationSpec", "propensity"): False,
    ("ArbitrationSpec", "value"): False,
    ("BundleSpec", "alone"): True,
    ("BundleSpec", "needs"): "all",
    ("CareSpec", "bereaved"): CareFactSpec(fact="carer", then="soften"),
    ("CareSpec", "complaint"): CareFactSpec(fact="carer", then="soften"),
    ("CareSpec", "financial_difficulty"): CareFactSpec(fact="carer", then="soften"),
    ("CareSpec", "waived"): "A test.",
    ("ContactSpec", "exempt"): (),
    ("ModelSpec", "digest"): "0123456789abcdef",
    ("PlanSpec", "model"): ModelSpec(path="model"),
    ("SessionSpec", "gap"): "5m",
    ("SessionSpec", "late"): "5m",
    ("SuppressionSpec", "action_attribute"): "product",
    ("VocabularySpec", "page_required"): True,
}
"""What the plan that uses everything leaves at its default, and what a plan can say instead."""


def said_otherwise(value, kind, name, other):
    """The part of a plan with `name` of every such part in it said otherwise."""
    if isinstance(value, msgspec.Struct):
        parts = {key: getattr(value, key) for key in value.__struct_fields__}
        said = {key: said_otherwise(inner, kind, name, other) for key, inner in parts.items()}
        if type(value).__name__ == kind:
            said[name] = other
        return msgspec.structs.replace(value, **said)
    if isinstance(value, tuple):
        return tuple(said_otherwise(inner, kind, name, other) for inner in value)
    if isinstance(value, dict):
        return {key: said_otherwise(inner, kind, name, other) for key, inner in value.items()}
    return value


@pytest.mark.parametrize(("kind", "name"), OTHERWISE)
def test_what_it_leaves_at_its_default_is_told_where_a_plan_says_otherwise(kind, name):
    loaded = plan("everything")
    loaded = replaced(loaded, spec=msgspec.structs.replace(loaded.spec, model=ModelSpec(path="here")))
    spec = said_otherwise(loaded.spec, kind, name, OTHERWISE[kind, name])
    assert tell_plan(replaced(loaded, spec=spec)) != tell_plan(loaded)


CHANGED = {bool: lambda value: not value, int: lambda value: value + 1, float: lambda value: value + 1.0}


def changes(value):
    """The same part of a plan with one number or truth value of it changed; and which."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            inner = getattr(value, name)
            if type(inner) in CHANGED:
                other = CHANGED[type(inner)](inner)
                yield f"{type(value).__name__}.{name}", msgspec.structs.replace(value, **{name: other})
            for what, other in changes(inner):
                yield what, msgspec.structs.replace(value, **{name: other})
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            for what, other in changes(inner):
                yield what, (*value[:index], other, *value[index + 1 :])
    elif isinstance(value, dict):
        for key, inner in value.items():
            for what, other in changes(inner):
                yield what, {**value, key: other}


NEVER_MISSING = (
    "count",
    "sum",
    "distinct",
    "balance",
    "session_age",
    "session_number",
    "time_of_day",
    "one_hot",
)
WITHOUT_EVENTS = ("balance", "session_age", "session_number", "time_of_day", "one_hot", "number", "size")


def has_meaning(what, feature):
    """Whether a part of a feature says something by itself: no kind of feature uses all of them."""
    if what == "FeatureSpec.default":
        return feature.kind not in NEVER_MISSING
    if what == "FeatureSpec.previous":
        return feature.kind not in WITHOUT_EVENTS
    return feature.model or not what.startswith("TransformSpec.")


def test_every_number_and_switch_of_a_plan_is_told():
    loaded = plan("everything")
    text, features = tell_plan(loaded), loaded.spec.features
    for what, other in changes(msgspec.structs.replace(loaded.spec, features=())):
        spec = msgspec.structs.replace(other, features=features)
        assert tell_plan(replaced(loaded, spec=spec)) != text, what
    for index, feature in enumerate(features):
        for what, other in changes(feature):
            said = (*features[:index], other, *features[index + 1 :])
            spec = msgspec.structs.replace(loaded.spec, features=said)
            told = tell_plan(replaced(loaded, spec=spec)) != text
            assert told == has_meaning(what, feature), (feature.name, what)


def test_every_name_of_a_plan_is_in_its_text():
    """Actions, treatments, rules, limits, suppressions, quiet hours, volumes, arms, stops, bundles, triggers..."""
    for name in ("everything", "uk_bank"):
        spec = plan(name).spec
        text = " ".join(tell_plan(plan(name)).split())
        missing = [one for one in ids(spec) if one not in text]
        assert missing == []


def ids(value):
    """Every `id` and every key of a part with its own name."""
    if isinstance(value, msgspec.Struct):
        if isinstance(getattr(value, "id", None), str):
            yield value.id
        for name in value.__struct_fields__:
            yield from ids(getattr(value, name))
    elif isinstance(value, tuple):
        for inner in value:
            yield from ids(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from ids(inner)


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
    ("text", "expected"), [*zip(SAID.split("\n")[1::2], SAID.split("\n")[2::2], strict=False)]
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
