"""Customers compared one by one: who gets more, who gets less, and how contacts are spread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.replaying.customers import aligned, distribution, moved
from models.replaying.tally import CustomerRow, Tally

COUNTS = st.dictionaries(st.integers(0, 30), st.integers(0, 700), max_size=30)


def tally(counts: dict[int, int]) -> Tally:
    return Tally(customers={key: CustomerRow(n, n // 2, n * 1.5, 0.0) for key, n in counts.items()})


@given(a=COUNTS, b=COUNTS)
def test_who_is_in_one_history_alone_got_nothing_in_the_other(a, b):
    sides = aligned(tally(a), tally(b))
    everybody = {*a, *b}
    assert sorted(sides["contacts"].a) == sorted(a.get(key, 0) for key in everybody)
    row = moved("contacts", sides["contacts"], "count")
    changes = [b.get(key, 0) - a.get(key, 0) for key in everybody]
    assert (row.gain, row.lose, row.same) == (
        sum(change > 0 for change in changes),
        sum(change < 0 for change in changes),
        sum(change == 0 for change in changes),
    )
    assert row.gained - row.lost == sum(changes)


@given(a=COUNTS, b=COUNTS)
def test_bins_and_percentiles_are_those_of_a_sorted_list(a, b):
    spread = distribution("contacts", aligned(tally(a), tally(b))["contacts"])
    for name, counts in (("a", a), ("b", b)):
        everybody = sorted(counts.get(key, 0) for key in {*a, *b})
        if not everybody:
            assert spread.bins == ()
            continue
        assert sum(getattr(each.customers, name) for each in spread.bins) == len(everybody)
        for each in spread.percentiles:
            value = getattr(each.pair, name)
            assert sum(n <= value for n in everybody) >= each.percent / 100 * len(everybody)
            assert value == 0 or sum(n < value for n in everybody) < each.percent / 100 * len(everybody)
        assert getattr(spread.mean, name) == pytest.approx(sum(everybody) / len(everybody))


def test_the_top_percent_is_at_least_one_customer():
    spread = distribution("contacts", aligned(tally({1: 9, 2: 1}), tally({1: 0, 2: 0}))["contacts"])
    assert spread.top_share.a == 0.9
    assert spread.top_share.b == 0


def test_rounding_is_no_gain():
    a = Tally(customers={1: CustomerRow(1, 1, 10.0, 0.0)})
    b = Tally(customers={1: CustomerRow(1, 1, 10.001, 0.0)})
    row = moved("expected value", aligned(a, b)["expected"], "value")
    assert (row.gain, row.same, row.gained) == (0, 1, 0)
