"""Types of the compiled `unpacking`."""

from collections.abc import Iterable, Sequence
from typing import Any

VERSION: int
STRING: int
INTEGER: int
FLOAT: int
BOOLEAN: int
TIMESTAMP: int
BYTES: int
RECORD: int
MAP: int

Part = tuple[int, bytes, int, int, bytes | None, bytes, bytes, list[Any]]

class Unpacker:
    """The columns of one contract."""

    def __init__(self, fields: Sequence[tuple[int, bool, bool, str, Any]]) -> None: ...
    def unpack(self, records: Iterable[bytes]) -> list[Part] | None:
        """The buffers of the records' fields, or None if one is not what our coders write."""
