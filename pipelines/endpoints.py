"""Where events come from and where records go: files or topics. The graph knows none of it."""

import glob
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.io.concat_source import ConcatSource
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.io.iobase import BoundedSource
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
        self._lines = tuple(name for name in files if not name.endswith(".parquet"))
        self._tables = tuple(name for name in files if name.endswith(".parquet"))

    def expand(self, pbegin: PBegin) -> PCollection[bytes]:
        """All files of lines are one source: what is flattened, the local runner keeps whole before it goes on."""
        branches = [pbegin | f"Read{index}" >> _ReadTable(name) for index, name in enumerate(self._tables)]
        if self._lines:
            branches.append(pbegin | "ReadLines" >> _ReadLines(self._lines))
        if not branches:  # a pipeline of no files yields nothing
            return pbegin | "Nothing" >> beam.Create([], reshuffle=False).with_output_types(bytes)
        if len(branches) == 1:
            return branches[0]
        return branches | "Flatten" >> beam.Flatten().with_output_types(bytes)


class _ReadTable(beam.PTransform[PBegin, PCollection[bytes]]):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def expand(self, pbegin: PBegin) -> PCollection[bytes]:
        tables = pbegin | "Parquet" >> ReadFromParquetBatched(glob.escape(self._name))
        return tables | "AsJson" >> beam.FlatMap(table_as_json).with_output_types(bytes)


class _ReadLines(beam.PTransform[PBegin, PCollection[bytes]]):
    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names

    def expand(self, pbegin: PBegin) -> PCollection[bytes]:
        source = ConcatSource([_lines_of(name) for name in self._names])
        return pbegin | "Read" >> beam.io.Read(source).with_output_types(bytes)


class _LineSource(_TextSource):
    """Beam's, with a larger buffer: its time for one line grows with the square of the buffers that the line fills."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "buffer_size": _CHUNK})


class _ReadText(ReadFromText):
    _source_class = _LineSource


def _lines_of(name: str) -> BoundedSource:
    """The lines of one file, which Beam may split. It takes every name for a pattern."""
    read = _ReadText(glob.escape(name), coder=BytesCoder(), strip_trailing_newlines=True)
    source: BoundedSource = read._source
    return source


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
