"""Beam as fast as we can write it by hand: only the key is read before the shuffle, and no state is kept in Beam.

PYTHON main.py DATA OUT

Lines cross the shuffle as the bytes they came as; behind it all events of a customer are there at once, are ordered by
time, and go through the logic of the plain loop. It is a job for files that end: it cannot run on a stream.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam import typehints
from apache_beam.coders import BytesCoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import fast
from common.running import options


class KeyByCustomer(beam.DoFn):
    """(customer, line), as bytes; lines of nobody go to `dead`."""

    def process(self, element: bytes) -> Iterable[Any]:
        """One line."""
        try:
            return ((fast.customer_of(element).encode(), element),)
        except fast.NotAnEventError as error:
            return (beam.pvalue.TaggedOutput("dead", fast.dead_letter(element, error)),)


class DecideCustomer(beam.DoFn):
    """All of a customer's lines at once."""

    def __init__(self, data: str) -> None:
        self._data = data

    def setup(self) -> None:
        """Load what does not change, once a worker."""
        self._engine = fast.Engine(self._data)

    def process(self, element: tuple[bytes, Iterable[bytes]]) -> Iterator[bytes]:
        """One customer."""
        yield from self._engine.fold(element[1], self._engine.nobody())


def main(data: str, out: str) -> None:
    """Decide all lines."""
    with beam.Pipeline(options=options()) as pipeline:
        keyed = (
            pipeline
            | "Read" >> beam.io.ReadFromText(f"{data}/events.ndjson", coder=BytesCoder())
            | "KeyByCustomer" >> beam.ParDo(KeyByCustomer()).with_outputs("dead", main="lines")
        )
        # Else elements would be pickled.
        keyed.lines.element_type, keyed.dead.element_type = typehints.Tuple[bytes, bytes], bytes
        decisions = (
            keyed.lines
            | "GroupByCustomer" >> beam.GroupByKey()
            | "Decide" >> beam.ParDo(DecideCustomer(data)).with_output_types(bytes)
        )
        written: Iterable[Any] = (decisions, keyed.dead)
        (
            written
            | "Merge" >> beam.Flatten()
            | "Write" >> beam.io.WriteToText(out, num_shards=1, shard_name_template="", coder=BytesCoder())
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
