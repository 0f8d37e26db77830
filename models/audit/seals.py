"""Seals: a digest in each record of what it says, so that a change after it was written shows."""

from hashlib import blake2b
from typing import TypeVar

import msgspec

from schemas import Decision, Feedback

Record = Decision | Feedback
Sealed = TypeVar("Sealed", Decision, Feedback)

SEAL_BYTES = 16
_encoder = msgspec.msgpack.Encoder(order="deterministic")


def canonical(record: Record) -> bytes:
    """The one form in bytes of what a record says: msgpack, maps sorted, times in UTC."""
    return _encoder.encode(record)


def seal_of(record: Record) -> str:
    """The seal that belongs on a record: 32 hex digits of BLAKE2b over its canonical bytes without a seal."""
    bare = msgspec.structs.replace(record, seal="") if record.seal else record
    return blake2b(canonical(bare), digest_size=SEAL_BYTES).hexdigest()


def sealed(record: Sealed) -> Sealed:
    """The record with its seal. Nothing may be changed after this."""
    return msgspec.structs.replace(record, seal=seal_of(record))


def intact(record: Record) -> bool:
    """Whether the record still says what was sealed."""
    return record.seal == seal_of(record)
