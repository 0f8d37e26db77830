"""SilentUntil: a job that replays what was published before it took over keeps what comes of that to itself."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.times import Micros
from transforms.discreet import DiscreetFn


class SilentUntil(beam.PTransform[PCollection[Any], PCollection[Any]]):
    """Records that follow from messages published at `until` or later, and from timers that are due then.

    A record has the time of what it follows from, and messages have that of their publication. Steps before this one
    do all that they always do: states are as if the job had spoken.

    Args:
      until: In microseconds since 1970.
    """

    def __init__(self, until: Micros) -> None:
        super().__init__()
        self._until = until

    def expand(self, records: PCollection[Any]) -> PCollection[Any]:
        """One comparison."""
        return records | "Silence" >> beam.ParDo(_SilenceFn(self._until)).with_output_types(
            records.element_type
        )


class _SilenceFn(DiscreetFn):
    """Lets through what is to be heard."""

    def __init__(self, until: Micros) -> None:
        self._until = until

    def process(self, record: Any, at: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        if at.micros >= self._until:
            yield record
