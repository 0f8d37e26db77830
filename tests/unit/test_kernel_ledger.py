"""The compiled ledger counts, refuses, fills and judges as the Python form does, whatever the limits and contacts."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from contact_worlds import BRANDS, NAMES, World, policy
from hypothesis import given, settings
from hypothesis import strategies as st
from test_contact_policy import LIMITS, SUPPRESSIONS, WEIGHTS, choices, happening

from models.kernel import SWITCH, find
from models.ledger.attribution import OpenDecision, OpenOffer
from models.ledger.book import Book
from models.ledger.limits import ContactLimits
from models.ledger.spots import KERNEL, Spot, plan_spots
from models.ledger.state import LedgerState, pointing
from models.ledger.suppressions import Pause, Suppressions
from models.ledger.tallies import Contacts

_KERNEL = find("ledger", KERNEL)
pytestmark = pytest.mark.skipif(_KERNEL is None, reason="the kernel is not built or switched off")
SECOND = 1_000_000
CHANNELS = ["web", "app", "mail", "branch"]
DIRECTIONS = {"web": "inbound", "app": "inbound", "mail": "outbound", "branch": "inbound"}


@contextmanager
def in_python() -> Iterator[None]:
    """What is compiled meanwhile does without the kernel."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "0"
    try:
        yield
    finally:
        os.environ.pop(SWITCH)
        if before is not None:
            os.environ[SWITCH] = before


def both(limits: Sequence[dict[str, Any]]) -> tuple[ContactLimits, ContactLimits]:
    spec = policy(list(limits), [])
    with in_python():
        plain = ContactLimits(spec)
    compiled = ContactLimits(spec)
    assert plain.table is None
    assert compiled.table is not None
    return plain, compiled


limit = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in LIMITS.items()})
spots = st.builds(
    Spot,
    action=st.sampled_from([*NAMES, "retired"]),
    treatment=st.sampled_from(["loan-0", "loan-1", "gone"]),
    channel=st.sampled_from([*CHANNELS, "fax"]),
    placement=st.just("hero"),
    group=st.sampled_from(["lending", "deposits", "care", "old"]),
    issue=st.sampled_from(["grow", "old"]),
    message_class=st.sampled_from(["marketing", "service"]),
    brand=st.sampled_from([*BRANDS, ""]),
    direction=st.sampled_from(["inbound", "outbound", ""]),
)
offered = st.tuples(st.integers(0, len(NAMES) - 1), st.sampled_from(CHANNELS), st.sampled_from(BRANDS)).map(
    lambda drawn: plan_spots(policy([], []))[drawn[0]]._replace(
        channel=drawn[1], placement="hero", brand=drawn[2], direction=DIRECTIONS[drawn[1]]
    )
)
contacts = st.lists(st.tuples(st.integers(-61, 3), spots, st.booleans()), max_size=30)


def book_of(made: Sequence[tuple[int, Spot, bool]]) -> Book:
    book = Book(LedgerState())
    for at, spot, committed in made:
        book.add_contact(at * SECOND, book.spot(spot.key), committed=committed)
    return book


@settings(max_examples=120, deadline=None)
@given(
    st.lists(limit, max_size=6),
    contacts,
    st.sampled_from(BRANDS),
    st.lists(offered, max_size=4),
    st.booleans(),
)
def test_counts_are_those_of_the_python_form(limits, made, brand, offers, copied):
    plain, compiled = both(limits)
    book = book_of(made)
    ours = compiled.counted(book, 0, brand, "web")
    later = any(at > 0 for at, _, _ in made)
    assert (ours is None) == (later and bool(limits))
    if ours is None or later:
        return
    rows = plain.rows(book.spots)
    theirs = plain.count(Contacts(book.times, book.items, book.committed, rows), 0, brand)
    if copied:
        ours, theirs = ours.copy(), theirs.copy()
    refused = {channel: theirs.screen(channel, [], 0, []).bits() for channel in CHANNELS}
    for channel in CHANNELS:
        same_refusals(ours, theirs, channel)
    filled: set[int] = set()
    expected: set[int] = set()
    for offer in offers:
        row = plain.row(offer.key)
        filled |= ours.add(
            row
        )  # together, as `Offering` asks: what was full before may be said again, or not
        expected |= theirs.add(row)
        for channel in CHANNELS:
            same_refusals(ours, theirs, channel)
            new = [
                stops(counts, channel, refused, among)
                for counts, among in ((ours, filled), (theirs, expected))
            ]
            assert new[0] == new[1]


def stops(counts: Any, channel: str, refused: dict[str, int], among: set[int]) -> list[tuple[int, int]]:
    """What limits that were filled refuse now and did not before: the Python form also says what they did before."""
    found = [(limit, bits & ~refused[channel]) for limit, bits in counts.refused(channel, among)]
    return [(limit, bits) for limit, bits in found if bits]


