"""Counts of a bundle reach their counters once, at its end, and not at all where it failed."""

from hypothesis import given
from hypothesis import strategies as st

from transforms.metrics import Counts


class _Counter:
    def __init__(self) -> None:
        self.told: list[int] = []

    def inc(self, n: int = 1) -> None:
        self.told.append(n)


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc")), st.booleans())))
def test_all_that_was_counted_in_bundles_that_ended_is_told_once(bundles):
    counters = {name: _Counter() for name in "abc"}
    counts = Counts(counters)
    for counted, ended in bundles:
        counts.start()
        for name in counted:
            counts.add(name)
        if ended:
            counts.count()
    kept = [counted for counted, ended in bundles if ended]
    for name, counter in counters.items():
        assert counter.told == [counted.count(name) for counted in kept if name in counted]
