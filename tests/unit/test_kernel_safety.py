"""The kernel under abuse: whatever it is given, it answers or raises; it neither crashes nor mixes customers."""

import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import pytest
from bank_arrivals import PLAN, busy_days
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.test_features_oracle import histories
from unit.test_kernel_context import changed, folds

from models.folds import advance
from models.kernel import MODULES, find
from models.ledger.attribution import OpenDecision, OpenOffer
from models.ledger.state import LedgerState, pointing

KERNEL = {name: module for name in MODULES for version in range(1_000) if (module := find(name, version))}
pytestmark = pytest.mark.skipif(len(KERNEL) < len(MODULES), reason="the kernel is not built")

WRONG = st.sampled_from(
    [
        *(
            None,
            0,
            7,
            -1,
            1.5,
            True,
            "",
            "text",
            b"",
            b"1234567",
            b"12345678",
            2**70,
            2**62,
            {},
            [],
            [None],
            [1],
        ),
        *(
            [1, None],
            [b""],
            [b"", b""],
            [None, None],
            [b"1234567", b""],
            [b"\xff" * 80, b"\x01" * 8],
            [b"x" * 80, 5],
        ),
        *(
            [[]],
            [[1]],
            [[1, "a"]],
            [[1, "a", 5]],
            [[1, "a", {}]],
            [[None, None, None]],
            [0.0, None],
            [0.0, [[]]],
        ),
        *(
            [0.0, [[1, "a", 9, None]]],
            [1, 2, 3],
            ["a", "b", "c"],
            [b"\0" * 16, b"\0" * 16],
            {1: 2},
            [[1, "a", [1]]],
        ),
    ]
)
RAISED = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, SystemError)


def _damaged(draw, slots: dict[int, Any]) -> dict[int, Any]:
    return {key: draw(WRONG) if draw(st.booleans()) else value for key, value in slots.items()}


@pytest.mark.parametrize("name", ["gap", "declared"])
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_state_raises_or_is_taken_as_it_is(name, data):
    fold, _ = folds(name)
    state = fold.initial()
    for event in data.draw(histories()):
        state, _ = advance(fold, state, event)
        sessions = [
            msgspec.structs.replace(session, slots=_damaged(data.draw, session.slots))
            for session in state.sessions
        ]
        bad = msgspec.structs.replace(
            state, sessions=tuple(sessions), series=_damaged(data.draw, state.series)
        )
        for asks in ((), ("hero",)):
            asked = changed(data.draw, event)
            if hasattr(asked, "placements"):
                asked = msgspec.structs.replace(asked, placements=asks)
            try:
                fold.deadline(bad)
                again = fold.decode(fold.encode(advance(fold, bad, asked)[0]))
                fold.deadline(again)
            except RAISED:
                continue


def test_threads_that_share_a_plan_decide_as_one_thread_does():
    fold, mine = PLAN.load().plan.decide_fold(), defaultdict(list)
    for event in busy_days(1_200, customers=24):
        mine[event.customer_id].append(event)

    def folded(customer):
        state, told = fold.initial(), []
        for event in sorted(mine[customer], key=fold.order):
            state, outputs = advance(fold, fold.decode(fold.encode(state)), event)
            told += [str(o) if isinstance(o, str) else msgspec.msgpack.encode(o) for o in outputs]
        return fold.encode(state), told

    wanted = [folded(customer) for customer in mine]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(2e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(folded, [*mine] * 4))
    finally:
        sys.setswitchinterval(interval)
    assert found == wanted * 4


FAR = st.sampled_from(
    [
        0,
        1,
        -1,
        5,
        2**54,
        -(2**54),
        -(2**54) - 1,
        2**57,
        2**57 + 1,
        2**62,
        -(2**62),
        2**63 - 1,
        -(2**63),
        2**63,
        2**64,
    ]
)
NEAR = st.integers(-1, 3)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_positions_and_times_of_a_ledger_are_judged_as_in_python(data):
    contacts = data.draw(st.lists(st.tuples(NEAR | FAR, NEAR | FAR), max_size=4))
    contacts = sorted(contacts) if data.draw(st.booleans()) else contacts
    offered = data.draw(st.lists(st.tuples(NEAR | FAR, NEAR, NEAR | FAR), max_size=3))
    state = LedgerState(
        since=data.draw(NEAR | FAR),
        origins=("one",),
        spots=("one", "two"),
        times=tuple(at for at, _ in contacts),
        items=tuple(item for _, item in contacts),
        committed=(False,) * (len(contacts) + data.draw(st.sampled_from([0, 0, 0, 1]))),
        open=tuple(OpenDecision(at, "d", origin, (OpenOffer(item, 0.5),)) for at, origin, item in offered),
        gaps=tuple(data.draw(st.lists(st.tuples(NEAR, FAR), max_size=3))),
    )
    assert KERNEL["ledger"].pointing(state) == pointing(state)


