"""The compiled ranking says what the Python form says, to the last bit, whatever comes."""

import math
import struct
import threading
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arbitration import Arbitration, rank
from models.explain import Reasons
from models.exploration.evidence import Smoothing
from models.exploration.hurdles import MATURITY, PRIORITY, PROPENSITY, WEIGHT, Hurdles, Immature
from models.features import RANKING, FeatureTable, LatestVector
from models.funnel import Funnel
from models.kernel import find
from models.plan.spec import ArbitrationSpec
from models.propensity.linear import LinearScorer
from models.propensity.scorer import StartingScorer
from models.times import moment
from schemas import CandidateSet, ContextSnapshot, DecisionRequest, Direction, SessionSummary

KERNEL = find("ranking", RANKING)
pytestmark = [
    pytest.mark.skipif(KERNEL is None, reason="the compiled ranking is not built, or switched off"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # of numpy, about what is no number
]
RULES = 3
ARMS = {"chance": "random_propensity", "any": "random_action", "flat": "no_levers", "bare": "propensity_only"}
UGLY = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, -1e300, 5e-324, math.inf, -math.inf, math.nan]


def kernel() -> ModuleType:
    assert KERNEL is not None
    return KERNEL


def request(features: tuple[float, ...], arm: str = "", customer: str = "c") -> DecisionRequest:
    at = moment(0)
    session = SessionSummary(session_id="s", number=1, started_at=at, last_at=at, events=1)
    return DecisionRequest(
        decision_id="d",
        signal_id="e",
        customer_id=customer,
        requested_at=at,
        brand="harbour",
        channel="web",
        direction=Direction.INBOUND,
        placements=("hero",),
        context=ContextSnapshot(sequence=1, session=session, customer={}, features=features),
        plan_digest="p",
        arm=arm,
    )


def tables(rng: np.random.Generator, columns: int, inputs: int) -> FeatureTable:
    names = tuple(f"f{i}" for i in range(columns))
    picked = np.sort(rng.choice(columns, inputs, replace=False))
    low = np.where(rng.random(inputs) < 0.5, -np.inf, rng.normal(size=inputs) - 1.0)
    return FeatureTable(
        columns=names,
        units=("1",) * columns,
        vector_columns=tuple(names[i] for i in picked),
        picked=picked,
        low=low,
        high=np.where(rng.random(inputs) < 0.5, np.inf, 2.0),
        clips=bool(rng.random() < 0.5),
        scale=rng.choice([1.0, 0.1, -2.0], inputs),
        log=np.flatnonzero(rng.random(inputs) < 0.5),
    )


def numbers(rng: np.random.Generator, size: Any, ugly: float) -> np.ndarray:
    """Coarse, so that there are ties, and some that nobody would wish for."""
    found = np.round(rng.normal(size=size) * 2.0, int(rng.integers(0, 12)))
    return np.where(rng.random(size) < ugly, rng.choice(UGLY, size), found)


def fitted(rng: np.random.Generator, size: Any, ugly: float) -> np.ndarray:
    """What a model may hold: `models.propensity.checks` refuses others, as infinity times nothing is no number."""
    return np.clip(np.nan_to_num(numbers(rng, size, ugly)), -1e6, 1e6)


def arbitration(rng: np.random.Generator, actions: int, ugly: float) -> Arbitration:
    some = rng.random(4) < 0.5
    competing = rng.random(actions) < 0.7
    immature = [
        Immature(int(i), f"a{i}", 0.5) for i in np.flatnonzero(competing & (rng.random(actions) < 0.4))
    ]
    rules = [
        rule for rule, there in zip((MATURITY, PROPENSITY, WEIGHT, PRIORITY), some, strict=True) if there
    ]
    return Arbitration(
        ids=tuple(f"a{i}" for i in range(actions)),
        values=numbers(rng, actions, ugly),
        levers=np.abs(numbers(rng, actions, 0.0)),
        mandatory=rng.random(actions) < 0.2,
        ties=rng.permutation(actions),
        drawable=competing,
        switches=ArbitrationSpec(
            **{name: bool(rng.random() < 0.8) for name in ("propensity", "value", "levers")}
        ),
        weighted=bool(rng.random() < 0.7),
        arms=ARMS,
        smoothing=Smoothing(rng.random(actions) / 2, rng.random(actions) / 2) if rng.random() < 0.5 else None,
        hurdles=Hurdles(
            tuple(rules),
            tuple(immature),
            competing,
            np.where(competing, 0.3, 0.0),
            np.where(competing, 0.1, 0.0),
        ),
        first_rule=RULES,
        evidence=np.where(competing, rng.integers(0, 9, actions), 0.0) if rng.random() < 0.5 else None,
    )


def funnels(seed: int, actions: int, inputs: int, ugly: float) -> tuple[Funnel, Funnel]:
    """The same plan twice: compiled, and not."""
    rng = np.random.default_rng(seed)
    table = tables(rng, inputs + int(rng.integers(0, 4)), inputs)
    weights, bias = fitted(rng, (actions, inputs), ugly / 10), fitted(rng, actions, ugly / 10)
    model = LinearScorer("m", weights, bias) if rng.random() < 0.8 else StartingScorer(bias)
    removed = tuple(
        int(rule) for rule in np.where(rng.random(actions) < 0.4, rng.integers(0, RULES, actions), -1)
    )
    rows = [
        np.abs(numbers(rng, actions, ugly)) * rng.choice([0.0, 1.0], actions),
        numbers(rng, actions, ugly),
    ]
    for row in rows:
        row.setflags(write=False)
    weigh: Any = SimpleNamespace(apply=lambda _: rows[0], care=lambda _: rows[1])
    engage: Any = SimpleNamespace(apply=lambda _: removed)
    ranked = arbitration(rng, actions, ugly)
    compiled = Funnel(kernel().Vectors(table), engage, weigh, model, ranked)
    return compiled, Funnel(LatestVector(table), engage, weigh, model, ranked)


