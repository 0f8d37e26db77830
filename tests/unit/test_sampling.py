"""Draws of propensities: repeatable, independent, and from the distribution that they claim."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from models.exploration.sampling import draw, is_drawn, uniforms

PINNED_UNIFORMS = [0.5363584738138261, 0.32223057976449526]
NAMES = [f"action_{n}" for n in range(8)]


def test_the_same_slot_of_the_same_decision_draws_the_same_bits():
    first = draw("d1", 1, NAMES, [0.2] * 8, [40.0] * 8)
    assert first == draw("d1", 1, NAMES, [0.2] * 8, [40.0] * 8)
    assert first != draw("d1", 2, NAMES, [0.2] * 8, [40.0] * 8)
    assert first != draw("d2", 1, NAMES, [0.2] * 8, [40.0] * 8)
    assert len(set(first)) == 8


def test_draws_keep_their_bits_from_release_to_release():
    assert uniforms("0f" * 16, 1, ["isa_open", "loan"]) == PINNED_UNIFORMS
    assert draw("0f" * 16, 1, ["isa_open", "loan"], [0.5, 0.5], [2.0, 2.0]) == pytest.approx(
        PINNED_UNIFORMS, rel=1e-12
    )


@given(st.integers(0, 7), st.integers(1, 7))
def test_who_else_competes_does_not_move_a_draw(first: int, count: int):
    names = NAMES[first : first + count]
    alone = [draw("d", 1, [name], [0.1], [30.0])[0] for name in names]
    assert draw("d", 1, names, [0.1] * len(names), [30.0] * len(names)) == alone


@pytest.mark.parametrize(
    ("propensity", "evidence"), [(0.3, 0.0), (0.0, 50.0), (1.0, 50.0), (5e-324, 1e-3), (0.0, 0.0)]
)
def test_what_chance_has_no_say_in_is_returned_as_it_is(propensity: float, evidence: float):
    assert not is_drawn(propensity, evidence)
    assert draw("d", 1, ["a"], [propensity], [evidence]) == [propensity]


@given(st.floats(0, 1), st.floats(0, 1e9), st.text(max_size=20))
def test_a_draw_is_a_probability(propensity: float, evidence: float, name: str):
    (value,) = draw("d", 3, [name], [propensity], [evidence])
    assert 0.0 <= value <= 1.0


@pytest.mark.parametrize(("propensity", "evidence"), [(0.5, 2.0), (0.02, 50.0), (0.9, 1000.0), (0.3, 0.7)])
def test_draws_follow_the_beta_distribution(propensity: float, evidence: float):
    drawn = [draw(f"decision {n}", 1, ["a"], [propensity], [evidence])[0] for n in range(4000)]
    found = kstest(drawn, beta(propensity * evidence, (1 - propensity) * evidence).cdf)
    assert found.pvalue > 1e-4


def test_slots_and_actions_are_drawn_independently():
    drawn = np.array(
        [[uniforms(f"decision {n}", slot, NAMES[:3]) for slot in (1, 2)] for n in range(4000)]
    ).reshape(4000, 6)
    correlation = np.corrcoef(drawn.T) - np.eye(6)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(4000)


def test_a_worker_that_never_explores_does_not_load_scipy():
    script = (
        "import sys; from models.exploration.sampling import draw; draw('d', 1, ['a'], [0.5], [0.0]);"
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
