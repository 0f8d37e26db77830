"""Contracts as bytes: msgpack, maps by field name, their keys sorted, so that equal values are equal bytes."""

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.decision import Removal
from schemas.kernel import find

VERSION = 2
"""Of the compiled form that this module knows."""


Digest = Callable[[Any], str]
"""From bytes, or a view of them that may not be kept, to 1 to 255 ASCII letters."""

_KEPT = (Removal,)
"""Of which a plan's decisions hold the same objects again and again: for each action, what removed it."""

_SEAL = msgspec.msgpack.encode("seal")
_UNSEALED = _SEAL + msgspec.msgpack.encode("")


_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def encoder() -> Callable[[Any], bytes]:
    """What makes the bytes of any contract; threads may share it. Where it is built, the kernel's, else msgspec's.

    It raises what `msgspec.msgpack.encode` raises of what cannot be encoded.
    """
    packer = _packer()
    if packer is None:
        return _encode
    packed: Callable[[Any], bytes] = packer.encode
    return packed


def sealer(digest: Digest) -> Callable[[Any], tuple[str, bytes]]:
    """What makes, of a struct whose `seal` is empty, the digest of its bytes, and its bytes with the digest in it.

    It raises what `encoder` does.
    """
    packer = _packer()
    if packer is not None:
        pack = packer.sealed
        return lambda record: pack(record, _UNSEALED, digest)

    def sealed(record: Any) -> tuple[str, bytes]:
        data = _encode(record)
        seal = digest(data)
        # In no text is there this sequence of bytes, and in what follows a seal there is no other field of its name.
        before, _, after = data.rpartition(_UNSEALED)
        return seal, b"".join((before, _SEAL, msgspec.msgpack.encode(seal), after))

    return sealed


def _packer() -> Any:
    """The compiled form, with bytes of its own to keep; None where it is not built."""
    kernel = find("packing", VERSION)
    return None if kernel is None else kernel.Packer(_encode, _KEPT)
