"""States that something happened to: refused when decoded, or when examined, or gone on with; by both forms alike.

Whatever a host meets in its cell, it must not fail for ever: an event is applied, or it becomes a dead letter.
"""

import math
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from context_plans import outcome
from context_plans import signal as plain_signal
from hypothesis import given, settings
from hypothesis import strategies as st
from unit import test_kernel_context, test_kernel_folding

from models.context.profile import decode_facts
from models.folds import Fold, advance

pytestmark = test_kernel_folding.pytestmark

UNREADABLE = "unreadable"
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 2, 3, 7, -1, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, 2**54, -(2**54) - 1),
    *(2**57, 2**57 + 1, 2**61, 2**62, -(2**62), 2**62 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1),
    *(0.0, -0.0, 0.5, 1e308, -1e308, math.nan, math.inf, -math.inf, "", "x", "\x1f" * 8, "ß" * 5_000),
    *(b"", b"\0", b"x" * 7, b"\xff" * 8, b"\x7f" * 16, b"\xff" * 4_096, b"y" * 4_099),
    *([], [None], [0, 0], [1.5, "a"], [b"", b""], [[0, "a", 1]], [b"\xff" * 8, b""], [b"\xff" * 8] * 2),
    *([0.0, [[1, "a", 9, 1.0]]], [[1, "a", {1: []}]], {}, {1: 2}, {"a": 1}, {"a": [1, 2]}),
]
HOSTILE = [*map(msgspec.Raw, map(msgspec.msgpack.encode, VALUES)), msgspec.Raw(b"\x91" * 3_000 + b"\xc0")]
"""Encoded, so that none is changed with what it was put into."""
Path = tuple[Any, ...]


def places(value: Any, path: Path = (), depth: int = 0) -> Iterator[Path]:
    """Where something can be replaced."""
    yield path
    if depth < 12:
        parts = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, part in parts:
            yield from places(part, (*path, key), depth + 1)


def damaged(value: Any, chosen: random.Random, known: list[Any]) -> Any:
    """The value with something replaced, dropped, or repeated."""
    paths = list(places(value))
    path = chosen.choice(paths)
    if not path:
        return chosen.choice(known)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    how = chosen.randrange(8)
    if how == 0 and isinstance(holder, list):
        del holder[path[-1]]
    elif how == 1 and isinstance(holder, list):
        holder.insert(path[-1], holder[path[-1]])
    elif how == 2 and isinstance(holder[path[-1]], int) and not isinstance(holder[path[-1]], bool):
        holder[path[-1]] += chosen.choice([-1, 1, 10**6, -(10**9), 10**15])
    else:
        holder[path[-1]] = chosen.choice(known)
    return value


def damaged_bytes(data: bytes, chosen: random.Random) -> bytes:
    """The bytes with some flipped, gone or twice."""
    place = chosen.randrange(len(data) + 1)
    match chosen.randrange(4):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + bytes([chosen.randrange(256)]) + data[place + 1 :]
        case 2:
            return data[:place] + data[place + chosen.randrange(5) :]
        case _:
            return data[:place] + data[place : place + 9] + data[place:]


def damaged_part(data: bytes, chosen: random.Random, packed: int | None = None) -> bytes:
    """A version byte and msgpack, damaged; `packed`: the field that is msgpack itself."""
    if chosen.randrange(4) == 0:
        return damaged_bytes(data, chosen)
    value = msgspec.msgpack.decode(data[1:])
    for _ in range(chosen.choice((1, 1, 1, 2, 4))):
        if (
            packed is not None
            and chosen.randrange(6) == 0
            and isinstance(value, list)
            and len(value) > packed
        ):
            facts = msgspec.msgpack.decode(value[packed]) if value[packed] else {"age": [0, 1]}
            value[packed] = msgspec.msgpack.encode(damaged(facts, chosen, HOSTILE))
        else:
            value = damaged(value, chosen, HOSTILE)
        if not isinstance(value, list) or (packed is not None and not _is_packed(value, packed)):
            break
    return data[:1] + msgspec.msgpack.encode(value)


def _is_packed(value: list[Any], packed: int) -> bool:
    """Whether the field is still msgpack of something, so that more of it can be damaged."""
    if len(value) <= packed or not isinstance(value[packed], bytes):
        return False
    try:
        decode_facts(value[packed] or b"\x80")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def fared(fold: Fold[Any, Any], data: bytes, event: Any) -> Any:
    """What becomes of an event that meets these bytes, and then of what is due; as a host does it."""
    try:
        state = fold.decode(data)
    except ValueError:
        return UNREADABLE
    try:
        fold.deadline(state)
        new, outputs = advance(fold, state, event)
        told = test_kernel_context.told(outputs)
        return fold.encode(new), told, _drained(fold, new)
    except Exception:
        with pytest.raises(ValueError):
            fold.examine(state)  # type: ignore[attr-defined]
        return UNREADABLE


