"""The compiled context: states, outputs and features of the Python form, bit by bit."""

import os
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from unittest import mock

import msgspec
import pytest
from context_plans import fold_of, signal
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.test_features_oracle import BUY, CLICK, FEATURES, histories

from models.folds import Counted, advance
from models.identity import fingerprint_of, hex_of_two
from models.kernel import SWITCH, find
from models.times import CONTEXT_KERNEL, NEVER, SECOND, micros_of, moment_of
from schemas import Signal

KERNEL = find("context", CONTEXT_KERNEL)
pytestmark = pytest.mark.skipif(KERNEL is None, reason="the kernel is not built")

MORE = [
    {"kind": "time_of_day", "part": part} for part in ("hour", "hour_sin", "hour_cos", "weekday", "weekend")
] + [
    {"kind": "session_number", "default": -1.0},
    {"kind": "number", "of": "customer.age", "default": -8.0},
    {"kind": "number", "of": "customer.consent"},
    {"kind": "number", "of": "signal.attributes.amount", "default": -9.0},
    {"kind": "size", "of": "customer.owned", "default": -1.0},
    {"kind": "one_hot", "of": "signal.brand", "values": ["north", "south"]},
    {"kind": "one_hot", "of": "signal.page", "values": ["home"]},
    {"kind": "one_hot", "of": "signal.attributes.item", "values": ["i1", "i2"]},
    {"kind": "one_hot", "of": "signal.attributes.flag", "values": ["true"]},
    {"kind": "one_hot", "of": "customer.owned", "values": ["i1"]},
    {"kind": "maximum", "of": "signal.attributes.amount", "window": "session", "last": 3, "where": BUY},
    {"kind": "distinct", "of": "signal.attributes.amount", "window": "30s"},
    {"kind": "distinct", "of": "signal.page", "window": "session"},
    {"kind": "last", "of": "outcome.value", "where": CLICK, "window": "30s", "delay": "2s"},
]
ALL = [*FEATURES, *({**each, "name": f"more{place}"} for place, each in enumerate(MORE))]
LONG = "y" * 4_097  # longer than a fact may be
PLANS = {
    "gap": {"session": {"gap": "8s", "late": "30s"}, "dedupe": {"keep": 4}},
    "declared": {
        "session": {"gap": "8s", "late": "40s", "by": "declared", "lead": {"buy": "5s"}, "forget": "1d"},
        "dedupe": {"keep": 64},
        "time_zone": "Europe/London",
        "triggers": [{"id": "t", "when": "signal.type == 'buy'", "placements": ["body", "hero"]}],
        "experiments": {"seed": "s", "arms": [{"id": "none", "kind": "holdout", "share": 0.5}]},
    },
    "limited": {
        "session": {"gap": "30s", "late": "10s", "by": "declared", "longest": "20s"},
        "triggers": [{"id": "t", "when": "customer.age > 18", "placements": ["anywhere"]}],
        "contact": {"suppressions": [{"id": "drop", "signal": "signal.type == 'drop'", "pause": "1d"}]},
    },
}
STRANGE = [
    None,
    0,
    -0.0,
    True,
    False,
    7,
    -3,
    2**63,
    -(2**62),
    1e100,
    -1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
]


@cache
def folds(name):
    """The fold of a plan with the kernel, and without."""
    with mock.patch.dict(os.environ, {SWITCH: "0"}):
        plain = fold_of(*ALL, **PLANS[name])
    return fold_of(*ALL, **PLANS[name]), plain


def changed(draw, event):
    """A signal as no channel should send it, but some do."""
    if not isinstance(event, Signal) or not draw(st.booleans()):
        return event
    zone = draw(st.sampled_from([UTC, timezone(timedelta(hours=-3))]))
    attributes = event.attributes | {
        "amount": draw(st.sampled_from(STRANGE) | st.floats() | st.integers(-(2**63), 2**63))
    }
    facts = {
        "age": draw(st.sampled_from([17, 18.5, None, LONG, "old"])),
        "owned": draw(st.sampled_from([("i1",), (), None])),
        "other": draw(st.sampled_from([1, (LONG[:-1], "z")])),
    }
    return msgspec.structs.replace(
        event,
        occurred_at=event.occurred_at.astimezone(zone),
        attributes=attributes | {"item": draw(st.sampled_from([*STRANGE, "i1"]))},
        placements=draw(st.sampled_from([(), ("hero",), ("nowhere", "body")])),
        profile=draw(st.sampled_from([None, {}, facts])),
        session_id=draw(st.sampled_from([None, "one", "two"])),
        device_id=draw(st.sampled_from([None, "phone", "tablet"])),
        brand=draw(st.sampled_from(["north", "south"])),
        channel=draw(st.sampled_from(["web", "email", "fax"])),
        page=draw(st.sampled_from([None, "home"])),
        type=draw(st.sampled_from([event.type, event.type, "profile", "erase", "heartbeat"])),
    )


def told(outputs):
    return [
        str(o) if isinstance(o, str) else msgspec.msgpack.encode(o, order="deterministic") for o in outputs
    ]


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_states_and_outputs_are_those_of_python(name, data):
    fast, plain = folds(name)
    state = other = plain.initial()
    for event in data.draw(histories()):
        event = changed(data.draw, event)  # noqa: PLW2901
        if data.draw(st.booleans()):
            state = fast.decode(fast.encode(state))
        assert fast.deadline(state) == plain.deadline(other)
        state, outputs = advance(fast, state, event)
        other, expected = advance(plain, other, event)
        assert fast.encode(state) == plain.encode(other)
        assert told(outputs) == told(expected)
        same_when_due(fast, plain, state, other, data.draw(st.sampled_from([0, 1, 9, 41, 90, 90_000])))
    same_when_due(fast, plain, state, other, None)


