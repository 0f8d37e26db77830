"""Events on their way through files: in buckets by customer, or in runs by time. Memory holds one at a time.

A bucket is a folder with a file per piece of the history that was read; it holds all events of its customers. A run is
what one piece holds, in the order of event time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain
from pathlib import Path
from zlib import crc32

import msgspec

_BLOCK = 200
"""Events of a run that are in memory at a time."""
_LENGTH = 4


class Spilled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event."""

    order: tuple[int, int, str]
    """Its place in time, as the fold says: event time, kind, id."""
    event: bytes
    """As the fold encodes it."""
    customer: str
    household: str
    plans: int
    """Which plans can decode it, as bits: 1 for A, 2 for B."""


class Spill:
    """The folder that holds them."""

    def __init__(self, folder: Path, buckets: int) -> None:
        """`buckets`: how many buckets the customers are dealt to."""
        self._folder = folder
        self._buckets = buckets

    def deal(self, piece: int, events: Iterable[Spilled]) -> None:
        """Put the events of a piece of the history into their buckets; a household stays together."""
        buckets: dict[int, list[Spilled]] = defaultdict(list)
        for event in events:
            buckets[crc32((event.household or event.customer).encode()) % self._buckets].append(event)
        for bucket, found in buckets.items():
            folder = self._folder / f"bucket-{bucket}"
            folder.mkdir(exist_ok=True)
            (folder / f"{piece:06d}").write_bytes(_encode(found))

    def bucket(self, bucket: int) -> Iterator[Spilled]:
        """All events of a bucket, in no order."""
        files = sorted((self._folder / f"bucket-{bucket}").glob("*"))
        return chain.from_iterable(_decode(file.read_bytes()) for file in files)

    def run(self, piece: int, events: Iterable[Spilled]) -> None:
        """Write the events of a piece of the history by time."""
        with (self._folder / f"run-{piece:06d}").open("wb") as file:
            ordered = sorted(events, key=_by_time)
            for start in range(0, len(ordered), _BLOCK):
                data = _encode(ordered[start : start + _BLOCK])
                file.write(len(data).to_bytes(_LENGTH, "big") + data)

    def by_time(self) -> Iterator[Spilled]:
        """All events of all runs by time; equal times in the order of kind, id and content."""
        return merge(*(_run(path) for path in sorted(self._folder.glob("run-*"))), key=_by_time)


def _run(path: Path) -> Iterator[Spilled]:
    with path.open("rb") as file:
        while length := file.read(_LENGTH):
            yield from _decode(file.read(int.from_bytes(length, "big")))


def _by_time(spilled: Spilled) -> tuple[tuple[int, int, str], bytes]:
    return spilled.order, spilled.event


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Spilled]).decode
