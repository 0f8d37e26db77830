"""Types of the compiled `packing`."""

from collections.abc import Callable
from typing import Any

VERSION: int

class Packer:
    """The bytes of contracts."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None: ...
    def encode(self, record: Any) -> bytes:
        """The bytes of one struct, or of anything else that msgspec encodes."""
