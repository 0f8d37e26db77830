"""Seals: a digest in each record of what it says, so that a change after it was written shows."""

from hashlib import blake2b
from typing import TypeVar

import msgspec

from schemas import Decision, Feedback
from schemas.packing import encoder, sealer

Record = Decision | Feedback
Sealed = TypeVar("Sealed", Decision, Feedback)

SEAL_BYTES = 16
_encode = encoder()

_latest: tuple[Record | None, bytes] = (None, b"")
"""The record that was sealed last, and its bytes: as a rule it is written next."""


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=SEAL_BYTES).hexdigest()


_seal = sealer(_digest)


def canonical(record: Record) -> bytes:
    """The one form in bytes of what a record says: msgpack, maps sorted, times in UTC."""
    return _encode(record)


def seal_of(record: Record) -> str:
    """The seal that belongs on a record: 32 hex digits of BLAKE2b over its canonical bytes without a seal."""
    bare = msgspec.structs.replace(record, seal="") if record.seal else record
    return _digest(canonical(bare))


def sealed(record: Sealed) -> Sealed:
    """The record with its seal. Nothing may be changed after this."""
    global _latest  # noqa: PLW0603 - a cache of one; whoever reads it compares the record
    if record.seal:
        return msgspec.structs.replace(record, seal=seal_of(record))
    seal, data = _seal(record)
    done = msgspec.structs.replace(record, seal=seal)
    _latest = done, data
    return done


def packed(record: Record) -> bytes:
    """The canonical bytes of a record, as its coder writes them; at hand for the record that was sealed last."""
    known, data = _latest
    return data if known is record else canonical(record)


def intact(record: Record) -> bool:
    """Whether the record still says what was sealed."""
    return record.seal == seal_of(record)
