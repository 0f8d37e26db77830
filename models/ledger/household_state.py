"""What is remembered of one household, as versioned bytes: each member's state has a version of its own."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from models.ledger.state import Noted
from models.stored import Number, Past, Stored
from models.times import NEVER, Micros

VERSION = 1
READS_FROM = 1
"""The oldest version that is still read."""


class HouseholdState(msgspec.Struct, frozen=True):
    """What is remembered of one household. Once it has no members, times and a number stay for `EMPTY_FOR`."""

    members: Mapping[str, Any] = {}
    """Their states, by customer id; never changed, always replaced."""
    forgotten: Micros = -NEVER
    """When the ledger of a member was last forgotten as a whole: a decision from long before it cannot be sure."""
    since: Micros = -NEVER
    """Event time of the first change of any ledger of the household."""
    sequence: int = 0
    """Number of the latest change."""
    erased: Micros = -NEVER
    """Up to when contacts of a member were erased."""
    notes: tuple[Noted, ...] = ()
    """What no record of any member tells of yet: that somebody was erased."""


class _Encoded(msgspec.Struct, array_like=True, gc=False):
    """Append fields, with defaults."""

    version: int
    forgotten: Stored
    since: Past
    sequence: Number
    members: tuple[tuple[str, bytes], ...]
    erased: Past = -NEVER
    notes: tuple[Noted, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Encoded).decode


def encode_household(state: HouseholdState, encode: Callable[[Any], bytes]) -> bytes:
    """A version and numbers, and what `encode` makes of each member's state, ascending by customer id."""
    members = tuple([(name, encode(state.members[name])) for name in sorted(state.members)])
    numbers = state.forgotten, state.since, state.sequence
    return _encode(_Encoded(VERSION, *numbers, members, state.erased, state.notes))


def decode_household(data: bytes, decode: Callable[[bytes], Any]) -> HouseholdState:
    """The state again, each member's as `decode` says.

    Raises:
      ValueError: Not a household's state of a version that is read.
    """
    try:
        found = _decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"unreadable household state: {error}") from error
    if not READS_FROM <= found.version <= VERSION:
        raise ValueError(
            f"household state of version {found.version}, this code reads {READS_FROM} to {VERSION}"
        )
    members = {name: decode(encoded) for name, encoded in found.members}
    return HouseholdState(members, found.forgotten, found.since, found.sequence, found.erased, found.notes)
