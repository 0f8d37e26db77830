"""Seals: a digest in each record of what it says, so that a change after it was written shows."""

from hashlib import blake2b
from typing import TypeVar

import msgspec

from schemas import Decision, Feedback
from schemas.packing import encoder

Record = Decision | Feedback
Sealed = TypeVar("Sealed", Decision, Feedback)

SEAL_BYTES = 16
_encode = encoder()

_UNSEALED = msgspec.msgpack.encode("seal") + msgspec.msgpack.encode("")
_SEALED = msgspec.msgpack.encode("seal") + msgspec.msgpack.encode("0" * 2 * SEAL_BYTES)[: -2 * SEAL_BYTES]

_latest: tuple[Record | None, bytes] = (None, b"")
"""The record that was sealed last, and its bytes: as a rule it is written next."""


def canonical(record: Record) -> bytes:
    """The one form in bytes of what a record says: msgpack, maps sorted, times in UTC."""
    return _encode(record)


def seal_of(record: Record) -> str:
    """The seal that belongs on a record: 32 hex digits of BLAKE2b over its canonical bytes without a seal."""
    bare = msgspec.structs.replace(record, seal="") if record.seal else record
    return _digest(canonical(bare))


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=SEAL_BYTES).hexdigest()


def sealed(record: Sealed) -> Sealed:
    """The record with its seal. Nothing may be changed after this."""
    global _latest  # noqa: PLW0603 - a cache of one; whoever reads it compares the record
    if record.seal:
        return msgspec.structs.replace(record, seal=seal_of(record))
    data = canonical(record)
    seal = _digest(data)
    done = msgspec.structs.replace(record, seal=seal)
    # In no text is there this sequence of bytes, and in what follows a seal there is no other field of its name.
    before, _, after = data.rpartition(_UNSEALED)
    _latest = done, b"".join((before, _SEALED, seal.encode(), after))
    return done


def packed(record: Record) -> bytes:
    """The canonical bytes of a record, as its coder writes them; at hand for the record that was sealed last."""
    known, data = _latest
    return data if known is record else canonical(record)


def intact(record: Record) -> bool:
    """Whether the record still says what was sealed."""
    return record.seal == seal_of(record)
