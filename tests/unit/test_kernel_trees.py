"""The compiled form of boosted trees, compared with the Python form bit by bit."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.kernel import SWITCH, find
from models.propensity.artifact import Artifact
from models.propensity.trees import TreesScorer
from tests.unit.test_propensity_scoring import random_trees, walked

pytestmark = pytest.mark.skipif(find("trees", 1) is None, reason="the kernel is not built")

values = st.one_of(
    st.integers(-3, 3).map(float), st.floats(), st.sampled_from([math.nan, math.inf, -math.inf])
)


def both(artifact: Artifact, rows: np.ndarray, starting: np.ndarray) -> tuple[TreesScorer, TreesScorer]:
    """The compiled form and the Python form."""
    with pytest.MonkeyPatch.context() as patch:
        compiled = TreesScorer.of(artifact, rows, starting)
        patch.setenv(SWITCH, "0")
        plain = TreesScorer.of(artifact, rows, starting)
    assert compiled._forest is not None
    assert plain._forest is None
    return compiled, plain


@given(
    seed=st.integers(0, 2**32 - 1),
    known=st.integers(1, 6),
    rows=st.lists(st.integers(-1, 5), min_size=1, max_size=9),
    trees=st.integers(1, 12),
    most=st.sampled_from([1, 2, 20, 64]),
    x=st.lists(values, min_size=3, max_size=3).map(np.array),
)
@settings(deadline=None, max_examples=100)
def test_the_kernel_scores_and_explains_as_python_does(seed, known, rows, trees, most, x):
    artifact = random_trees(tuple(f"a{index}" for index in range(known)), seed, trees, most)
    bound = np.minimum(np.array(rows), known - 1)
    compiled, plain = both(artifact, bound, np.linspace(-3.0, -1.0, bound.size))
    assert compiled.log_odds(x).tobytes() == plain.log_odds(x).tobytes()
    assert compiled.score(x).tobytes() == plain.score(x).tobytes()
    for action in range(bound.size):
        level, added = compiled.explain(x, action)
        assert (level, added.tobytes()) == (
            plain.explain(x, action)[0],
            plain.explain(x, action)[1].tobytes(),
        )


@pytest.mark.parametrize("trees", [1, 9, 200])
def test_one_action_alone_is_summed_in_training_order(trees):
    artifact = random_trees(("a",), 5, trees)
    x = np.array([0.5, -1.0, 2.0])
    for scorer in both(artifact, np.array([0]), np.zeros(1)):
        assert scorer.log_odds(x).tolist() == [walked(artifact, x, 0)]


def test_a_compiled_form_travels_as_what_it_was_made_from():
    artifact = random_trees(("a", "b"), 3)
    compiled, _ = both(artifact, np.array([1, -1, 0]), np.zeros(3))
    x = np.array([1.0, 0.0, -1.0])
    again = pickle.loads(pickle.dumps(compiled))
    assert again.log_odds(x).tobytes() == compiled.log_odds(x).tobytes()
    forest = pickle.loads(pickle.dumps(compiled._forest))
    total = np.empty(3)
    forest.log_odds(x, total)
    assert total.tobytes() == compiled.log_odds(x).tobytes()


def test_a_vector_of_another_length_is_refused():
    compiled, _ = both(random_trees(("a", "b"), 3), np.array([0, 1]), np.zeros(2))
    with pytest.raises(ValueError, match="length"):
        compiled.log_odds(np.zeros(4))
    with pytest.raises(ValueError, match="length"):
        compiled.explain(np.zeros(2), 0)
