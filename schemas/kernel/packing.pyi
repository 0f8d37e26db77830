"""Types of the compiled `packing`."""

from collections.abc import Callable, Collection
from typing import Any

VERSION: int

class Packer:
    """The bytes of contracts."""

    def __init__(self, encode: Callable[[Any], bytes], kept: Collection[type] = ()) -> None: ...
    def encode(self, record: Any) -> bytes:
        """The bytes of one struct, or of anything else that msgspec encodes."""
    def sealed(self, record: Any, unsealed: bytes, digest: Callable[[Any], str]) -> tuple[str, bytes]:
        """The digest of a struct's bytes, and the bytes with that digest in place of an empty text."""
