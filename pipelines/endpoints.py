"""Where events come from and where records go: files or topics. The graph knows none of it."""

import glob
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.io.parquetio import ReadFromParquetBatched
from apache_beam.io.textio import ReadFromText, _TextSource
from apache_beam.pvalue import PBegin, PCollection

from pipelines.locate import OUTPUTS
from pipelines.reading import table_as_json
from transforms.sinks import WriteParquet

_CHUNK = 1024 * 1024


class ReadFiles(beam.PTransform[PBegin, PCollection[bytes]]):
    """Every line or row of some files, as the bytes that a topic would have delivered."""

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__()
        self._files = tuple(files)

    def expand(self, pbegin: PBegin) -> PCollection[bytes]:
        """One branch per file: a pipeline of no files yields nothing."""
        if not self._files:
            return pbegin | "Nothing" >> beam.Create([], reshuffle=False).with_output_types(bytes)
        branches = [pbegin | f"Read{index}" >> _ReadFile(name) for index, name in enumerate(self._files)]
        return branches | "Flatten" >> beam.Flatten().with_output_types(bytes)


class _ReadFile(beam.PTransform[PBegin, PCollection[bytes]]):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def expand(self, pbegin: PBegin) -> PCollection[bytes]:
        name = glob.escape(self._name)  # Beam takes every name for a pattern
        if self._name.endswith(".parquet"):
            tables = pbegin | "Parquet" >> ReadFromParquetBatched(name)
            return tables | "AsJson" >> beam.FlatMap(table_as_json).with_output_types(bytes)
        lines = _ReadLines(name, coder=BytesCoder(), strip_trailing_newlines=True)
        return pbegin | "Lines" >> lines.with_output_types(bytes)  # type: ignore[no-untyped-call]


class _LineSource(_TextSource):
    """Beam's, with a larger buffer: its time for one line grows with the square of the buffers that the line fills."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "buffer_size": _CHUNK})


class _ReadLines(ReadFromText):
    _source_class = _LineSource


class ReadSubscription(beam.PTransform[PBegin, PCollection[PubsubMessage]]):
    """Every message of a subscription, with its attributes.

    Messages are stamped with the time they were published: event time is in the payload, and an attribute that anybody
    can set must not move the watermark.
    """

    def __init__(self, subscription: str) -> None:
        super().__init__()
        self._subscription = subscription

    def expand(self, pbegin: PBegin) -> PCollection[PubsubMessage]:
        """Beam's own source."""
        return pbegin | "Messages" >> ReadFromPubSub(subscription=self._subscription, with_attributes=True)


class WriteFolder(beam.PTransform[PCollection[object], None]):
    """One kind of record into its folder, partitioned by date."""

    def __init__(self, out: str, name: str) -> None:
        super().__init__()
        self._out = out
        self._name = name

    def expand(self, records: PCollection[object]) -> None:
        """Parquet in the contract's own schema."""
        records | "Parquet" >> WriteParquet(OUTPUTS[self._name], f"{self._out}/{self._name}")
