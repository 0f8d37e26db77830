"""Bytes that wait in memory, compressed: records and events repeat what others before them have said."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import pyarrow as pa

_CODEC = pa.Codec("lz4_raw")
"""Of what pyarrow has the cheapest to undo: 1 GB takes a second to compress, and a sixth of that to get back."""


class Compressed:
    """A list of bytes that grows, is taken whole, and is empty again. Takes about a sixth of its size for decisions.

    Args:
      chunk: How many bytes wait until they are compressed together.
    """

    def __init__(self, chunk: int) -> None:
        self._chunk = chunk
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        """Bytes that were added and not taken yet, uncompressed."""
        self._chunks: list[tuple[bytes, list[int]]] = []
        self._latest: list[bytes] = []
        self._due = self._chunk

    def add(self, data: bytes) -> None:
        """One more."""
        self._latest.append(data)
        self.size += len(data)
        if self.size >= self._due:
            self._chunks.append((squeezed(b"".join(self._latest)), list(map(len, self._latest))))
            self._latest, self._due = [], self.size + self._chunk

    def take(self) -> list[bytes]:
        """All that were added, in their order."""
        found = [
            data for chunk, sizes in self._chunks for data in _split(unsqueezed(chunk, sum(sizes)), sizes)
        ]
        found += self._latest
        self._clear()
        return found


def squeezed(data: bytes) -> bytes:
    """The bytes, compressed."""
    return bytes(_CODEC.compress(data, asbytes=True))


def unsqueezed(data: bytes, size: int) -> bytes:
    """The bytes that were compressed, of which there were `size`."""
    return bytes(_CODEC.decompress(data, size, asbytes=True))


def _split(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    ends = accumulate(sizes)
    return (data[end - size : end] for end, size in zip(ends, sizes, strict=True))
