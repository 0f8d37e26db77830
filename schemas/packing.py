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


def encoder() -> Callable[[Any], bytes]:
    """What makes the bytes of any contract; threads may share it. Where it is built, the kernel's, else msgspec's.

    It raises what `msgspec.msgpack.encode` raises of what cannot be encoded.
    """
    encode = msgspec.msgpack.Encoder(order="deterministic").encode
    kernel = find("packing", VERSION)
    if kernel is None:
        return encode
    packed: Callable[[Any], bytes] = kernel.Packer(encode, _KEPT).encode
    return packed


def sealer(digest: Digest) -> Callable[[Any], tuple[str, bytes]]:
    """What makes, of a struct whose `seal` is empty, the digest of its bytes, and its bytes with the digest in it.

    It raises what `encoder` does.
    """
    kernel = find("packing", VERSION)
    if kernel is not None:
        pack = kernel.Packer(msgspec.msgpack.Encoder(order="deterministic").encode, _KEPT).sealed
        return lambda record: pack(record, _UNSEALED, digest)
    encode = encoder()

    def sealed(record: Any) -> tuple[str, bytes]:
        data = encode(record)
        seal = digest(data)
        # In no text is there this sequence of bytes, and in what follows a seal there is no other field of its name.
        before, _, after = data.rpartition(_UNSEALED)
        return seal, b"".join((before, _SEAL, msgspec.msgpack.encode(seal), after))

    return sealed
