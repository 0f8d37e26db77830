"""What is known about a customer: facts by key, each as of the latest event that told it."""

from functools import lru_cache
from typing import Any

import msgspec

from models.stored import Moment
from models.times import Micros
from schemas.common import Profile

MAX_FACT = 4096
"""Most characters of one fact, list members added up; a signal with a longer one is a dead letter."""

_SIZED = (str, tuple)
_Facts = dict[str, tuple[Moment, bool | int | float | str | tuple[str, ...] | None]]

encode_facts = msgspec.msgpack.Encoder(order="sorted").encode
decode_facts = msgspec.msgpack.Decoder(_Facts).decode
NO_FACTS = encode_facts({})


def merge_profile(facts: bytes, profile: Profile, at: Micros, declared: frozenset[str]) -> bytes:
    """Facts with the news of an event at `at`: the latest event time wins, of equal ones the later arrival.

    A null takes a fact back, and its time is kept, so that an older event does not bring it back. Only fields
    that the plan declares are kept.
    """
    known = decode_facts(facts) if facts else {}
    for key, value in profile.items():
        if key in declared and (key not in known or at >= known[key][0]):
            known[key] = (at, value)
    return encode_facts(known) if known else b""


@lru_cache(1)  # the events of one customer come in runs, and most tell no fact
def customer_of(facts: bytes) -> dict[str, Any]:
    """The facts that hold now; not to be changed."""
    if not facts:
        return {}
    return {key: value for key, (_, value) in decode_facts(facts).items() if value is not None}


def too_long(profile: Profile) -> str | None:
    """The key of a fact that is too long to be remembered, if there is one."""
    for key, value in profile.items():
        if isinstance(value, _SIZED):
            size = len(value) if isinstance(value, str) else sum(map(len, value))
            if size > MAX_FACT:
                return key
    return None
