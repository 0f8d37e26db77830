"""Rolling windows against the answers of a fraud-detection handbook: 156,800 payments with windows up to 37 days.

In event order all rows are compared. With shuffled arrival the quick form takes every eighth customer and terminal;
NEXTBEAM_FULL=1 takes all.
"""

import os
import random
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from context_plans import plan
from realdata import data_dir

from models.context import ContextFold
from models.context.state import ContextState
from models.folds import advance
from models.times import DAY, Micros, moment
from schemas import DecisionRequest, Signal

FULL = os.environ.get("NEXTBEAM_FULL") == "1"
SHUFFLED_EVERY = 1 if FULL else 8
ROUNDED = 1.0001e-5  # means and shares are given with five decimals
_IS_PAYMENT, _IS_FRAUD = "signal.type == 'payment'", "signal.attributes.flag"


class Expected(NamedTuple):
    """One data set: its key column, the plan's features and the columns with their answers, in that order."""

    name: str
    rows: int
    key: str
    features: list[dict[str, Any]]
    answers: list[str]


def windows(kinds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**kind, "name": f"{kind['kind']}_{w}d", "window": f"{w}d"} for w in (1, 7, 30) for kind in kinds]


def answers(*patterns: str) -> list[str]:
    return [pattern.format(w) for w in (1, 7, 30) for pattern in patterns]


SETS = [
    Expected(
        "customers_dev",
        86_968,
        "CUSTOMER_ID",
        windows([{"kind": "count"}, {"kind": "mean", "of": "signal.attributes.amount"}]),
        answers("CUSTOMER_ID_NB_TX_{}DAY_WINDOW", "CUSTOMER_ID_AVG_AMOUNT_{}DAY_WINDOW"),
    ),
    Expected(
        "terminals_dev",
        69_832,
        "TERMINAL_ID",
        windows(
            [
                {"kind": "count", "delay": "7d"},
                {"kind": "ratio", "delay": "7d", "where": _IS_FRAUD, "among": _IS_PAYMENT},
            ]
        ),
        answers("TERMINAL_ID_NB_TX_{}DAY_WINDOW", "TERMINAL_ID_RISK_{}DAY_WINDOW"),
    ),
]


class Payment(NamedTuple):
    """One row: when, as a signal that asks for a decision, and what its features must be."""

    at: Micros
    signal: Signal
    expected: tuple[float, ...]


def payments(case: Expected, every: int) -> Iterator[list[Payment]]:
    """The payments of each `every`th customer or terminal, by time and file order."""
    pd = pytest.importorskip("pandas")
    rows = pd.read_parquet(data_dir("fraud_windows") / f"{case.name}.parquet")
    rows = rows[rows[case.key] % every == 0].reset_index(names="row")
    rows["at"] = rows["TX_DATETIME"].astype("datetime64[us]").astype("int64")
    for key, group in rows.groupby(case.key):
        columns = [group[name].tolist() for name in ("at", "row", "TX_AMOUNT", "TX_FRAUD")]
        given = zip(*(group[name].tolist() for name in case.answers), strict=True)
        yield [
            Payment(at, payment(str(key), at, row, amount, fraud), expected)
            for at, row, amount, fraud, expected in zip(*columns, given, strict=True)
        ]


def payment(customer: str, at: Micros, row: int, amount: float, fraud: int) -> Signal:
    return Signal(
        signal_id=f"{row:08d}",
        customer_id=customer,
        occurred_at=moment(at),
        type="payment",
        channel="web",
        brand="north",
        placements=("hero",),
        attributes={"amount": amount, "flag": bool(fraud)},
    )


def fold_for(case: Expected, late: str) -> ContextFold:
    return ContextFold.of(plan(case.features, {"late": late}), "digest")


def assert_close(found: Sequence[float], payment: Payment) -> None:
    assert found[::2] == payment.expected[::2], payment
    assert found[1::2] == pytest.approx(payment.expected[1::2], abs=ROUNDED, rel=0), payment


def shuffled_within_days(rows: list[Payment]) -> Iterator[list[Payment]]:
    draw = random.Random(7)
    for _, day in groupby(rows, key=lambda payment: payment.at // DAY):
        arriving = list(day)
        draw.shuffle(arriving)
        yield arriving


def requests(fold: ContextFold, signals: Sequence[Signal]) -> Iterator[DecisionRequest]:
    state = fold.initial()
    for signal in signals:
        state, outputs = advance(fold, state, signal)
        yield next(output for output in outputs if isinstance(output, DecisionRequest))


@pytest.mark.parametrize("case", SETS, ids=lambda case: case.name)
def test_windows_equal_the_given_ones_in_event_order(case):
    fold, seen = fold_for(case, "2h"), 0
    for rows in payments(case, every=1):
        for payment, request in zip(rows, requests(fold, [row.signal for row in rows]), strict=True):
            assert_close(request.context.features, payment)
            seen += 1
    assert seen == case.rows


@pytest.mark.parametrize("case", SETS, ids=lambda case: case.name)
def test_windows_equal_the_given_ones_when_a_shuffled_file_is_sorted_by_the_fold(case):
    fold = fold_for(case, "2h")
    for rows in payments(case, SHUFFLED_EVERY):
        arriving = [payment for day in shuffled_within_days(rows) for payment in day]
        arriving.sort(key=lambda payment: fold.order(payment.signal))
        for payment, request in zip(arriving, requests(fold, [row.signal for row in arriving]), strict=True):
            assert_close(request.context.features, payment)


@pytest.mark.parametrize("case", SETS, ids=lambda case: case.name)
def test_windows_equal_the_given_ones_after_each_day_that_arrived_shuffled(case):
    fold = fold_for(case, "1d")
    for rows in payments(case, SHUFFLED_EVERY):
        state: ContextState = fold.initial()
        for day in shuffled_within_days(rows):
            for payment in day:
                state, _ = advance(fold, state, payment.signal)
            for payment in day:
                tied = any(o.at == payment.at and o.signal.signal_id > payment.signal.signal_id for o in day)
                if not tied:  # of equal times, the file's earlier rows are answered without the later ones
                    assert_close(fold.features_at(state, payment.at), payment)