def bits(candidates: CandidateSet) -> tuple[Any, ...]:
    """All there is, floats as their bytes, with their types."""
    return tuple(_bits(value) for value in msgspec.structs.astuple(candidates))


def _bits(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple((type(one), struct.pack("<d", one) if isinstance(one, float) else one) for one in value)
    return value


def outcome(funnel: Funnel, asked: DecisionRequest) -> Any:
    try:
        return bits(funnel.candidates(asked))
    except ValueError as error:
        return str(error)


SIZES = st.integers(1, 40)
SEEDS = st.integers(0, 2**32)


@settings(max_examples=150)
@given(seed=SEEDS, actions=SIZES, inputs=SIZES, ugly=st.sampled_from([0.0, 0.0, 0.1, 0.5]), data=st.data())
def test_candidates_are_those_of_the_python_form(seed, actions, inputs, ugly, data):
    compiled, reference = funnels(seed, actions, inputs, ugly)
    rng = np.random.default_rng(seed + 1)
    for _ in range(3):
        features = tuple(numbers(rng, len(compiled.table.table.columns), ugly / 10).tolist())
        arm = data.draw(st.sampled_from(["", "", "twin", *ARMS]))
        asked = request(features, arm, f"c{rng.integers(9)}")
        found = outcome(compiled, asked)
        assert found == outcome(reference, asked)
        assert isinstance(found, str) or (compiled.ranking(asked) is None) == (arm in ARMS)


@settings(max_examples=100)
@given(seed=SEEDS, actions=SIZES, inputs=SIZES, ugly=st.sampled_from([0.0, 0.1, 0.5]), top=st.integers(0, 10))
def test_reasons_are_those_of_the_python_form(seed, actions, inputs, ugly, top):
    compiled, reference = funnels(seed, actions, inputs, ugly)
    ours, theirs = (Reasons(each.table, each.scorer, top) for each in (compiled, reference))
    rng = np.random.default_rng(seed + 2)
    features = tuple(numbers(rng, len(compiled.table.table.columns), ugly / 10).tolist())
    for action in range(actions):
        told = [
            [
                (each.feature, struct.pack("<d", each.contribution))
                for each in reasons(request(features), action)
            ]
            for reasons in (ours, theirs)
        ]
        assert told[0] == told[1]


@given(seed=SEEDS, inputs=st.integers(0, 30), ugly=st.sampled_from([0.0, 0.3]))
def test_vectors_are_those_of_the_table(seed, inputs, ugly):
    rng = np.random.default_rng(seed)
    table = tables(rng, inputs + 2, inputs)
    vectors = kernel().Vectors(table)
    for _ in range(2):
        values = tuple(numbers(rng, inputs + 2, ugly).tolist())
        x = vectors.vector(values)
        assert np.array_equal(x, table.vector(values), equal_nan=True)  # zeros of either sign are one
        assert vectors.vector(values) is x
        assert not x.flags.writeable
    others = tuple(range(inputs + 2))
    assert np.array_equal(vectors.vector(others), table.vector(others))
    assert np.array_equal(vectors.vector(list(others)), table.vector(others))
    assert vectors.vector_columns == table.vector_columns


@pytest.mark.parametrize("actions", [1, 7, 8, 9, 16, 17, 333, 2500])
def test_order_is_that_of_a_full_sort(actions):
    compiled, reference = funnels(actions, actions, 5, 0.0)
    asked = request(tuple(np.linspace(0.0, 1.0, len(compiled.table.table.columns)).tolist()))
    found = compiled.candidates(asked)
    assert bits(found) == bits(reference.candidates(asked))
    arbitration = compiled.arbitration
    order = rank(np.array(found.priorities), arbitration.mandatory, arbitration.ties)
    assert found.order == tuple(i for i in order.tolist() if found.removed_by[i] < 0)


@pytest.mark.parametrize("removed_by", [(), (-1,), (-1, 0, -1)])
def test_removals_of_another_plan_are_refused_as_the_python_form_does(removed_by: Sequence[int]):
    compiled, _ = funnels(1, 2, 3, 0.0)
    compiled.engagement.apply = lambda _: removed_by
    with pytest.raises(ValueError):
        compiled.candidates(request((0.0,) * len(compiled.table.table.columns)))


def test_weights_that_may_still_change_are_looked_at_each_time():
    compiled, reference = funnels(5, 12, 4, 0.0)
    asked = request((1.0,) * len(compiled.table.table.columns))
    row = np.ones(12)
    compiled.context_weights.apply = compiled.context_weights.care = lambda _: row
    for factor in (1.0, 3.0):
        row *= factor
        assert bits(compiled.candidates(asked)) == bits(reference.candidates(asked))


def test_threads_that_share_a_plan_do_not_see_each_other():
    compiled, reference = funnels(3, 60, 64, 0.0)
    reasons, rng = Reasons(compiled.table, compiled.scorer, 3), np.random.default_rng(0)
    columns = len(compiled.table.table.columns)
    asked = [request(tuple(rng.normal(size=columns).tolist())) for _ in range(40)]
    expected = [(bits(reference.candidates(each)), reasons.reference(each, 1)) for each in asked]
    wrong: list[int] = []

    def work(start: int) -> None:
        for turn in range(3000):
            at = (start + turn) % len(asked)
            if (bits(compiled.candidates(asked[at])), reasons(asked[at], 1)) != expected[at]:
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 7, 19)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