def same_when_due(fast, plain, state, other, later):
    """Both forms do the same at some seconds after the clock, or when the input has ended."""
    now = NEVER if later is None else state.clock + later * SECOND
    state, outputs = fast.expire(state, now)
    other, expected = plain.expire(other, now)
    assert fast.encode(state) == plain.encode(other)
    assert told(outputs) == told(expected)


@pytest.mark.parametrize("name", PLANS)
def test_sessions_are_ended_by_the_kernel(name):
    fast, plain = folds(name)
    state = other = fast.initial()
    for place, amount in enumerate([0.0, 1.5, -0.0, -0.0, 1.5]):
        event = signal(place * 90 * SECOND, f"s{place}", "buy", attributes={"amount": amount})
        at = fast.order(event)[0]
        if place:
            state, outputs = fast.fast_expire(state, at)
            other, expected = plain.expire(other, at)
            assert told(outputs) == told(expected)
            assert len(outputs) == 1
        state, other = fast.step(state, event)[0], plain.step(other, event)[0]


@pytest.mark.parametrize("name", PLANS)
def test_what_ends_or_is_forgotten_is_so_at_the_same_moment_in_both_forms(name):
    fast, plain = folds(name)
    state = fast.initial()
    for place, kind in enumerate(["view", "buy", "view"]):
        event = signal(place * SECOND, f"s{place}", kind, attributes={"amount": 1.5, "item": "i1"})
        state, _ = advance(fast, state, event)
    encoded = set()
    for seconds in (*range(200), *range(86_400, 86_500)):
        for moment in (-1, 0, 1):
            now = state.clock + seconds * SECOND + moment
            (ours, outputs), (others, expected) = fast.expire(state, now), plain.expire(state, now)
            encoded.add(fast.encode(ours))
            assert (fast.encode(ours), told(outputs)) == (plain.encode(others), told(expected))
    assert len(encoded) > 2


def test_events_in_order_are_folded_by_the_kernel():
    fold, _ = folds("gap")
    state = fold.initial()
    for place in range(3 * 1_024):
        event = signal(place * SECOND // 100, f"s{place}", "buy", attributes={"amount": 1.5})
        state, outputs = fold.fast(state, event)
        assert outputs == [Counted.OBSERVED]


def test_filters_that_look_at_the_page_alone_know_every_page():
    count = {"name": "home", "kind": "count", "where": "signal.page == 'home'", "window": "session"}
    with mock.patch.dict(os.environ, {SWITCH: "0"}):
        plain = fold_of(count)
    fast = fold_of(count)
    state = other = plain.initial()
    pages = [None, "home", *[f"p{place}" for place in range(1_100)], "home", None, ["home"], 5]
    for place, page in enumerate(pages):
        event = signal(place * SECOND, f"s{place}", "view", page=page)
        state, other = advance(fast, state, event)[0], advance(plain, other, event)[0]
        assert fast.encode(state) == plain.encode(other)


def test_long_histories_are_those_of_python():
    """Series, distinct values, devices and the trail at their caps."""
    fast, plain = folds("gap")
    state = other = plain.initial()
    for place in range(1_200):
        event = signal(
            place * SECOND // 100,
            f"s{place}",
            "buy" if place % 3 else "drop",
            attributes={"amount": place / 7, "item": f"i{place}", "flag": place % 2 == 0},
            device_id=f"d{place}",
            placements=("hero",) if place % 50 == 0 else (),
        )
        state, outputs = advance(fast, state, event)
        other, expected = advance(plain, other, event)
        assert told(outputs) == told(expected)
    assert fast.encode(state) == plain.encode(other)


@given(st.text(max_size=300), st.text(max_size=300), st.characters(categories=["Cs", "Ll"]))
def test_fingerprints_are_those_of_python(one, other, odd):
    for first, second in ((one, other), (one + odd, other), (one * 3, odd + other)):
        assert KERNEL.fingerprint(first) == fingerprint_of(first)
        assert KERNEL.hex_of_two(first, second) == hex_of_two(first, second)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 255, 256, 257, 1_000])
def test_fingerprints_at_the_edges_of_blocks_are_those_of_python(size):
    assert KERNEL.fingerprint("a" * size) == fingerprint_of("a" * size)
    assert KERNEL.hex_of_two("a" * size, "b") == hex_of_two("a" * size, "b")


@given(
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])),
)
def test_times_are_those_of_python(when):
    at = micros_of(when)
    assert KERNEL.micros(when) == at
    if -(2**55) < at < 2**57:
        assert KERNEL.moment(at) == moment_of(at)
        assert KERNEL.moment(at).tzinfo is UTC


@pytest.mark.parametrize(("at", "error"), [(253_402_300_800_000_000, OverflowError), (2**70, OverflowError)])
def test_times_beyond_the_calendar_fail_as_in_python(at, error):
    for form in (KERNEL.moment, moment_of):
        with pytest.raises(error):
            form(at)
    with pytest.raises(TypeError):
        KERNEL.micros(datetime(2026, 1, 1))  # noqa: DTZ001