def _drained(fold: Fold[Any, Any], state: Any) -> list[Any]:
    """All that is due, one time after another, as a timer would; it ends."""
    found: list[Any] = []
    for _ in range(200):
        due = fold.deadline(state)
        if due is None:
            return found
        state, outputs = fold.expire(state, due)
        found += [due, test_kernel_context.told(outputs), fold.encode(state)]
    raise AssertionError("what is due stays due")


def is_sound(fold: Fold[Any, Any], data: bytes) -> bool:
    try:
        fold.examine(fold.decode(data))  # type: ignore[attr-defined]
    except ValueError:
        return False
    return True


def check(folds: tuple[Any, Any], data: bytes, event: Any) -> None:
    """Both forms take the state, and say the same, or do not; they differ only in what `examine` refuses."""
    fast, plain = folds
    quick, slow = fared(fast, data, event), fared(plain, data, event)
    assert quick == slow or not is_sound(fast, data)


@cache
def contexts(name: str) -> list[tuple[bytes, Any]]:
    """States of a plan with every kind of feature, and events that meet them."""
    fast, _ = test_kernel_context.folds(name)
    chosen, state, found = random.Random(name), fast.initial(), []
    for number in range(160):
        at = number * 3_000_000 + chosen.choice((0, 0, 0, 20_000_000, -9_000_000))
        event = _context_event(chosen, number, at)
        found.append((fast.encode(state), event))
        state, _ = advance(fast, state, event)
    return found


def _context_event(chosen: random.Random, number: int, at: int) -> Any:
    if chosen.randrange(6) == 0:
        return outcome(at, f"o{number}", value=float(number))
    said = {"amount": chosen.choice((1.5, 7, 1e9)), "item": f"i{number % 5}", "flag": number % 3 == 0}
    kind = chosen.choice(("view", "buy", "drop", "clear", "profile"))
    event = plain_signal(at, f"s{number}", kind, attributes=said)
    facts = chosen.choice((None, {"age": number, "owned": ("i1",), "tier": "gold"}))
    asks = chosen.choice(((), ("hero",)))
    name = chosen.choice((None, "one", "two"))
    return msgspec.structs.replace(event, profile=facts, placements=asks, session_id=name, device_id="d")


@cache
def decisions(name: str) -> list[tuple[bytes, Any]]:
    """States of a bank, and events that meet them."""
    fast, _ = test_kernel_folding.folds(name)
    chosen, state, found, made, last = random.Random(name), fast.initial(), [], [], None
    at = 0.0
    for number in range(120):
        at += chosen.choice((0.0, 0.2, 1.0, 5.0, 24.0, -0.5))
        kind = chosen.choice(("ask",) * 5 + ("answer",) * 3 + ("view", "news", "out", "again"))
        last = test_kernel_folding.event_of(kind, at, number, chosen.randrange(2**16), made, last)
        if last is None:
            continue
        found.append((fast.encode(state), last))
        state, outputs = advance(fast, state, last)
        made += [each for each in outputs if hasattr(each, "decided_at") and hasattr(each, "offers")]
    return found


@pytest.mark.parametrize("name", ["gap", "declared", "limited"])
def test_a_context_that_nothing_happened_to_is_sound(name: str) -> None:
    for fold in test_kernel_context.folds(name):
        for data, _ in contexts(name):
            fold.examine(fold.decode(data))


@pytest.mark.parametrize("name", test_kernel_folding.BANKS)
def test_a_decision_state_that_nothing_happened_to_is_sound(name: str) -> None:
    for fold in test_kernel_folding.folds(name):
        for data, _ in decisions(name):
            fold.examine(fold.decode(data))


seeds = st.integers(0, 2**32)


@pytest.mark.parametrize("name", ["gap", "declared", "limited"])
@settings(max_examples=150, deadline=None)
@given(seeds)
def test_a_damaged_context_is_refused_or_gone_on_with(name: str, seed: int) -> None:
    chosen = random.Random(seed)
    data, event = chosen.choice(contexts(name))
    check(test_kernel_context.folds(name), damaged_part(data, chosen, packed=5), event)


@pytest.mark.parametrize("name", test_kernel_folding.BANKS)
@settings(max_examples=120, deadline=None)
@given(seeds)
def test_a_damaged_decision_state_is_refused_or_gone_on_with(name: str, seed: int) -> None:
    chosen = random.Random(seed)
    data, event = chosen.choice(decisions(name))
    version, context, ledger = msgspec.msgpack.decode(data)
    match chosen.randrange(6):
        case 0:
            data = damaged_bytes(data, chosen)
        case 1:
            data = msgspec.msgpack.encode([version, damaged_part(context, chosen, packed=5), ledger])
        case _:
            data = msgspec.msgpack.encode([version, context, damaged_part(ledger, chosen)])
    check(test_kernel_folding.folds(name), data, event)


def test_many_of_the_damaged_states_are_sound_so_that_both_forms_are_compared() -> None:
    fold, _ = test_kernel_context.folds("gap")
    chosen = random.Random(1)
    found = [damaged_part(chosen.choice(contexts("gap"))[0], chosen, packed=5) for _ in range(400)]
    assert sum(is_sound(fold, data) for data in found) > 20
