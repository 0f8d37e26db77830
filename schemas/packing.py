"""Contracts as bytes: msgpack, maps by field name, their keys sorted, so that equal values are equal bytes."""

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.kernel import find

VERSION = 1
"""Of the compiled form that this module knows."""


def encoder() -> Callable[[Any], bytes]:
    """What makes the bytes of any contract; threads may share it. Where it is built, the kernel's, else msgspec's.

    It raises what `msgspec.msgpack.encode` raises of what cannot be encoded.
    """
    encode = msgspec.msgpack.Encoder(order="deterministic").encode
    kernel = find("packing", VERSION)
    if kernel is None:
        return encode
    packed: Callable[[Any], bytes] = kernel.Packer(encode).encode
    return packed
