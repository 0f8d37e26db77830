"""Slots and series that are not as a plan would have left them are damage, and are said to be."""

import struct
from typing import Any

import pytest

from models.features.demands import TRAIL_KEY, Demands
from models.features.shapes import check, series_shapes, slot_shapes
from models.stored import LATEST
from models.times import SECOND

AMOUNT = "signal.attributes.amount"
DEMANDS = Demands()
COUNT = DEMANDS.session("count", None, None, numeric=False)
TOTAL = DEMANDS.session("total", None, AMOUNT, numeric=True)
DISTINCT = DEMANDS.session("distinct", None, "signal.page", numeric=False)
LAST = DEMANDS.session("last", None, AMOUNT, numeric=True)
LABEL = DEMANDS.label("total", None, AMOUNT, 3, numeric=True)
VIEWS = DEMANDS.window("count", None, None, 60 * SECOND, 0, numeric=False)
SUMS = DEMANDS.window("total", None, AMOUNT, 60 * SECOND, 0, numeric=True)
SLOTS, SERIES = slot_shapes(DEMANDS), series_shapes(DEMANDS)


def times(*known: int) -> bytes:
    return struct.pack(f"<{len(known)}q", *known)


SOUND: list[tuple[Any, int, Any]] = [
    (SLOTS, COUNT, [2, 5]),
    (SLOTS, TOTAL, [1, 2.5]),
    (SLOTS, DISTINCT, b"x" * 16),
    (SLOTS, LAST, [5, "tie", 2.5]),
    (SLOTS, TRAIL_KEY, [[5, "tie", {LABEL: 2.5}]]),
    (SLOTS, 1, "no slot of this plan"),
    (SERIES, VIEWS, [times(3, 3, 5), b""]),
    (SERIES, SUMS, [times(3, 5), b"x" * 16]),
]
DAMAGED: list[tuple[Any, int, Any]] = [
    (SLOTS, COUNT, [-1, 5]),
    (SLOTS, COUNT, [2]),
    (SLOTS, COUNT, [2, LATEST + 1]),
    (SLOTS, TOTAL, [1]),
    (SLOTS, TOTAL, [0, 2.5]),
    (SLOTS, TOTAL, [1, float("inf")]),
    (SLOTS, DISTINCT, b""),
    (SLOTS, DISTINCT, b"x" * 15),
    (SLOTS, DISTINCT, "x" * 16),
    (SLOTS, LAST, [5, "tie", "text"]),
    (SLOTS, TRAIL_KEY, [[5, "tie", {LABEL: "text"}]]),
    (SLOTS, TRAIL_KEY, [[5, "tie"]]),
    (SERIES, VIEWS, [times(3), b"x" * 8]),
    (SERIES, SUMS, [times(3, 5), b"x" * 8]),
    (SERIES, SUMS, [times(3, 5), b""]),
    (SERIES, SUMS, [times(5, 3), b"x" * 16]),
    (SERIES, VIEWS, [times(3)[:-1], b""]),
    (SERIES, VIEWS, [times(LATEST + 1), b""]),
]


@pytest.mark.parametrize(("shapes", "key", "value"), SOUND)
def test_what_a_plan_leaves_is_sound(shapes: Any, key: int, value: Any) -> None:
    check({key: value}, shapes)


@pytest.mark.parametrize(("shapes", "key", "value"), DAMAGED)
def test_what_no_plan_leaves_is_damaged(shapes: Any, key: int, value: Any) -> None:
    with pytest.raises(ValueError) as told:
        check({key: value}, shapes)
    assert type(told.value) is ValueError
