"""A plan that explores, from signal to record: how often things are chosen is what the records say."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from ledger_bank import plan
from scipy.stats import chisquare, norm

from models.experiments.arms import Arms
from models.exploration.probability import Contender, win_probabilities, with_probabilities
from models.folds import fold_events
from models.plan.canonical import canonical
from models.plan.compiled import Plan
from models.plan.load import Loaded
from models.plan.spec import PlanSpec
from models.times import DAY, moment
from schemas import Decision, MessageClass, Outcome, OutcomeKind, Signal

START = 1_767_225_600_000_000
DECISIONS = 3000
SURE = float(norm.isf(1e-6))
"""Standard errors that chance passes once in half a million times."""

SHOWN = ["hero", "tile"]
ACTIONS: list[dict[str, Any]] = [
    {"id": "loan", "value": 40.0, "evidence": {"responses": 60, "positives": 5}},
    {"id": "card", "value": 20.0, "evidence": {"responses": 400, "positives": 70}},
    {"id": "saver", "value": 12.0, "evidence": {"responses": 9, "positives": 2}, "group": "deposits"},
    {"id": "bond", "value": 9.0, "evidence": {"responses": 0, "positives": 0}, "group": "deposits"},
    {"id": "rare", "value": 900.0, "evidence": {"responses": 30, "positives": 0}},
    {"id": "help", "value": 12.0, "message_class": "service", "group": "care", "starting_propensity": 0.25},
]


def _compiled(actions: Sequence[dict[str, Any]] = ACTIONS, **changes: Any) -> Plan:
    rows = [
        {"group": "lending", **row, "treatments": [{"id": f"{row['id']}-said", "placements": SHOWN}]}
        for row in actions
    ]
    spec: PlanSpec = plan(actions=rows, **changes)
    return Plan.compile(Loaded(spec, "0" * 16, canonical(spec), Path()))


def _asks(number: int, customer: str = "") -> Signal:
    return Signal(
        signal_id=f"s{number}",
        customer_id=customer or f"customer-{number}",
        occurred_at=moment(START + number * 1_000_000),
        type="page_view",
        channel="web",
        brand="harbour",
        placements=tuple(SHOWN),
    )


def _decisions(compiled: Plan, count: int = DECISIONS, before: Sequence[Outcome] = ()) -> list[Decision]:
    """One decision for each of so many customers."""
    fold = compiled.decide_fold()
    outputs = (each for n in range(count) for each in fold_events(fold, [*before, _asks(n)]))
    return [output for output in outputs if isinstance(output, Decision)]


@cache
def _chances(contenders: tuple[Contender, ...]) -> list[float]:
    return win_probabilities(contenders)


def _slots(decisions: Sequence[Decision]) -> Iterator[tuple[str, dict[str, float]]]:
    """Who won each slot, and the chance of each who could have, as the record has it."""
    for decision in decisions:
        for offer in decision.offers:
            found = [decision.ranked[rank - 1] for rank in offer.contenders]
            contenders = tuple(
                Contender.of(c.priority, c.propensity, c.evidence or 0.0, c.boost, c.price) for c in found
            )
            chances = _chances(contenders) if found else [1.0]
            names = [c.action for c in found] or [offer.action]
            yield offer.action, dict(zip(names, chances, strict=True))


def _check_frequencies(decisions: Sequence[Decision]) -> None:
    """Wins less chances is a sum of independent surprises with mean 0: it stays within Bernstein's bound."""
    surprise: Counter[str] = Counter()
    variance: Counter[str] = Counter()
    for winner, chances in _slots(decisions):
        for action, chance in chances.items():
            surprise[action] += (action == winner) - chance
            variance[action] += chance * (1.0 - chance)
    assert len(surprise) > 1
    for action, total in surprise.items():
        assert abs(total) <= SURE * np.sqrt(variance[action]) + SURE**2 / 3, action


def _first_slots(decisions: Sequence[Decision]) -> Counter[str]:
    return Counter(decision.offers[0].action for decision in decisions)


def test_choices_are_as_frequent_as_their_records_say():
    decisions = _decisions(_compiled(arbitration={"exploration": "thompson"}))
    _check_frequencies(decisions)
    first = with_probabilities(decisions[0])
    contenders = first.offers[0].contenders
    assert [first.ranked[rank - 1].evidence for rank in contenders] != [None] * len(contenders)
    (_, chances), *_ = _slots(decisions)
    seen = _first_slots(decisions)
    assert set(seen) <= set(chances)
    usual = [action for action, chance in chances.items() if chance * DECISIONS >= 5]
    assert len(usual) >= 4
    seldom = 1.0 - sum(chances[action] for action in usual)
    expected = [*(chances[action] for action in usual), seldom]
    observed = [*(seen[action] for action in usual), DECISIONS - sum(seen[action] for action in usual)]
    if seldom * DECISIONS < 1e-3:
        assert observed.pop() == 0
        expected.pop()
    scale = sum(observed) / sum(expected)
    assert chisquare(np.array(observed), np.array(expected) * scale).pvalue > 1e-5


def test_later_slots_are_chosen_as_their_records_say_whatever_was_chosen_before():
    decisions = _decisions(_compiled(arbitration={"exploration": "thompson"}))
    following: dict[str, list[tuple[str, dict[str, float]]]] = defaultdict(list)
    for decision, second in zip(decisions, list(_slots(decisions))[1::3], strict=True):
        following[decision.offers[0].action].append(second)
    for won, slots in following.items():
        assert all(won not in chances for _, chances in slots)
        for action, chance in slots[0][1].items():
            wins = sum(winner == action for winner, _ in slots)
            error = np.sqrt(chance * (1.0 - chance) / len(slots))
            assert abs(wins / len(slots) - chance) <= SURE * error + 1.0 / len(slots) + 1e-4, (won, action)


