"""Bounds of what a state holds: sums within them stay in 64 bits, moments can be told as dates."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from models.stored import EARLIEST, LATEST, MOST, Finite, Lead, Moment, Number, Past, Stored
from models.times import moment_of

BOUNDS = [
    (Stored, -MOST, MOST),
    (Past, -MOST, LATEST),
    (Moment, EARLIEST, LATEST),
    (Lead, 0, -EARLIEST),
    (Number, 0, 2**53),
]


@pytest.mark.parametrize(("kind", "least", "most"), BOUNDS)
def test_what_is_on_a_bound_is_taken_and_what_is_beyond_is_not(kind: Any, least: int, most: int) -> None:
    read = msgspec.msgpack.Decoder(kind).decode
    for number in (least, most):
        assert read(msgspec.msgpack.encode(number)) == number
    for number in (least - 1, most + 1):
        with pytest.raises(msgspec.ValidationError):
            read(msgspec.msgpack.encode(number))


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 1.79e308, -1.79e308])
def test_what_is_hardly_a_number_is_not_taken(number: float) -> None:
    read = msgspec.msgpack.Decoder(Finite).decode
    assert read(msgspec.msgpack.encode(1.7e308)) == 1.7e308
    with pytest.raises(msgspec.ValidationError):
        read(msgspec.msgpack.encode(number))


def test_times_can_be_added_and_moments_told() -> None:
    assert 2 * MOST - 1 < 2**63
    assert moment_of(EARLIEST - -EARLIEST) > datetime.min.replace(tzinfo=UTC)
    assert moment_of(LATEST) + timedelta(days=365_000) < datetime.max.replace(tzinfo=UTC)
