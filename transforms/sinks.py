"""Sinks: contracts to Parquet files, partitioned by the date of their own event time."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date
from functools import lru_cache, partial
from typing import Any, BinaryIO

import apache_beam as beam
import msgspec
import pyarrow.parquet as pq
from apache_beam.io.fileio import FileMetadata, FileResult, FileSink, WriteToFiles
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.value_provider import StaticValueProvider
from apache_beam.pvalue import AsIter, PCollection

from models.audit.seals import packed
from schemas import Decision, Feedback
from schemas.arrow import arrow_schema, parquet_options
from schemas.coders import ContractCoder
from schemas.event_time import event_time
from schemas.unpacking import packed_columns
from transforms import tally
from transforms.compressed import Compressed
from transforms.discreet import Discreet, DiscreetFn, StepError

Encoded = tuple[str, bytes]
"""The partition and the bytes of a record: nothing is pickled when records are shuffled, and size is known."""

_ROW_GROUP_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_OPEN_FILES = 64
_UNFINISHED = ".unfinished"


def partition_of(record: Any) -> str:
    """`date=YYYY-MM-DD`, in UTC, of a record's event time; `date=unknown` where it has none."""
    at = event_time(record)
    if at is None:
        return "date=unknown"
    return _partition_of_day((at if at.tzinfo is UTC else at.astimezone(UTC)).toordinal())


@lru_cache(4096)
def _partition_of_day(ordinal: int) -> str:
    """The partition of a day, counted as `date.toordinal` does. Records come in few of them."""
    return f"date={date.fromordinal(ordinal):%Y-%m-%d}"


class WriteParquet(beam.PTransform[PCollection[Any], PCollection[str]]):
    """Records of one contract to `folder/date=YYYY-MM-DD/part-NNNNN-of-NNNNN.parquet`; yields the file names.

    Beam's own `WriteToFiles`: files appear whole, under their final names, and nothing else stays behind. At most
    64 files are open per bundle, each with up to 4 MiB of records in memory, compressed; what has no open file is
    grouped by partition first. Without records there is no folder.

    Args:
      contract: Decision, Feedback, SessionContext or DeadLetter.
      folder: A folder without files of an earlier run, on any file system Beam knows.

    Raises:
      ValueError: The input is unbounded: nothing would be complete before it ends.
      StepError: While running; a file did not arrive.
    """

    def __init__(self, contract: type[msgspec.Struct], folder: str) -> None:
        super().__init__()
        self._contract = contract
        self._folder = folder

    def expand(self, records: PCollection[Any]) -> PCollection[str]:
        """Encode, write, move, check, tidy up."""
        if not records.is_bounded:
            raise ValueError(
                "WriteParquet takes bounded input; publish unbounded records to a topic or a table"
            )
        unfinished = FileSystems.join(self._folder, _UNFINISHED)
        files = (
            records
            | "Encode" >> beam.ParDo(_EncodeFn(self._contract)).with_output_types(Encoded)
            | "WriteToFiles"
            >> WriteToFiles(
                self._folder,
                file_naming=_Naming(self._folder),
                destination=_partition,
                temp_directory=StaticValueProvider(str, unfinished),
                sink=partial(_sink, self._contract),
                shards=1,
                max_writers_per_bundle=_OPEN_FILES,
            )
            | "Check" >> beam.Map(Discreet(_checked), self._folder).with_output_types(str)
        )
        _ = (
            records.pipeline
            | "Folder" >> beam.Create([unfinished], reshuffle=False).with_output_types(str)
            | "TidyUp" >> beam.Map(_remove, AsIter(files)).with_output_types(type(None))
        )
        return files


class _EncodeFn(DiscreetFn):
    """Beam adapter for `partition_of`."""

    def __init__(self, contract: type[msgspec.Struct]) -> None:
        self._encode = packed if contract in (Decision, Feedback) else ContractCoder(contract).encode

    def process(self, record: Any) -> Iterator[Encoded]:
        tally.add("written")
        yield partition_of(record), self._encode(record)


def _partition(encoded: Encoded) -> str:
    return encoded[0]


def _sink(contract: type[msgspec.Struct], _: str) -> FileSink:
    return _ParquetSink(contract)


class _ParquetSink(FileSink):
    """Beam adapter for pyarrow: one file, a row group at a time."""

    def __init__(self, contract: type[msgspec.Struct]) -> None:
        self._table = packed_columns(contract)
        self._schema = arrow_schema(contract)
        self._options = parquet_options(contract)

    def create_metadata(self, destination: str, full_file_name: str) -> FileMetadata:  # noqa: ARG002
        """Parquet compresses by itself."""
        return FileMetadata("application/vnd.apache.parquet", CompressionTypes.UNCOMPRESSED)

    def open(self, fh: BinaryIO) -> None:
        """Begin a file."""
        self._writer = pq.ParquetWriter(fh, self._schema, **self._options)
        self._pending = Compressed(_CHUNK_BYTES)

    def write(self, record: Encoded) -> None:
        """Take one record; write a row group when there is enough for one."""
        self._pending.add(record[1])
        if self._pending.size >= _ROW_GROUP_BYTES:
            self._write_pending()

    def flush(self) -> None:
        """End the file. Beam calls this once, before it closes the file."""
        self._write_pending()
        self._writer.close()

    def _write_pending(self) -> None:
        self._writer.write_table(self._table(self._pending.take()))


@dataclass(frozen=True)
class _Naming:
    """Final names, and their folders: Beam renames into a folder but does not make it."""

    folder: str

    def __call__(
        self, _window: Any, _pane: Any, shard: int, shards: int, _compression: str, partition: str
    ) -> str:
        with suppress(OSError):  # another file of the partition was here first
            FileSystems.mkdirs(FileSystems.join(self.folder, partition))
        return f"{partition}/part-{shard:05d}-of-{shards:05d}.parquet"


def _checked(result: FileResult, folder: str) -> str:
    """The file's name. Beam only logs when a file could not be moved, and its records would be gone."""
    path = FileSystems.join(folder, result.file_name)
    if not FileSystems.exists(path):
        raise StepError(f"{path} was written but could not be moved into place")
    return path


def _remove(unfinished: str, _files: Iterable[str]) -> None:
    """Remove the folder of temporary files, once all files are in place."""
    if FileSystems.exists(unfinished):
        FileSystems.delete([unfinished])
