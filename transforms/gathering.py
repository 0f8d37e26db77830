"""Gather: the events of a key that a bundle has of it as one element, compressed, before they are grouped.

A runner moves, groups and keeps elements one by one, at a price for each. The other half is `spread`.
"""

from collections.abc import Iterable, Iterator

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.compressed import squeezed, unsqueezed
from transforms.discreet import DiscreetFn

Keyed = tuple[bytes, bytes]

_MOST_BYTES = 16 * 1024 * 1024
_WORTH = 512
"""Bytes from which on compressing pays."""

_pack = msgspec.msgpack.Encoder().encode
_events = msgspec.msgpack.Decoder(list[bytes]).decode
_unpack = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


class Gather(beam.PTransform[PCollection[Keyed], PCollection[Keyed]]):
    """`(key, event)` to `(key, some events)`, all in bytes and in the global window.

    Args:
      most_bytes: How many bytes of events a bundle keeps before they leave.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        super().__init__()
        self._most_bytes = most_bytes

    def expand(self, keyed: PCollection[Keyed]) -> PCollection[Keyed]:
        """What a bundle has of a key leaves at its end, or when there is too much."""
        return keyed | "Collect" >> beam.ParDo(_GatherFn(self._most_bytes)).with_output_types(Keyed)


def spread(gathered: Iterable[bytes]) -> Iterator[bytes]:
    """The events of one key again, in no order that anybody could rely on."""
    for data in gathered:
        size, packed = _unpack(data)
        yield from _events(unsqueezed(packed, size) if size else packed)


def _together(events: list[bytes]) -> bytes:
    packed = _pack(events)
    size = len(packed)
    return _pack((size, squeezed(packed)) if size >= _WORTH else (0, packed))


class _GatherFn(DiscreetFn):
    """Beam adapter: a dict of lists."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes

    def start_bundle(self) -> None:
        self._found: dict[bytes, list[bytes]] = {}
        self._bytes = 0

    def process(self, keyed: Keyed) -> Iterable[Keyed]:
        key, event = keyed
        found = self._found.get(key)
        if found is None:
            self._found[key] = [event]
        else:
            found.append(event)
        self._bytes += len(event)
        return self._taken() if self._bytes >= self._most_bytes else ()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for element in self._taken():
            yield WindowedValue(element, window.max_timestamp(), (window,))

    def _taken(self) -> list[Keyed]:
        found, self._found, self._bytes = self._found, {}, 0
        return [(key, _together(events)) for key, events in found.items()]
