"""P(wins the slot): against closed forms, Monte Carlo and another quadrature; and filled in from a record."""

import random
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ledger_bank import RULES, START, candidates, plan
from scipy.integrate import quad
from scipy.stats import beta

from models.exploration import paths
from models.exploration.probability import (
    Contender,
    all_win_probabilities,
    all_with_probabilities,
    win_probabilities,
    with_probabilities,
)
from models.exploration.sampling import LEAST
from models.ledger import LedgerFold
from models.plan.spec import PlanSpec
from schemas import Decision
from schemas.common import MessageClass, Stage
from schemas.decision import Candidate, Offer

DRAWS = 1_000_000
UNIFORM = Contender(gain=1.0, wins=1.0, losses=1.0)

PROPENSITIES = st.one_of(st.floats(1e-6, 1 - 1e-6), st.floats(1e-3, 0.2))
DRAWN = st.builds(
    Contender.of,
    st.floats(0.1, 10.0),
    PROPENSITIES,
    st.sampled_from([0.01, 0.5, 2.0, 30.0, 1000.0, 1e6]),
    st.sampled_from([1.0, 1.0, 0.5, 3.0]),
    st.sampled_from([0.0, 0.0, 0.0, 0.5, 4.0, -0.3]),
)
FIXED = st.tuples(st.floats(0.0, 10.0), st.sampled_from([0.0, 0.0, 1.0, -0.3])).map(
    lambda pair: Contender(*pair)
)
SLOTS = st.lists(st.one_of(DRAWN, DRAWN, FIXED), min_size=1, max_size=8)


def simulated(contenders: Sequence[Contender], seed: int = 1) -> list[float]:
    """Shares of slots won when they are drawn a million times, best bid first, then order."""
    rng = np.random.default_rng(seed)
    best, winner = np.full(DRAWS, -np.inf), np.full(DRAWS, -1)
    for index, each in enumerate(contenders):
        s = np.ones(DRAWS)
        if each.drawn:
            s = np.clip(rng.beta(each.wins, each.losses, DRAWS), LEAST, 1.0 - LEAST)
        bid = each.gain * s - each.price
        wins = (bid > best) & ~((bid <= 0.0) & (each.price > 0.0))
        best, winner = np.where(wins, bid, best), np.where(wins, index, winner)
    return [float((winner == index).mean()) for index in range(len(contenders))]


def noise(share: float) -> float:
    """Five standard errors of a simulated share."""
    return 5.0 * float(np.sqrt(max(share * (1.0 - share), 1.0 / DRAWS) / DRAWS))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(SLOTS, st.integers(0, 2**32 - 1))
@example([Contender.of(10.0, 0.1, 1e6), Contender.of(10.01, 0.2, 1e6), Contender.of(9.0, 0.001, 3.0)], 1)
@example([Contender.of(10.0, 1e-4, 10.0), Contender.of(9.0, 1e-3, 1.0), Contender(0.0)], 2)
@example([Contender.of(2.0, 1 - 1e-6, 2.0), Contender.of(2.0, 1 - 1e-6, 2.0), Contender.of(2.0, 0.9, 1e6)], 3)
def test_probabilities_agree_with_monte_carlo(contenders: list[Contender], seed: int):
    expected = simulated(contenders, seed)
    for found, share in zip(win_probabilities(contenders), expected, strict=True):
        assert found == pytest.approx(share, abs=1e-3 + noise(share))


@given(SLOTS)
def test_probabilities_add_up_to_one_where_somebody_must_win(contenders: list[Contender]):
    chances = win_probabilities(contenders)
    assert all(0.0 <= chance <= 1.0 + 1e-9 for chance in chances)
    if any(each.price <= 0.0 for each in contenders):
        assert sum(chances) == pytest.approx(1.0, abs=1e-5)
    else:
        nobody = np.prod([_at_most_nothing(each) for each in contenders])
        assert sum(chances) == pytest.approx(1.0 - nobody, abs=1e-5)


