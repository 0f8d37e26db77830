"""Twenty thousand random histories of delivery, and the eight promises after each: see `delivery.world`."""

from concurrent.futures import ProcessPoolExecutor

import pytest
from delivery.__main__ import broken
from delivery.invariants import PROMISES
from delivery.world import World

SEEDS = 20_000


@pytest.mark.slow
def test_no_history_of_delivery_breaks_a_promise():
    chunks = [(first, first + 500) for first in range(0, SEEDS, 500)]
    with ProcessPoolExecutor(2) as pool:
        found = [text for texts in pool.map(broken, *zip(*chunks, strict=True)) for text in texts]
    assert not found, "\n".join(found[:20])


def test_histories_are_worth_looking_at():
    histories = [World(seed).run() for seed in range(200)]
    for fault in ("repeat", "reorder", "crash", "lost_ack", "sink_twice", "timer", "change_plan"):
        assert {getattr(history.faults, fault) > 0 for history in histories} == {False, True}, fault
    assert len({type(record).__name__ for history in histories for record in history.published}) == 4
    assert len(PROMISES) == 8


def test_the_same_seed_is_the_same_history():
    assert World(7).run().published == World(7).run().published
