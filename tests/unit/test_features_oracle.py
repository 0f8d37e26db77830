"""Every kind of feature against a brute-force computation over the events accepted so far, in any order of arrival."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from context_plans import START, fold_of, outcome, run, signal
from hypothesis import given, settings
from hypothesis import strategies as st

from models.folds import Counted, advance
from models.times import SECOND, duration
from schemas import DecisionRequest, Outcome, Signal

Event = Signal | Outcome
Events = Sequence[Event]

GAP, LATE = 8 * SECOND, 30 * SECOND
OWNED = ("i1", "i3")
BUY, FLAG = "signal.type == 'buy'", "signal.attributes.flag"
CLICK = "outcome.kind == 'Clicked'"
AMOUNT, ITEM = "signal.attributes.amount", "signal.attributes.item"

WHERE: dict[str | None, Callable[[Event], bool]] = {
    None: lambda e: isinstance(e, Signal),
    BUY: lambda e: isinstance(e, Signal) and e.type == "buy",
    FLAG: lambda e: isinstance(e, Signal) and e.attributes.get("flag") is True,
    CLICK: lambda e: isinstance(e, Outcome) and e.kind == "Clicked",
    f"{BUY} or {CLICK}": lambda e: WHERE[BUY](e) or WHERE[CLICK](e),
}
OF: dict[str | None, Callable[[Event], Any]] = {
    AMOUNT: lambda e: e.attributes.get("amount") if isinstance(e, Signal) else None,
    ITEM: lambda e: e.attributes.get("item") if isinstance(e, Signal) else None,
    "outcome.value": lambda e: e.value if isinstance(e, Outcome) else None,
}

WINDOWS: list[dict[str, Any]] = [
    {"window": "10s"},
    {"window": "25s", "delay": "7s"},
    {"window": "10s", "previous": True},
    {"window": "session"},
    {"window": "session", "previous": True},
    {"window": "session", "last": 3},
    {"window": "session", "last": 2, "previous": True},
]
KINDS: list[dict[str, Any]] = [
    {"kind": "count"},
    {"kind": "count", "where": BUY},
    {"kind": "sum", "of": AMOUNT},
    {"kind": "mean", "of": AMOUNT, "where": BUY, "default": -1.0},
    {"kind": "maximum", "of": AMOUNT, "default": -2.0},
    {"kind": "distinct", "of": ITEM},
    {"kind": "ratio", "where": FLAG, "among": BUY, "default": -3.0},
    {"kind": "recency", "where": BUY, "half_life": "5s", "default": -4.0},
    {"kind": "recency", "where": FLAG, "time_constant": "5s"},
    {"kind": "last", "of": AMOUNT, "where": FLAG, "default": -5.0},
    {"kind": "last_in", "of": ITEM, "member_of": "customer.owned", "default": -6.0},
]
OTHERS: list[dict[str, Any]] = [
    {"kind": "recency", "where": f"{BUY} or {CLICK}", "half_life": "5s"},
    {"kind": "recency", "where": CLICK, "half_life": "5s", "delay": "4s"},
    {"kind": "last", "of": AMOUNT, "default": -7.0},
    {"kind": "count", "where": f"{BUY} or {CLICK}", "window": "20s"},
    {"kind": "sum", "of": "outcome.value", "where": CLICK, "window": "20s"},
    {
        "kind": "balance",
        "of": AMOUNT,
        "window": "session",
        "add": BUY,
        "subtract": "signal.type == 'drop'",
        "reset": "signal.type == 'clear'",
    },
    {"kind": "session_age"},
]
FEATURES = [
    {**each, "name": f"f{index}"}
    for index, each in enumerate([*({**k, **w} for k in KINDS for w in WINDOWS), *OTHERS])
]
FOLD = fold_of(*FEATURES, session={"gap": "8s", "late": "30s"}, dedupe={"keep": 4096})


def order(event: Event) -> tuple[int, int, str]:
    return FOLD.order(event)


def at_of(event: Event) -> int:
    return order(event)[0]


def session_around(known: Events, event: Signal) -> list[Signal]:
    """The signals that no silence longer than the gap parts from `event`, in order."""
    signals = sorted((e for e in known if isinstance(e, Signal)), key=order)
    parts: list[list[Signal]] = []
    for each in signals:
        if parts and at_of(each) - at_of(parts[-1][-1]) <= GAP:
            parts[-1].append(each)
        else:
            parts.append([each])
    return next(part for part in parts if event in part)


def looked_at(feature: dict[str, Any], known: Events, event: Signal) -> list[Event]:
    """The events in the window of the feature, in order."""
    window, t = feature.get("window"), at_of(event)
    events: list[Event] = [*session_around(known, event)] if window == "session" else sorted(known, key=order)
    if feature.get("previous"):
        events = [e for e in events if e is not event]
    if window == "session":
        return events[-feature["last"] :] if "last" in feature else events
    high = t - duration(feature.get("delay", "0s"))
    low = high - duration(window) if window else -math.inf
    return [e for e in events if low < at_of(e) <= high]


def brute_force(feature: dict[str, Any], known: Events, event: Signal) -> float:
    kind, default, t = feature["kind"], feature.get("default", 0.0), at_of(event)
    if kind == "session_age":
        return (t - at_of(session_around(known, event)[0])) / 1e6
    events = looked_at(feature, known, event)
    if kind == "balance":
        return balance([e for e in events if isinstance(e, Signal)])
    matching = [e for e in events if WHERE[feature.get("where")](e)]
    values = [v for e in matching if (v := OF[feature["of"]](e)) is not None] if "of" in feature else []
    match kind:
        case "count":
            return float(len(matching))
        case "sum":
            return math.fsum(values)
        case "mean":
            return math.fsum(values) / len(values) if values else default
        case "maximum":
            return max(values, default=default)
        case "distinct":
            return float(len(set(values)))
        case "ratio":
            among = [e for e in events if WHERE[feature["among"]](e)]
            return len(matching) / len(among) if among else default
        case "recency":
            return decay(feature, t - at_of(matching[-1])) if matching else default
        case "last":
            return values[-1] if values else default
        case "last_in":
            return float(values[-1] in OWNED) if values else default
    raise AssertionError(kind)


def decay(feature: dict[str, Any], age: int) -> float:
    age = max(age, 0)
    if "half_life" in feature:
        return 0.5 ** (age / duration(feature["half_life"]))
    return math.exp(-age / duration(feature["time_constant"]))


def balance(signals: Sequence[Signal]) -> float:
    left = 0.0
    for each in signals:
        amount = each.attributes.get("amount")
        if each.type == "clear":
            left = 0.0
        elif amount is not None and each.type == "buy":
            left += amount
        elif amount is not None and each.type == "drop":
            left = max(0.0, left - amount)
    return left


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Up to 25 events of a minute or so, in an order of their own; several at one time, some repeated."""
    times = draw(st.lists(st.integers(0, 70), min_size=1, max_size=25))
    events: list[Event] = []
    for index, time in enumerate(times):
        name, at = f"e{draw(st.integers(0, 9))}{index}", time * SECOND
        if draw(st.integers(0, 4)) == 0:
            value = draw(st.none() | st.sampled_from([0.1, 0.2, 5.0]))
            events.append(outcome(at, name, draw(st.sampled_from(["Clicked", "Rejected"])), value=value))
            continue
        attributes = {
            "amount": draw(st.none() | st.sampled_from([0.1, 0.2, 0.3, 1e16, 7])),
            "item": draw(st.none() | st.sampled_from(["i1", "i2", "i3"])),
            "flag": draw(st.none() | st.booleans()),
        }
        kind = draw(st.sampled_from(["view", "buy", "drop", "clear"]))
        events.append(signal(at, name, kind, placements=("hero",), attributes=attributes))
    repeated = draw(st.lists(st.sampled_from(events), max_size=3))
    return draw(st.permutations([*events, *repeated]))