def test_the_probability_of_an_offer_is_that_of_its_slot():
    for decision in _decisions(_compiled(arbitration={"exploration": "thompson"}), 30):
        told = with_probabilities(decision)
        for offer, (winner, chances) in zip(told.offers, _slots([decision]), strict=True):
            assert offer.probability == pytest.approx(chances[winner], abs=1e-9)
        assert with_probabilities(told) == told
        bare = [msgspec.structs.replace(offer, probability=None) for offer in told.offers]
        assert msgspec.structs.replace(told, offers=tuple(bare)) == decision


def test_what_earlier_outcomes_did_to_priorities_is_part_of_the_probability():
    boosted = _compiled(
        arbitration={
            "exploration": "thompson",
            "influences": [
                {"id": "liked", "outcomes": ["Clicked"], "of": "group", "percent": 150, "half_life": "1d"}
            ],
        }
    )
    fold = boosted.decide_fold()
    decisions = []
    for number in range(1500):
        customer = f"customer-{number}"
        first, answer = _asks(number), START + number * 1_000_000 + DAY
        made = next(each for each in fold_events(fold, [first]) if isinstance(each, Decision))
        clicked = Outcome(
            outcome_id=f"o{number}",
            customer_id=customer,
            occurred_at=moment(answer),
            kind=OutcomeKind.CLICKED,
            decision_id=made.decision_id,
            rank=1,
        )
        again = msgspec.structs.replace(_asks(number, customer), signal_id=f"t{number}")
        again = msgspec.structs.replace(again, occurred_at=moment(answer + DAY // 2))
        every = [each for each in fold_events(fold, [first, clicked, again]) if isinstance(each, Decision)]
        decisions.append(every[1])
    assert any(offer.boost > 1.5 for decision in decisions for offer in decision.offers)
    _check_frequencies(decisions)


def test_a_plan_without_exploration_leaves_nothing_to_chance():
    decisions = _decisions(_compiled(), 20)
    assert not _compiled().explores
    assert all(not offer.contenders and offer.sampled is None for d in decisions for offer in d.offers)
    assert {o.probability for d in decisions for o in with_probabilities(d).offers} == {1.0}


def _all_in(kind: str, **arbitration: Any) -> Plan:
    arms = [{"id": "arm", "kind": kind, "share": 1.0}]
    return _compiled(experiments={"arms": arms}, arbitration=arbitration)


@pytest.mark.parametrize("exploration", ["none", "thompson"])
@pytest.mark.parametrize(
    "kind", ["random_propensity", "random_action", "propensity_only", "no_levers", "plan"]
)
def test_every_arm_chooses_as_its_records_say(kind: str, exploration: str):
    compiled = _all_in(kind, exploration=exploration)
    decisions = _decisions(compiled, 1000)
    assert {decision.arm for decision in decisions} == {"arm"}
    if compiled.explores:
        _check_frequencies(decisions)
    else:
        assert len({tuple(offer.action for offer in decision.offers) for decision in decisions}) == 1


def test_the_arm_of_random_actions_offers_each_marketing_action_as_often():
    decisions = _decisions(_all_in("random_action"))
    marketing = [
        next(o.action for o in decision.offers if o.message_class == MessageClass.MARKETING)
        for decision in decisions
    ]
    counts = Counter(marketing)
    assert len(counts) == 5
    assert chisquare(list(counts.values())).pvalue > 1e-5


def test_the_arm_of_random_propensities_ignores_what_was_learned():
    decisions = _decisions(_all_in("random_propensity"), 500)
    drawn = [o.sampled for decision in decisions for o in decision.offers if o.sampled is not None]
    candidates = [c for decision in decisions for c in decision.ranked if c.evidence]
    assert {(c.propensity, c.evidence) for c in candidates} == {(0.5, 2.0)}
    assert {c.model_propensity is None for c in candidates if c.action != "bond"} == {False}
    assert len(set(drawn)) == len(drawn)


def test_the_arm_by_propensity_and_the_arm_without_levers_rank_by_their_factors():
    for decision in _decisions(_all_in("propensity_only"), 5):
        assert [c.priority for c in decision.ranked] == [c.propensity for c in decision.ranked]
    for decision in _decisions(_all_in("no_levers"), 5):
        assert [c.priority for c in decision.ranked] == pytest.approx(
            [c.propensity * c.value for c in decision.ranked]
        )


def test_a_holdout_gets_no_marketing_and_everything_else():
    rows = [
        {"id": "held", "kind": "holdout", "share": 0.4},
        {"id": "any", "kind": "random_action", "share": 0.3},
    ]
    compiled = _compiled(
        experiments={"arms": rows, "reshuffle": "monthly"}, arbitration={"exploration": "thompson"}
    )
    decisions = _decisions(compiled, 600)
    arms = Arms.of(compiled.spec)
    assert all(d.arm == arms.arm(d.customer_id, d.decided_at) for d in decisions)
    held = [decision for decision in decisions if decision.arm == "held"]
    assert len(held) > 150
    for decision in held:
        assert [offer.action for offer in decision.offers] == ["help"]
        removed = {name: r.rule for r in decision.removed for name in r.actions}
        assert set(removed) == {row["id"] for row in ACTIONS} - {"help"}
    others = [decision for decision in decisions if decision.arm != "held"]
    assert all(any(o.message_class == MessageClass.MARKETING for o in d.offers) for d in others)
