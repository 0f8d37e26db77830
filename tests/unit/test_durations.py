import re

import msgspec
import pytest

from models.plan.spec_base import Duration
from models.times import DAY, DURATION, HOUR, SECOND, duration

FIT = [
    ("0s", 0),
    ("250ms", 250_000),
    ("999999h", 999_999 * HOUR),
    ("30m", 1_800 * SECOND),
    ("99999d", 99_999 * DAY),
    ("9999w", 69_993 * DAY),
]


@pytest.mark.parametrize(("text", "micros"), FIT)
def test_what_a_duration_is(text, micros):
    assert duration(text) == micros
    assert msgspec.convert(text, Duration) == text


@pytest.mark.parametrize(
    "text", ["", "d", "1", "1.5d", "-1d", "1 d", "1D", "1000000s", "100000d", "10000w", "30000w"]
)
def test_what_is_none_or_too_long(text):
    with pytest.raises(ValueError, match="99999d at most"):
        duration(text)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Duration)


def test_the_pattern_takes_no_more_than_its_text():
    assert re.fullmatch(DURATION, "30m\n") is None