PROFILE = signal(0, "p", "profile", profile={"owned": OWNED})


@settings(max_examples=150, deadline=None)
@given(histories())
def test_features_equal_brute_force_over_what_was_accepted_so_far(history):
    state, _ = FOLD.step(FOLD.initial(), PROFILE)
    accepted: list[Event] = []
    for event in history:
        before = FOLD.encode(state)
        new, outputs = advance(FOLD, state, event)
        assert FOLD.encode(state) == before  # the given state was not touched
        state = FOLD.decode(FOLD.encode(new))
        if Counted.DUPLICATE in outputs or Counted.DEAD in outputs:
            continue
        accepted.append(event)
        for request in (output for output in outputs if isinstance(output, DecisionRequest)):
            wanted = [brute_force(feature, accepted, event) for feature in FEATURES]
            for feature, found, right in zip(FEATURES, request.context.features, wanted, strict=True):
                assert found == pytest.approx(right, rel=1e-12, abs=1e-12), feature


@st.composite
def arrivals_within_the_horizon(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """One history in two orders, in both of which no event comes too late, and a last one to ask with."""
    history = draw(histories())
    unique = sorted({order(event): event for event in history}.values(), key=order)
    delays = draw(st.lists(st.integers(0, 29), min_size=len(unique), max_size=len(unique)))
    arriving = [
        (at_of(e) + delay * SECOND, i, e) for i, (e, delay) in enumerate(zip(unique, delays, strict=True))
    ]
    return unique, [event for _, _, event in sorted(arriving)]


@settings(max_examples=100, deadline=None)
@given(arrivals_within_the_horizon())
def test_any_order_within_the_horizon_ends_with_the_same_features_bit_for_bit(orders):
    in_order, shuffled = orders
    (one, _), (other, _) = (run(FOLD, [PROFILE, *events]) for events in (in_order, shuffled))
    last = at_of(in_order[-1])
    for probe in range(last - LATE, last + LATE, 3 * SECOND):
        here, there = (FOLD.features_at(state, probe) for state in (one, other))
        rolling = [i for i, f in enumerate(FEATURES) if f.get("window") != "session"]
        assert [here[i] for i in rolling] == [there[i] for i in rolling]
    assert FOLD.features_at(one, last) == FOLD.features_at(other, last)


def test_probes_before_anything_happened_give_the_defaults():
    values = FOLD.features_at(FOLD.initial(), START)
    wanted = [feature.get("default", 0.0) for feature in FEATURES]
    assert list(values) == wanted