def _at_most_nothing(each: Contender) -> float:
    if not each.drawn:
        return float(each.gain - each.price <= 0.0)
    return float(beta.cdf(each.price / each.gain, each.wins, each.losses))


@given(st.lists(DRAWN, min_size=2, max_size=5))
@settings(max_examples=40, deadline=None)
def test_who_wins_does_not_depend_on_the_currency(contenders: list[Contender]):
    dearer = [each._replace(gain=each.gain * 1000.0, price=each.price * 1000.0) for each in contenders]
    assert win_probabilities(dearer) == pytest.approx(win_probabilities(contenders), abs=2e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("evidence", [0.5, 2.0, 300.0, 1e6])
def test_equals_win_equally_often(count: int, evidence: float):
    equal = [Contender.of(5.0, 0.5, evidence)] * count
    assert win_probabilities(equal) == pytest.approx([1.0 / count] * count, abs=1e-5)


@pytest.mark.parametrize("gain", [1.0, 0.75, 0.3, 0.01])
def test_of_two_uniforms_the_smaller_wins_half_of_its_reach(gain: float):
    found = win_probabilities([UNIFORM, UNIFORM._replace(gain=gain)])
    assert found == pytest.approx([1.0 - gain / 2, gain / 2], abs=1e-5)


@pytest.mark.parametrize("count", [2, 5, 12])
@pytest.mark.parametrize("bid", [0.1, 0.5, 0.95])
def test_a_fixed_bid_wins_when_all_uniforms_are_below_it(count: int, bid: float):
    found = win_probabilities([UNIFORM] * count + [Contender(bid)])
    assert found[-1] == pytest.approx(bid**count, abs=1e-5)
    assert found[:-1] == pytest.approx([(1.0 - bid**count) / count] * count, abs=1e-5)


@pytest.mark.parametrize("price", [0.0, 0.25, 0.6])
def test_a_price_that_leaves_nothing_keeps_out(price: float):
    found = win_probabilities([UNIFORM._replace(price=price)] * 2)
    assert sum(found) == pytest.approx(1.0 - price**2, abs=1e-5)


def test_a_subsidy_moves_a_bid_up():
    found = win_probabilities([UNIFORM._replace(price=-0.5), UNIFORM])
    assert found == pytest.approx([1.0 - 0.125, 0.125], abs=1e-5)


@pytest.mark.parametrize(
    ("contenders", "expected"),
    [
        ([Contender(2.0), Contender(3.0), Contender(3.0)], [0.0, 1.0, 0.0]),
        ([Contender(2.0, 2.0), Contender(1.0, 0.5)], [0.0, 1.0]),
        ([Contender(0.0, 0.5)], [0.0]),
        ([Contender(0.0), Contender(0.0)], [1.0, 0.0]),
        ([Contender.of(0.0, 0.5, 2.0), UNIFORM], [0.0, 1.0]),
        ([], []),
    ],
)
def test_where_chance_has_no_say_one_wins_for_certain(contenders: list[Contender], expected: list[float]):
    assert win_probabilities(contenders) == expected


@given(st.lists(SLOTS, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_what_a_slot_is_computed_beside_changes_no_bit(slots: list[list[Contender]], order: random.Random):
    alone = [win_probabilities(contenders) for contenders in slots]
    assert all_win_probabilities(slots) == alone
    shuffled = list(range(len(slots)))
    order.shuffle(shuffled)
    assert all_win_probabilities([slots[i] for i in shuffled]) == [alone[i] for i in shuffled]


def test_slots_of_all_sizes_at_once_are_what_they_are_alone():
    rng = np.random.default_rng(3)
    sizes = [*rng.integers(1, 12, 60).tolist(), 150, 1, 40, 90]
    slots = [
        [
            Contender.of(*map(float, (rng.lognormal(1, 0.5), rng.uniform(0.01, 0.9), rng.lognormal(4, 2))))
            for _ in range(size)
        ]
        for size in sizes
    ]
    assert all_win_probabilities(slots) == [win_probabilities(contenders) for contenders in slots]


@pytest.mark.parametrize("step", [1e-12, 0.3])
def test_a_race_that_chance_decides_within_a_step_is_exact(step: float):
    certain = Contender.of(5.0, 0.5, 1e12)
    found = win_probabilities([certain, certain._replace(gain=certain.gain * (1.0 + step)), Contender(4.0)])
    assert found == pytest.approx([0.5, 0.5, 0.0] if step < 1e-6 else [0.0, 1.0, 0.0], abs=1e-4)


def _hard_slots(count: int) -> list[list[Contender]]:
    """Of up to twenty contenders, with any evidence and any propensity."""
    rng = np.random.default_rng(11)

    def contender() -> Contender:
        near = rng.choice([1e-6, 1e-3, 0.5, 0.999, 1 - 1e-6])
        propensity = float(rng.choice([near, rng.uniform(1e-3, 0.2), rng.uniform(0.0, 1.0)]))
        evidence = float(rng.choice([0.01, 0.5, 2.0, 30.0, 1000.0, 1e6]))
        boost, price = float(rng.choice([1.0, 3.0])), float(rng.choice([0.0, 0.0, 0.5, 4.0, -0.3]))
        if rng.random() < 0.2:
            return Contender(float(rng.uniform(0.0, 10.0)), price)
        return Contender.of(float(rng.uniform(0.1, 10.0)), propensity, evidence, boost, price)

    return [[contender() for _ in range(rng.integers(2, 21))] for _ in range(count)]


def test_a_tolerance_two_thousand_times_smaller_moves_no_probability_by_half_of_what_is_promised(monkeypatch):
    slots = _hard_slots(300)
    found = all_win_probabilities(slots)
    for name, value in {"_SETTLED": 1e-8, "_SURE": 1e-10, "_PARTS": 12, "_POINTS": 400}.items():
        monkeypatch.setattr(paths, name, value)
    finer = all_win_probabilities(slots)
    apart = [
        abs(a - b) for one, other in zip(found, finer, strict=True) for a, b in zip(one, other, strict=True)
    ]
    assert 0.0 < max(apart) <= 5e-5


def test_equal_lowest_bids_go_in_order():
    hopeless = Contender(gain=1.0, wins=1e-5, losses=1e-5)  # LEAST or 1 - LEAST, hardly anything between
    found = win_probabilities([hopeless, hopeless])
    assert found == pytest.approx([0.75, 0.25], abs=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_probabilities_agree_with_an_adaptive_quadrature_of_densities(seed: int):
    rng = np.random.default_rng(seed)
    contenders = [
        Contender.of(
            float(rng.uniform(1, 5)), float(rng.uniform(0.05, 0.4)), float(rng.uniform(30, 500)), 1.0, 0.0
        )
        for _ in range(4)
    ]
    laws = [beta(each.wins, each.losses, scale=each.gain) for each in contenders]
    top = max(each.gain for each in contenders)
    for index, found in enumerate(win_probabilities(contenders)):
        others = [law for other, law in enumerate(laws) if other != index]
        points = sorted(law.ppf(level) for law in laws for level in (0.01, 0.5, 0.99))
        exact = quad(
            lambda x, law=laws[index], others=others: law.pdf(x) * np.prod([o.cdf(x) for o in others]),
            0.0,
            top,
            points=points,
            limit=300,
        )[0]
        assert found == pytest.approx(exact, abs=1e-5)


def _candidate(
    rank: int, priority: float, propensity: float, evidence: float | None, **more: float
) -> Candidate:
    return Candidate(
        action=f"action-{rank}",
        rank=rank,
        propensity=propensity,
        context_weight=1.0,
        value=1.0,
        lever=1.0,
        priority=priority,
        stage=Stage.OUTPUT,
        evidence=evidence,
        **more,
    )


def _offer(rank: int, action: str, contenders: tuple[int, ...], **more: object) -> Offer:
    return Offer(
        rank=rank,
        placement="hero",
        slot=rank,
        action=action,
        treatment="t",
        issue="i",
        group="g",
        channel="web",
        message_class=MessageClass.MARKETING,
        propensity=0.1,
        context_weight=1.0,
        value=1.0,
        lever=1.0,
        priority=1.0,
        contenders=contenders,
        **more,
    )


def _decision(*offers: Offer, ranked: tuple[Candidate, ...]) -> Decision:
    spec: PlanSpec = plan()
    made = LedgerFold.of(spec, "digest", rules=RULES)
    _, outputs = made.step(made.initial(), candidates(spec, ["loan"], START))
    (decision,) = [each for each in outputs if isinstance(each, Decision)]
    return msgspec.structs.replace(decision, offers=offers, ranked=ranked)


def test_a_record_tells_the_probability_of_each_offer():
    ranked = (
        _candidate(1, 9.0, 0.5, None),
        _candidate(2, 5.0, 0.5, 2.0),
        _candidate(3, 4.0, 0.5, 2.0, boost=1.25),
        _candidate(4, 1.0, 0.5, 2.0, price=1.0),
    )
    decision = _decision(
        _offer(1, "action-1", (), mandatory=True),
        _offer(2, "action-3", (2, 3)),
        _offer(3, "action-2", (2, 4)),
        _offer(4, "fallback", (4,), fallback=True),
        ranked=ranked,
    )
    found = [offer.probability for offer in with_probabilities(decision).offers]
    third = win_probabilities([Contender.of(5.0, 0.5, 2.0), Contender.of(1.0, 0.5, 2.0, 1.0, 1.0)])[0]
    assert found == pytest.approx([1.0, 0.5, third, 0.5], abs=1e-5)


def test_a_record_without_chance_says_one():
    decision = _decision(_offer(1, "action-1", ()), ranked=(_candidate(1, 9.0, 0.5, None),))
    assert [offer.probability for offer in with_probabilities(decision).offers] == [1.0]


def test_prices_differ_by_channel_where_the_record_says_so():
    ranked = (_candidate(1, 0.5, 0.5, 2.0), _candidate(2, 0.5, 0.5, 2.0))
    offer = _offer(1, "action-1", (1, 2), contender_prices=(-0.5, 0.0))
    (told,) = with_probabilities(_decision(offer, ranked=ranked)).offers
    assert told.probability == pytest.approx(0.875, abs=1e-5)


def test_an_offer_that_could_not_have_been_made_is_named():
    ranked = (_candidate(1, 0.5, 0.5, 2.0),)
    with pytest.raises(ValueError, match=r"offer 1: 'loan' is not among its contenders"):
        with_probabilities(_decision(_offer(1, "loan", (1,)), ranked=ranked))
    with pytest.raises(ValueError, match=r"offer 1: no candidate of rank 7"):
        with_probabilities(_decision(_offer(1, "action-1", (1, 7)), ranked=ranked))


def test_records_told_together_are_those_told_alone():
    ranked = (_candidate(1, 0.5, 0.5, 2.0), _candidate(2, 0.4, 0.5, 2.0), _candidate(3, 0.1, 0.5, None))
    decisions = [
        _decision(_offer(1, "action-1", (1, 2)), _offer(2, "action-2", (2, 3)), ranked=ranked),
        _decision(ranked=ranked),
        _decision(_offer(1, "action-3", (), mandatory=True), ranked=ranked),
        _decision(_offer(1, "action-3", (1, 2, 3)), ranked=ranked),
    ]
    assert all_with_probabilities(decisions) == [with_probabilities(each) for each in decisions]
    assert all_with_probabilities([]) == []