@pytest.mark.parametrize("actions", [0, 1, 7, 8, 63, 64, 65, 2_500])
def test_sets_of_actions_stay_inside(actions):
    ledger = KERNEL["ledger"]
    assert ledger.mask(range(actions)) == 2**actions - 1
    assert ledger.mask(iter(range(actions))) == 2**actions - 1
    screen = ledger.Screen(actions)
    assert screen.bits() == 0
    for action in (-1, actions, actions + 64, 2**31 - 1, -(2**31)):
        with pytest.raises(IndexError):
            screen.get(action)
        with pytest.raises(IndexError):
            screen.having({action: 1})
    for wrong in ([-1], [2, -9], [None], ["a"], [2**40]):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            ledger.mask(wrong)


def _forest(**changes: Any) -> Any:
    """Two trees of one split each; one action."""
    given = {
        "features": 2,
        "feature": np.array([0, 1]),
        "keep": np.array([2, 2], np.uint64),
        "split_ends": np.array([1, 2]),
        "first": np.array([0, 2]),
        "word": np.array([3, 3], np.uint64),
        "case_ends": np.array([1, 2]),
        "leaf": np.array([1.0, 2.0, 3.0, 4.0]),
        "terms": np.array([[0], [1], [2]]),
    } | changes
    splits = given["feature"], np.zeros(len(given["feature"])), given["keep"], given["split_ends"]
    cases = given["first"], given["word"], given["case_ends"]
    return KERNEL["trees"].Forest(
        given["features"], splits, cases, given["leaf"], np.zeros(1), given["terms"]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"feature": np.array([0, 2])},
        {"feature": np.array([-1, 0])},
        {"keep": np.array([2], np.uint64)},
        {"split_ends": np.array([1, 9])},
        {"split_ends": np.array([2, 1])},
        {"split_ends": np.array([1])},
        {"case_ends": np.array([1, 9])},
        {"case_ends": np.array([1])},
        {"first": np.array([0, 4])},
        {"first": np.array([-1, 0])},
        {"first": np.array([0])},
        {"terms": np.array([[0], [1], [3]])},
        {"terms": np.array([[-1], [1], [2]])},
        {"terms": np.array([[0], [1]])},
    ],
)
def test_trees_that_point_outside_are_refused(changes):
    with pytest.raises(ValueError):
        _forest(**changes)


def test_trees_are_walked_inside_whatever_they_rule_out():
    total = np.empty(1)
    _forest().log_odds(np.array([1.0, -1.0]), total)
    assert total[0] == 2.0 + 3.0
    none_left = _forest(keep=np.zeros(2, np.uint64), word=np.zeros(2, np.uint64))
    none_left.log_odds(np.array([np.nan, np.inf]), total)
    whole = np.zeros((4, 1), np.int64), np.ones((4, 1))
    for cases, columns, changes in [
        (np.array([2]), *whole),
        (np.array([-1]), *whole),
        (np.array([0]), whole[0] + 5, whole[1]),
        (np.array([0]), whole[0] - 1, whole[1]),
        (np.array([0]), whole[0], np.ones((4, 2))),
        (np.array([0]), whole[0], np.ones((3, 1))),
    ]:
        with pytest.raises(ValueError):
            _forest().credits(np.zeros(2), cases, columns, changes, np.zeros(3))


def _chains(**changes: Any) -> Any:
    given = {"runs": [[0]], "chains": [[0, -1]], "numbers": [7], "words": 1, "start": np.ones(1, np.uint64)}
    given |= {"rows": np.zeros((4, 1), np.uint64), "cases": {}, "kind": 1, "index": 0} | changes
    field = 0, 1, given["index"], given["kind"], False, False, [], given["cases"], given["rows"]
    tables = 1, 0, given["words"], given["start"], [field], None, None, str
    return KERNEL["rules"].Chains(given["runs"], given["chains"], given["numbers"], *tables)


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": [[64]]},
        {"runs": [[-1]]},
        {"chains": [[64]]},
        {"chains": [[-2]]},
        {"numbers": []},
        {"words": 0, "start": np.ones(0, np.uint64)},
        {"start": np.ones(2, np.uint64)},
        {"rows": np.zeros((3, 1), np.uint64)},
        {"rows": np.zeros((4, 2), np.uint64)},
        {"kind": 2, "cases": {"a": 4}},
        {"kind": 2, "cases": {"a": -1}},
        {"kind": 3, "cases": {"a": 1}},
        {"kind": 3, "cases": {str(n): n for n in range(300)}},
        {"index": -1},
    ],
)
def test_rules_that_point_outside_are_refused(changes):
    _chains()
    with pytest.raises((ValueError, OverflowError)):
        _chains(**changes)
