"""What sessions remember: merged in any grouping and fed in any order it gives the same answers."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features import memory
from models.features.memory import ADD, RESET, SUBTRACT

FLOATS = st.floats(-1e100, 1e100)


def fed(kind, entries, settled=-1):
    slot = None
    for at, tie, value in entries:
        slot = kind.add(slot, at, tie, value, settled)
    return slot


def entries(values):
    return st.lists(
        st.tuples(st.integers(0, 9), st.text("abc", max_size=2), values),
        max_size=12,
        unique_by=lambda e: e[:2],
    )


CASES = [
    pytest.param(memory.TALLY, st.none(), memory.session_count, id="count"),
    pytest.param(memory.TALLY, st.none(), memory.session_latest_at, id="latest-at"),
    pytest.param(memory.TOTAL, FLOATS, memory.session_total, id="total"),
    pytest.param(memory.TOTAL, FLOATS, memory.session_mean, id="mean"),
    pytest.param(memory.MAXIMUM, FLOATS, memory.session_maximum, id="maximum"),
    pytest.param(memory.LATEST, FLOATS, memory.session_last, id="last"),
    pytest.param(
        memory.DISTINCT,
        st.sampled_from([b"12345678", b"abcdefgh", b"78123456"]),
        memory.session_distinct,
        id="distinct",
    ),
    pytest.param(
        memory.BALANCE,
        st.tuples(st.sampled_from([ADD, SUBTRACT, RESET]), st.floats(0, 10)),
        memory.session_balance,
        id="balance",
    ),
    pytest.param(
        memory.trail(3), st.just({1: 2.0}), lambda steps: memory.trail_total(steps, 3, 1), id="trail"
    ),
]


@pytest.mark.parametrize(("kind", "values", "ask"), CASES)
@given(data=st.data())
def test_any_order_and_any_grouping_give_the_same_answer(kind, values, ask, data):
    given_entries = data.draw(entries(values))
    shuffled = data.draw(st.permutations(given_entries))
    cut = data.draw(st.integers(0, len(shuffled)))
    one, other = fed(kind, shuffled[:cut]), fed(kind, shuffled[cut:])
    whole = fed(kind, sorted(given_entries, key=lambda e: e[:2]))
    assert ask(fed(kind, shuffled)) == ask(whole)
    if one is not None and other is not None:
        assert ask(kind.merge(one, other)) == ask(kind.merge(other, one)) == ask(whole)


@given(st.lists(FLOATS, max_size=20))
def test_parts_add_up_exactly(values):
    parts = []
    for value in values:
        parts = memory.exact_add(parts, value)
    assert sum(map(Fraction, parts)) == sum(map(Fraction, values))
    assert math.fsum(parts) == math.fsum(values)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        pytest.param([], 0.0, id="nothing"),
        pytest.param([(ADD, 5), (SUBTRACT, 2)], 3.0, id="adds-and-takes-away"),
        pytest.param([(ADD, 5), (SUBTRACT, 9), (ADD, 1)], 1.0, id="not-below-nothing"),
        pytest.param([(ADD, 5), (RESET, 0), (ADD, 2)], 2.0, id="starts-again"),
    ],
)
def test_balance(changes, left):
    assert memory.session_balance(fed(memory.BALANCE, [(t, "", c) for t, c in enumerate(changes)])) == left


@pytest.mark.parametrize("settled", [-1, 0, 50, 99])
def test_a_late_change_of_a_long_balance_still_counts_at_its_time(settled):
    """A late event comes at `settled` or after; what is earlier may have been summed up by then."""
    changes = [(t, "", (SUBTRACT if t % 3 == 0 else ADD, 1.0)) for t in range(100) if t != 99]
    late = (max(settled, 0), "late", (RESET, 0.0))
    summed = memory.BALANCE.add(fed(memory.BALANCE, changes, settled), *late, settled)
    exact = fed(memory.BALANCE, sorted([*changes, late]), settled=-1)
    assert memory.session_balance(summed) == memory.session_balance(exact)


def test_memories_are_bounded():
    balance = fed(memory.BALANCE, [(t, "", (ADD, 1.0)) for t in range(2000)])
    assert len(balance[1]) == memory.MAX_BALANCE
    assert memory.session_balance(balance) == 2000.0
    distinct = fed(memory.DISTINCT, [(t, "", b"%08d" % t) for t in range(500)])
    assert memory.session_distinct(distinct) == memory.MAX_DISTINCT
    assert len(fed(memory.trail(5), [(t, "", {}) for t in range(100)])) == 5


@pytest.mark.parametrize(
    ("known", "value", "held"),
    [
        pytest.param(b"", b"12345678", False, id="nothing-known"),
        pytest.param(b"1234567812345678", b"12345678", True, id="aligned"),
        pytest.param(b"xx12345678yyyyyy", b"12345678", False, id="across-two"),
        pytest.param(b"xx12345678yyyyyy12345678", b"12345678", True, id="across-two-and-then-aligned"),
    ],
)
def test_a_fingerprint_is_found_only_as_a_whole(known, value, held):
    assert memory.holds(known, value) is held


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (memory.trail_count, 2),
        (memory.trail_total, 5.0),
        (memory.trail_mean, 2.5),
        (memory.trail_maximum, 3.0),
        (memory.trail_distinct, 2),
        (memory.trail_last, 3.0),
        (memory.trail_latest_at, 8),
    ],
)
def test_the_last_events_are_looked_at_whatever_their_labels(ask, value):
    steps = fed(memory.trail(4), [(5, "", {7: 9.0}), (6, "", {7: 2.0}), (8, "", {7: 3.0}), (9, "", {})])
    assert ask(steps, 3, 7) == value
    assert ask(None, 3, 7) in {0, None}
