"""What two plans say differently, named part by part."""

import msgspec
import pytest
from drafts import entry, part, without
from uk_bank import spec

from models.plan.spec import LimitSpec, PlanSpec, StopSpec
from models.replaying.changes import Change, plan_changes, said

NEW = LimitSpec(id="new", at_most=1, per="1d", each="action")
GROW = msgspec.structs.replace(spec().issues["grow"], lever_percent=55.0)


def only(before: PlanSpec, after: PlanSpec) -> Change:
    (change,) = plan_changes(before, after)
    return change


def action(**changes: object) -> PlanSpec:
    return msgspec.structs.replace(spec(), actions=entry(spec().actions, "cash-isa", **changes))


def test_a_plan_says_the_same_as_itself():
    assert plan_changes(spec(), spec()) == ()


@pytest.mark.parametrize(
    ("after", "kind", "what", "where", "texts"),
    [
        pytest.param(
            part(spec(), "contact", limits=entry(spec().contact.limits, "email-per-week", at_most=4)),
            "changed", "limit email-per-week", "at_most", ("2", "4"), id="a-number",
        ),
        pytest.param(
            part(spec(), "contact", limits=without(spec().contact.limits, "email-per-week")),
            "removed", "limit email-per-week", "", ("at_most: 2", None), id="a-limit-is-gone",
        ),
        pytest.param(
            part(spec(), "contact", limits=(*spec().contact.limits, NEW)),
            "added", "limit new", "", (None, "at_most: 1, per: 1d, each: action"), id="a-limit-is-new",
        ),
        pytest.param(
            part(spec(), "contact", limits=tuple(reversed(spec().contact.limits))),
            "reordered", "order of limits", "", ("email-per-day", "treatment-per-month"), id="the-order-of-limits",
        ),
        pytest.param(
            msgspec.structs.replace(spec(), policies=entry(spec().policies, "age-known", when="customer.age >= 12")),
            "changed", "policy age-known", "when", ("customer.age >= 11", "customer.age >= 12"), id="a-condition",
        ),
        pytest.param(action(value=450.5), "changed", "action cash-isa", "value", (None, "450.5"), id="a-value"),
        pytest.param(
            action(applicability=()),
            "removed", "action cash-isa, applicability rule", "", (None, None), id="own-rules",
        ),
        pytest.param(
            msgspec.structs.replace(spec(), brands=("alderbrook", "stonemere")),
            "removed", "brand kitewell", "", ("kitewell", None), id="a-brand",
        ),
        pytest.param(
            part(spec(), "session", gap="1h"), "changed", "plan", "session.gap", ("30m", "1h"), id="a-plain-setting",
        ),
        pytest.param(
            part(spec(), "care", waived="test data"), "changed", "plan", "care.waived", ("", "test data"), id="care",
        ),
        pytest.param(
            msgspec.structs.replace(spec(), stops=(*spec().stops, StopSpec(id="halt", channels=("sms",)))),
            "added", "stop halt", "", (None, "channels: [sms]"), id="a-kill-switch",
        ),
        pytest.param(
            part(spec(), "vocabulary", signal_types=(*spec().vocabulary.signal_types, "faint")),
            "added", "signal type faint", "", (None, "faint"), id="a-word",
        ),
        pytest.param(
            msgspec.structs.replace(spec(), issues={**spec().issues, "grow": GROW}),
            "changed", "issue grow", "lever_percent", ("0", "55"), id="an-entry-of-a-map",
        ),
    ],
)  # fmt: skip
def test_each_change_names_the_part_the_place_and_both_texts(after, kind, what, where, texts):
    for change in plan_changes(spec(), after):
        assert change.kind == kind
        assert change.what.startswith(what)
        assert change.where == where
        for text, expected in zip((change.before, change.after), texts, strict=True):
            assert expected is None or expected in text
    assert plan_changes(spec(), after)


def test_a_change_the_other_way_round_swaps_added_and_removed():
    fewer = part(spec(), "contact", suppressions=without(spec().contact.suppressions, "bounced"))
    there, back = only(spec(), fewer), only(fewer, spec())
    assert (there.kind, back.kind) == ("removed", "added")
    assert there.before == back.after
    assert there.after is back.before is None


def test_context_weights_which_have_no_id_are_told_apart_by_their_conditions():
    weights = spec().arbitration.context_weights
    changed = msgspec.structs.replace(weights[0], percent=5.0)
    after = part(spec(), "arbitration", context_weights=(changed, *weights[1:]))
    change = only(spec(), after)
    assert change.what == f"context weight {weights[0].when}"
    assert (change.where, change.after) == ("percent", "5")


def test_long_texts_are_cut():
    after = action(description="x" * 5_000)
    assert len(only(spec(), after).after) == 400


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"), (True, "true"), (False, "false"), (2.0, "2"), (0.25, "0.25"), (("a", "b"), "[a, b]"),
        ({"a": 1}, "{a: 1}"), ((), "[]"),
        (LimitSpec(id="x", at_most=1, per="1d", each="action"), "id: x, at_most: 1, per: 1d, each: action"),
        (((LimitSpec(id="x", at_most=1, per="1d", each="action")),), "[{id: x, at_most: 1, per: 1d, each: action}]"),
    ],
)  # fmt: skip
def test_values_are_said_as_one_would_write_them(value, text):
    assert said(value) == text
