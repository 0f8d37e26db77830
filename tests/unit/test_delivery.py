"""Twenty thousand random histories of delivery, and the eight promises after each: see `delivery.world`."""

from collections import Counter
from itertools import pairwise

import pytest
from delivery.faulty import FAULTY_WORLDS, faulty_folds
from delivery.invariants import PROMISES, broken_by, stopped_early, violations
from delivery.plans import plans
from delivery.running import broken, found_broken
from delivery.world import History, World, key_of

from models.ledger.household import by_household
from schemas import DeadLetter, Decision, Feedback, Reason, Stage

SEEDS = 20_000
FEW = range(60)


@pytest.mark.slow
def test_no_history_of_delivery_breaks_a_promise():
    found = [text for _, texts in found_broken(0, SEEDS, jobs=2) for text in texts]
    assert not found, "\n".join(found[:20])


def test_there_are_eight_promises():
    assert {number: promise.name for number, promise in PROMISES.items()} == {
        1: "Accounted for",
        2: "Once",
        3: "Caps",
        4: "Permission",
        5: "Replay",
        6: "Bounded",
        7: "No personal data",
        8: "Feedback",
    }
    assert len({promise.broken for promise in PROMISES.values()}) == 8


@pytest.mark.parametrize("number", PROMISES)
def test_a_fold_that_breaks_one_promise_is_found_to_break_that_one(number):
    run = faulty_folds()[number]
    assert set().union(*(broken_by(run(seed)) for seed in FEW)) == {number}


@pytest.mark.parametrize("world", FAULTY_WORLDS, ids=lambda world: world.__name__)
def test_a_world_that_fails_where_none_may_is_found_out(world):
    found = set().union(*(broken_by(world(seed).run()) for seed in FEW))
    assert found >= FAULTY_WORLDS[world]


def test_a_violation_names_its_seed_and_its_promise():
    run = faulty_folds()[4]
    texts = [text for seed in FEW for text in violations(run(seed))]
    assert all(
        text.startswith("seed ") and ", invariant 4 (Permission): marketing " in text for text in texts
    )
    assert len({text.split(",")[0] for text in texts}) > 1


def test_histories_are_worth_looking_at():
    histories = [World(seed).run() for seed in range(300)]
    for fault in ("repeat", "reorder", "crash", "lost_ack", "sink_twice", "timer", "change_plan"):
        assert {getattr(history.faults, fault) > 0 for history in histories} == {False, True}, fault
    assert len({type(record).__name__ for history in histories for record in history.published}) == 4
    seen = Counter(what for history in histories for what in _worth_seeing(history))
    assert set(seen) == WORTH_SEEING


WORTH_SEEING = {
    *(
        "all plans decided",
        "a forgotten past stopped it",
        "a plan came back",
        "two brands in one key",
        "a household shared a limit",
    ),
    *("a draw won", "arm nba", "arm held-out", "arm random", "care stopped it", "no consent", "night"),
    *("suppressed", "limited", "channel limited", "a fallback", "late", "unattributed"),
    *("answered", "silence", "released", "a household decided"),
}


def _worth_seeing(history: History) -> set[str]:
    decisions, feedback = history.records(Decision), history.records(Feedback)
    candidates = [each for decision in decisions for each in decision.ranked]
    offers = [offer for decision in decisions for offer in decision.offers]
    stages, rules = {each.stage for each in candidates}, {each.rule for each in candidates}
    changes = [each.plan for applied in history.applied.values() for each in applied]
    brands = {(key_of(each), each.brand) for each in decisions}
    removed = {each.rule for decision in decisions for each in decision.removed}
    letters = {each.reason for each in history.records(DeadLetter)}
    seen = {
        "all plans decided": len({each.plan_digest for each in decisions}) == len(plans()),
        "a forgotten past stopped it": any(stopped_early(history)),
        "a plan came back": sum(a != b for a, b in pairwise(changes)) > 1,
        "two brands in one key": len(brands) > len({key for key, _ in brands}),
        "a household decided": any(each.household_id for each in decisions),
        "a household shared a limit": "household-email" in rules,
        "a draw won": any(offer.sampled is not None for offer in offers),
        "a fallback": any(offer.fallback for offer in offers),
        "care stopped it": "care-vulnerable" in removed,
        "no consent": "care-consent-email" in rules,
        "night": Stage.CHANNEL_AVAILABILITY in stages,
        "suppressed": Stage.ACTION_SUPPRESSIONS in stages and Stage.TREATMENT_SUPPRESSIONS in stages,
        "limited": Stage.CONTACT_LIMITS in stages,
        "channel limited": Stage.CHANNEL_LIMITS in stages,
        "late": Reason.TOO_LATE in letters,
        "unattributed": Reason.UNATTRIBUTED in letters,
        "answered": any(each.outcome == "Clicked" for each in feedback),
        "silence": any(each.outcome == "NoResponse" for each in feedback),
        "released": any(each.contact == "released" for each in feedback),
        **{f"arm {each.arm}": True for each in decisions},
    }
    return {what for what, true in seen.items() if true}


def test_a_change_of_plan_keeps_the_identity_of_keys():
    assert all(by_household(plan.spec) for plan in plans())


def test_the_same_seed_is_the_same_history():
    assert World(7).run().published == World(7).run().published


def test_runs_go_on_where_others_ended():
    counted = [number for number, _ in found_broken(10, 7, jobs=1, chunk=3)]
    assert counted == [13, 16, 17]
    assert broken(10, 13) == []