def same_refusals(ours: Any, theirs: Any, channel: str) -> None:
    assert list(ours.refused(channel)) == list(theirs.refused(channel))
    assert ours.refused_treatments(channel) == theirs.refused_treatments(channel)
    before, after = [(1, 0b10010), (0, 0b11000)], [(90, 0b111)]
    one, other = ours.screen(channel, before, 2, after), theirs.screen(channel, before, 2, after)
    for screen, expected in ((one, other), (one.having({0: 77}), other.having({0: 77}))):
        assert screen.bits() == expected.bits()
        assert [screen.get(i) for i in range(len(NAMES))] == [expected.get(i) for i in range(len(NAMES))]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_customers_live_the_same_lives(seed):
    spec, history = life(seed)
    with in_python():
        plain = World(spec)
    compiled = World(spec)
    assert lived(compiled, history) == lived(plain, history)
    assert compiled.states == plain.states


def lived(world: World, history: list[tuple[Any, ...]]) -> list[Any]:
    """All decisions; the oracle is told of each."""
    decisions = []
    for decision in world.run(history):
        decisions.append(decision)
        world.expected(decision) if world.ample else world.broken(decision)
    return decisions


def life(seed: int) -> tuple[Any, list[tuple[Any, ...]]]:
    choose = Random(seed).choice
    limits = [choices(LIMITS, choose) for _ in range(choose([0, 1, 3, 5]))]
    if choose([True, True, False]):
        limits = [{**one, "whose": "customer"} for one in limits]
    suppressions = [choices(SUPPRESSIONS, choose) for _ in range(choose([0, 0, 1, 3]))]
    contact = {"keep": choose([256, 256, 16])}
    return policy(limits, suppressions, **contact), [happening(choose(WEIGHTS), choose) for _ in range(40)]


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({}, True),
        ({"forgotten": -60 * SECOND}, True),
        ({"forgotten": -60 * SECOND + 1}, False),
        ({"gaps": {0: -60 * SECOND}}, True),
        ({"gaps": {0: -60 * SECOND + 1}}, False),
        ({"forgotten": 0, "lost_until": 1}, True),
        ({"times": [1], "items": [0], "committed": [True]}, False),
        ({"times": [0], "items": [0], "committed": [True]}, True),
    ],
)
def test_it_knows_what_it_does_not_know(change, known):
    _, compiled = both([{"at_most": 1, "per": "60s", "each": "customer"}])
    book = book_of([(-70, Spot("loan", "loan-0", "web", "hero", "lending", "grow", "marketing"), True)])
    for name, value in change.items():
        setattr(book, name, value)
    assert (compiled.counted(book, 0, BRANDS[0], "web") is not None) == known
    assert compiled.counted(book, 0, BRANDS[0], "fax") is None


def pauses(now: int) -> st.SearchStrategy[Pause]:
    spans = st.lists(st.integers(now - 5, now + 60), max_size=36, unique=True).map(sorted)
    return st.builds(
        Pause,
        rule=st.sampled_from(["pause-0", "pause-1", "retired"]),
        unit=st.just("loan"),
        triggers=st.lists(st.integers(now - 12, now + 3), max_size=70).map(
            lambda found: tuple(sorted(found))
        ),
        spans=spans.map(lambda at: tuple(zip(at[::2], at[1::2], strict=False))),
    )


@settings(max_examples=120, deadline=None)
@given(st.lists(pauses(100), max_size=3), st.integers(1, 3), st.integers(1, 3))
def test_what_lasts_is_what_pruning_leaves_alone(known, times, others):
    rules = [{"label": "positive", "times": n, "within": "9s", "pause": "9s"} for n in (times, others)]
    spec = policy([], [{**rule, "pauses": "action"} for rule in rules])
    known = [in_seconds(pause) for pause in known]
    with in_python():
        plain = Suppressions(spec)
    found = plain.pruned(known, 100 * SECOND)
    assert Suppressions(spec).pruned(known, 100 * SECOND) == found
    rule_of = {f"pause-{i}": (n, 9 * SECOND) for i, n in enumerate((times, others))}
    assert _KERNEL is not None
    assert found == known or not _KERNEL.lasting(known, rule_of, 100 * SECOND)


def in_seconds(pause: Pause) -> Pause:
    spans = tuple((start * SECOND, end * SECOND) for start, end in pause.spans)
    return Pause(pause.rule, pause.unit, tuple(at * SECOND for at in pause.triggers), spans)


few = st.integers(-1, 3)


@given(
    st.builds(
        LedgerState,
        origins=st.lists(st.just("o"), max_size=3).map(tuple),
        spots=st.lists(st.just("s"), max_size=3).map(tuple),
        times=st.lists(few, max_size=2).map(tuple),
        items=st.lists(few | st.just(2**64 - 1), max_size=2).map(tuple),
        committed=st.lists(st.booleans(), max_size=2).map(tuple),
        gaps=st.lists(st.tuples(few, few), max_size=1).map(tuple),
        open=st.lists(
            st.builds(
                OpenDecision,
                few,
                st.just("d"),
                few,
                st.lists(st.builds(OpenOffer, few, st.just(0.5)), max_size=2).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    )
)
def test_what_a_state_points_to_is_there_or_not(state):
    assert _KERNEL is not None
    assert _KERNEL.pointing(state) == pointing(state)


def test_sets_of_actions_are_the_bits_of_an_integer():
    assert _KERNEL is not None
    for order in ([], [0], [7, 8, 3], [2499, 0, 64], [5000]):
        assert _KERNEL.mask(order) == sum(1 << action for action in order)
