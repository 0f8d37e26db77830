"""The state of the context fold and the events it reads, as versioned bytes."""

from typing import Any

import msgspec

from models.context.sessions import OpenSession
from models.identity import FINGERPRINT_BYTES
from models.stored import Moment, Number, Past
from models.times import Micros
from schemas import Outcome, Signal

Event = Signal | Outcome

VERSION = 1
READS_FROM = 1
"""The oldest version that is still read."""
EVER: Micros = -(2**62)
"""The clock of a customer never seen."""


class ContextState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is remembered of one customer. Append fields, with defaults; never reorder them.

    Bounded by `dedupe.keep` ids, the plan's profile fields of MAX_FACT characters, MAX_OPEN sessions, and MAX_SERIES
    events for each distinct thing that rolling windows look at.
    """

    customer_id: str = ""
    clock: Past = EVER
    """Latest event time seen."""
    sequence: Number = 0
    """Events taken in."""
    opened: Number = 0
    """Sessions opened."""
    recent: bytes = b""
    """Fingerprints of the latest events taken in."""
    facts: bytes = b""
    """The profile, packed: most events do not need it."""
    sessions: tuple[OpenSession, ...] = ()
    """Open sessions, by start."""
    series: dict[int, Any] = {}
    """What rolling windows look at, by slot key."""
    starts: tuple[tuple[bytes, Moment], ...] = ()
    """When declared sessions started, where the plan limits their length."""
    erased: Moment | None = None
    """Up to when the customer was erased: nothing from before, or at it, counts."""
    seen: Past | None = None
    """Latest event time, where the plan forgets customers; unlike the clock, no timer moves it."""


_HEAD = bytes((VERSION,))
_COPIED = 2_048
"""Below so many bytes a copy is cheaper than a view."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ContextState).decode
_read_signal = msgspec.msgpack.Decoder(Signal).decode
_read_outcome = msgspec.msgpack.Decoder(Outcome).decode


def encode_state(state: ContextState) -> bytes:
    """One byte of version, then msgpack."""
    return _HEAD + _encode(state)


def decode_state(data: bytes) -> ContextState:
    """The state again.

    Raises:
      ValueError: The bytes are of no version this code reads, or damaged: nothing that a plan does not know is left to
        be found out later. `ContextFold.examine` looks at what the plan's features remember, and at the facts.
    """
    if data[:1] != _HEAD:  # of all versions up to now
        version = data[0] if data else None
        raise ValueError(f"context state of version {version}, this code reads {READS_FROM} to {VERSION}")
    try:
        state = _decode(data[1:] if len(data) < _COPIED else memoryview(data)[1:])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"unreadable context state: {error}") from error
    if len(state.recent) % FINGERPRINT_BYTES or state.clock == EVER:
        _check(state)
    return state


def _check(state: ContextState) -> None:
    """Raise what cannot be: half a fingerprint, or something remembered of a customer never seen."""
    if len(state.recent) % FINGERPRINT_BYTES:
        raise ValueError("unreadable context state: half a fingerprint")
    if state.sessions or state.series or state.sequence or state.erased is not None:
        raise ValueError("unreadable context state: events, but no clock")


def encode_event(event: Event) -> bytes:
    """One byte of kind, then msgpack."""
    return (b"S" if isinstance(event, Signal) else b"O") + _encode(event)


def decode_event(data: bytes) -> Event:
    """The event again."""
    return (_read_signal if data[:1] == b"S" else _read_outcome)(memoryview(data)[1:])
