"""Contact limits when the plan changes: what the plan before forgot may have been anything, so limits hold back."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from contact_worlds import HOUSEHOLD, World, policy
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_bank import RULES, Customer, candidates, day, plan, verdicts
from test_contact_policy import LIMITS, WEIGHTS, choices, compare, happening

from models.folds import advance
from models.ledger import HouseholdFold, LedgerFold
from models.plan.spec import PlanSpec
from models.times import HOUR
from schemas import Decision, OutcomeKind

LATE = 2 * HOUR
LONG = {"id": "long", "at_most": 3, "per": "3d", "each": "customer"}
SHORT = {"id": "short", "at_most": 9, "per": "1d", "each": "customer"}


def contacted(*plans: PlanSpec, **about: Any) -> Customer:
    """A customer with a contact on day 0 under the first plan and one on day 1.5 under each other."""
    customer = Customer(plans[0])
    assert customer.offered(["loan"], day(0), **about) == ["loan"]
    for number, spec in enumerate(plans[1:]):
        live(customer, spec)
        assert customer.offered(["card"], day(1.5) + number) == ["card"]
    return customer


def live(customer: Customer, spec: PlanSpec) -> None:
    customer.spec, customer.fold = spec, LedgerFold.of(spec, "digest", rules=RULES)


def test_a_limit_refuses_while_it_looks_back_to_what_a_plan_in_between_forgot():
    a, b = plan(limits=[LONG]), plan(limits=[SHORT])
    customer = contacted(a, b)
    live(customer, a)
    decision = customer.decide(["loan", "fraud-alert"], day(3) - 1, placements=["tile"])
    assert [offer.action for offer in decision.offers] == ["fraud-alert"]
    assert verdicts(decision)["loan"] == ("ContactPoliciesActionLimits", "long")
    assert customer.offered(["loan"], day(3)) == ["loan"]


def test_what_was_not_forgotten_is_counted_as_ever():
    a, b = plan(limits=[LONG]), plan(limits=[{**SHORT, "per": "2d"}])
    customer = contacted(a, b)
    live(customer, a)
    assert [customer.offered(["saver"], day(1.6) + number) for number in range(2)] == [["saver"], []]


def test_only_limits_that_look_back_so_far_refuse():
    near = {"id": "near", "at_most": 5, "per": "1d", "each": "customer"}
    a = plan(limits=[{**LONG, "scope": {"groups": ["lending"]}}, near])
    customer = contacted(a, plan(limits=[SHORT]))
    live(customer, a)
    decision = customer.decide(["loan", "saver"], day(2), placements=["tile"])
    assert [offer.action for offer in decision.offers] == ["saver"]
    assert verdicts(decision)["loan"][1] == "long"


@pytest.mark.parametrize(
    "each", ["customer", "channel", "direction", "group", "issue", "action", "treatment"]
)
@pytest.mark.parametrize("same", ["counted", "exempt"])
def test_whatever_a_limit_counts(each, same):
    a = plan(limits=[{**LONG, "each": each, "same_decision": same}])
    customer = contacted(a, plan(limits=[SHORT]))
    live(customer, a)
    assert customer.offered(["bond"], day(3) - 1, placements=["any"], channel="branch") == []
    assert customer.offered(["bond"], day(3), placements=["any"], channel="branch") == ["bond"]


def test_one_plan_alone_never_looks_back_to_what_it_forgot():
    customer = Customer(plan(limits=[LONG, {**SHORT, "at_most": 1}]))
    offered = [customer.offered(["loan"], day(number)) for number in range(12)]
    assert offered == [["loan"]] * 12
    assert customer.state.forgotten == day(7)


def test_a_contact_that_no_limit_was_about_counts_as_too_many_for_one_that_is():
    mails = {**SHORT, "scope": {"groups": ["deposits"]}, "per": "3d"}
    customer = contacted(plan(limits=[mails]))
    live(customer, plan(limits=[mails, {**LONG, "each": "group"}]))
    decision = customer.decide(["loan", "saver"], day(3) - 1, placements=["tile"])
    assert [offer.action for offer in decision.offers] == ["saver"]
    assert verdicts(decision)["loan"][1] == "long"
    assert customer.offered(["loan"], day(3)) == ["loan"]


def test_a_contact_that_no_limit_was_about_counts_for_its_brand():
    brands = ["harbour", "quay"]
    customer = contacted(plan(brands=brands))
    live(customer, plan(limits=[{**LONG, "per_brand": True}], brands=brands))
    assert customer.offered(["loan"], day(1), brand="quay") == ["loan"]
    assert customer.offered(["loan"], day(1.1), brand="harbour") == []


def test_what_is_exempt_never_counts():
    customer = Customer(plan(limits=[SHORT]))
    assert customer.offered(["fraud-alert"], day(0)) == ["fraud-alert"]
    live(customer, plan(limits=[{**LONG, "at_most": 1}]))
    assert customer.offered(["loan"], day(1)) == ["loan"]


def test_what_a_full_memory_let_go_is_not_known_either():
    hourly = {"id": "hourly", "at_most": 16, "per": "1h", "each": "group", "scope": {"groups": ["lending"]}}
    daily = {**hourly, "id": "daily", "per": "3d", "scope": {"groups": ["deposits"]}}
    b = plan(limits=[hourly, daily], contact={"keep": 16})
    customer = Customer(b)
    for number in range(16):
        assert customer.offered(["loan"], day(number / 100)) == ["loan"]
    assert customer.offered(["loan"], day(0.5)) == ["loan"]
    assert customer.offered(["saver"], day(0.5) + 1) == ["saver"]
    live(customer, plan(limits=[{**daily, "scope": {"groups": ["lending"]}}], contact={"keep": 16}))
    assert customer.offered(["loan"], day(3.15) - 1) == []
    assert customer.offered(["loan"], day(3.15)) == ["loan"]


def test_after_a_loss_a_plan_that_looks_back_further_is_unsure_for_longer():
    customer = Customer(plan(limits=[SHORT]))
    customer.state = customer.fold.lost(day(0))
    live(customer, plan(limits=[LONG]))
    rules = [
        verdicts(customer.decide(["loan"], at))["loan"][1]
        for at in (day(1) + LATE - 1, day(1) + LATE, day(3) + LATE - 1, day(3) + LATE)
    ]
    assert rules == ["memory-lost", "long", "long", None]


def test_a_plan_can_remember_for_the_one_that_may_come_back():
    a, b = plan(limits=[LONG]), plan(limits=[SHORT], contact={"remember": "3d"})
    customer = contacted(a, b)
    live(customer, a)
    assert [customer.offered(["saver"], day(1.6) + number) for number in range(2)] == [["saver"], []]
    assert customer.offered(["saver"], day(3)) == ["saver"]


@pytest.mark.parametrize(("remember", "left"), [(None, False), ("9d", True)])
@pytest.mark.parametrize("limits", [[SHORT], []], ids=["limited", "unlimited"])
def test_a_ledger_is_forgotten_as_a_whole_when_its_plan_needs_nothing_of_it(limits, remember, left):
    customer = Customer(plan(limits=limits, contact={"remember": remember}))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    customer.expire(day(3) + LATE + 1)  # that mail answers late keeps it so long
    assert (customer.state != customer.fold.initial()) == left
    live(customer, plan(limits=[{**LONG, "at_most": 1, "per": "9d"}]))
    assert customer.offered(["loan"], day(4)) == ([] if left else ["loan"])


def test_a_contact_given_back_before_it_was_forgotten_leaves_nothing_to_know():
    a, b = plan(limits=[LONG]), plan(limits=[SHORT])
    customer = Customer(a)
    assert customer.offered(["loan"], day(0), name="first") == ["loan"]
    customer.report(OutcomeKind.BOUNCED, day(0.1), decision_id="d-first")
    live(customer, b)
    assert customer.offered(["card"], day(1.5)) == ["card"]
    live(customer, a)
    assert customer.offered(["loan"], day(2)) == ["loan"]


def test_a_contact_that_was_made_after_all_is_known_to_be_missing():
    """Given back under the plan that made it, then seen under one that has no limit about it."""
    a, b = plan(limits=[{**LONG, "at_most": 1}]), plan(limits=[{**SHORT, "channels": ["mail"]}])
    customer = Customer(a)
    assert customer.offered(["loan"], day(0), name="first") == ["loan"]
    customer.report(OutcomeKind.BOUNCED, day(0.1), decision_id="d-first")
    live(customer, b)
    customer.report(OutcomeKind.CLICKED, day(0.2), decision_id="d-first")
    live(customer, a)
    assert customer.offered(["loan"], day(2)) == []


def test_a_limit_of_the_household_refuses_what_another_member_may_have_used_up():
    home = {**LONG, "whose": "household"}
    a, b = plan(limits=[home]), plan(limits=[{**SHORT, "whose": "household"}])
    state: Any = None

    def offered(spec: PlanSpec, who: str, at: int) -> list[str]:
        nonlocal state
        fold = HouseholdFold(LedgerFold.of(spec, "digest", rules=RULES), step="test")
        state = fold.initial() if state is None else state
        event = candidates(spec, ["loan"], at, name=f"{who}{at}", customer_id=who, household_id="h")
        state, outputs = advance(fold, fold.decode(fold.encode(state)), event)
        (decision,) = [output for output in outputs if isinstance(output, Decision)]
        return [offer.action for offer in decision.offers]

    assert offered(a, "ann", day(0)) == ["loan"]
    assert offered(b, "ann", day(1.5)) == ["loan"]
    assert offered(a, "ben", day(3) - 1) == []
    assert offered(a, "ben", day(3)) == ["loan"]


# --- against the oracle --------------------------------------------------------------------------------------

ALIVE = {"signal": "signal.type == 'opt_out'", "pause": "100000s", "scope": {"actions": ["alert"]}}
"""Nothing that is offered, but a pause that keeps the ledger: what was forgotten as a whole is another matter."""


def changing_life(seed: int) -> tuple[World, list[tuple[Any, ...]]]:
    """A life under three plans whose limits differ in everything but whether they are of households."""
    choose = Random(seed).choice
    whose = choose(["customer", "household"])
    plans = []
    for _ in range(3):
        limits = [{**choices(LIMITS, choose), "whose": whose} for _ in range(choose([1, 2, 3]))]
        plans.append(policy(limits, [ALIVE]))
    history = [("opt out", 0, who, "quay", "web", "alert") for who in HOUSEHOLD]
    for _ in range(60):
        kind = choose([*WEIGHTS, "change"])
        history.append((kind, choose(plans)) if kind == "change" else happening(kind, choose))
    return World(plans[0]), history


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_limits_refuse_what_they_count_or_cannot_know_and_nothing_else(seed):
    compare(*changing_life(seed))


def test_some_of_those_lives_are_held_back_by_what_is_not_known():
    held = Counter[tuple[str, bool]]()
    for seed in range(30):
        world, history = changing_life(seed)
        for name in ("blind", "missing"):
            asked = getattr(world.oracle, name)

            def answer(*what: Any, name: str = name, asked: Any = asked) -> bool:
                found = bool(asked(*what))
                held[name, found] += 1
                return found

            setattr(world.oracle, name, answer)
        compare(world, history)
    assert min(held[name, found] for name in ("blind", "missing") for found in (False, True)) > 100
