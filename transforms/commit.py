"""Commit: records are kept by the runner before anything outside of it hears of them."""

from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection
from apache_beam.transforms.trigger import AccumulationMode, Always
from apache_beam.transforms.window import GlobalWindows, TimestampCombiner

from schemas.coders import ContractCoder
from transforms.discreet import DiscreetFn

BUCKETS = 64
"""How many keys a table's rows are spread over: so many requests at most are under way to it."""

_Kept = tuple[bytes, bytes]


class Commit(beam.PTransform[PCollection[Any], PCollection[Any]]):
    """Records of one contract, as they came, after a shuffle.

    What runs before a shuffle may run again and come out otherwise; a call to a service in the same stage would tell
    of both. And a service that is away would hold up whatever is fused with the call: here the folds themselves.
    Few keys, so that a service that is away occupies few workers' threads, and requests hold many records.

    The streaming direct runner keeps nothing and fuses nothing: there, records pass as they are.

    Args:
      contract: Of the records: they are shuffled as its bytes.
    """

    def __init__(self, contract: type[msgspec.Struct]) -> None:
        super().__init__()
        self._contract = contract

    def expand(self, records: PCollection[Any]) -> PCollection[Any]:
        """Each record is let through as soon as it is kept."""
        if type(records.pipeline.runner).__name__ == "BundleBasedDirectRunner":
            return records
        return (
            records
            | "Spread" >> beam.ParDo(_SpreadFn(self._contract)).with_output_types(_Kept)
            | "AtOnce"
            >> beam.WindowInto(
                GlobalWindows(),
                trigger=Always(),
                accumulation_mode=AccumulationMode.DISCARDING,
                timestamp_combiner=TimestampCombiner.OUTPUT_AT_EARLIEST,
            )
            | "Keep" >> beam.GroupByKey()
            | "Gather" >> beam.ParDo(_GatherFn(self._contract)).with_output_types(self._contract)
            | "AsBefore" >> beam.WindowInto(GlobalWindows())
        )


class _SpreadFn(DiscreetFn):
    """A record as bytes, under a key that depends on nothing else."""

    def __init__(self, contract: type[msgspec.Struct]) -> None:
        self._coder = ContractCoder(contract)

    def process(self, record: Any) -> Iterator[_Kept]:
        data = self._coder.encode(record)
        yield bytes([crc32(data) % BUCKETS]), data


class _GatherFn(DiscreetFn):
    """The records of a key."""

    def __init__(self, contract: type[msgspec.Struct]) -> None:
        self._coder = ContractCoder(contract)

    def process(self, kept: tuple[bytes, Iterable[bytes]]) -> Iterator[Any]:
        for data in kept[1]:
            yield self._coder.decode(data)
