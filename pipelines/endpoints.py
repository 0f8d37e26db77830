"""Where events come from and where records go. Today: files; the graph knows none of it."""

import glob
import gzip
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import apache_beam as beam
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.coders import BytesCoder
from apache_beam.io.parquetio import ReadFromParquetBatched
from apache_beam.io.textio import ReadFromText, _TextSource
from apache_beam.pvalue import PBegin, PCollection

from pipelines.locate import OUTPUTS, UsageError
from transforms.sinks import WriteParquet


def check_readable(files: Sequence[str]) -> None:
    """Open each file as what its name says it is, before a pipeline stumbles over it.

    Compressed files are read to their end: Beam takes one that was cut off for a shorter one.

    Raises:
      UsageError: It is something else, or not whole.
    """
    for name in files:
        try:
            if name.endswith(".parquet"):
                pq.read_schema(name)
            elif name.endswith(".gz"):
                with gzip.open(name) as file:
                    for _ in iter(partial(file.read, _CHUNK), b""):
                        pass
        except (EOFError, zlib.error) as error:
            raise UsageError(f"{name!r} is cut off or damaged; copy it again") from error
        except (pa.ArrowException, OSError) as error:
            kind = "Parquet" if name.endswith(".parquet") else "gzip"
            raise UsageError(
                f"{name!r} is no {kind} file, though its name says so; write it again"
            ) from error


_CHUNK = 1024 * 1024

_MAPS = frozenset({"attributes", "profile"})
"""Fields of contracts that are maps; stored as lists of keys and values."""


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


def table_as_json(table: pa.Table) -> Iterator[bytes]:
    """The rows of a Parquet table as JSON objects. Times are cut to the microsecond, which is what we keep."""
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            cut = pc.cast(table.column(index), pa.timestamp("us", field.type.tz), safe=False)
            table = table.set_column(index, field.name, cut)
    yield from map(row_as_json, table.to_pylist())


def row_as_json(row: dict[str, object]) -> bytes:
    """A Parquet row as a JSON object; nulls are absent, maps are objects."""
    return msgspec.json.encode(
        {name: _plain(value) for name, value in row.items() if not _absent(name, value)}
    )


def _absent(name: str, value: object) -> bool:
    """Null; and an empty map of a contract, of which a list without entries is all there is to see."""
    return value is None or (value == [] and name in _MAPS)


def _plain(value: object) -> object:
    """Lists of pairs, which is how Arrow hands out maps, become objects again.

    What JSON has no words for is written so that decoding refuses it, instead of being bent into something else.
    """
    if isinstance(value, float | Decimal | bytes):
        return _scalar(value)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, tuple) and len(item) == 2 for item in value)
    ):
        return {key: _plain(item) for key, item in value}
    if (
        isinstance(value, list)
        and value
        and all(isinstance(v, dict) and v.keys() == {"key", "value"} for v in value)
    ):
        return {
            item["key"]: msgspec.json.decode(item["value"]) for item in value if item["value"] is not None
        }
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return value


def _scalar(value: float | Decimal | bytes) -> object:
    """Decimals as numbers; binary as the text that it is; NaN and what is no UTF-8 as the mistakes that they are."""
    if isinstance(value, float):
        return value if math.isfinite(value) else msgspec.Raw(json.dumps(value).encode())
    if isinstance(value, Decimal):
        return msgspec.Raw(str(value).encode())
    try:
        return value.decode()
    except UnicodeDecodeError:
        return msgspec.Raw(json.dumps(value.decode("utf-8", "surrogateescape")).encode())


class WriteFolder(beam.PTransform[PCollection[object], None]):
    """One kind of record into its folder, partitioned by date."""

    def __init__(self, out: str, name: str) -> None:
        super().__init__()
        self._out = out
        self._name = name

    def expand(self, records: PCollection[object]) -> None:
        """Parquet in the contract's own schema."""
        records | "Parquet" >> WriteParquet(OUTPUTS[self._name], f"{self._out}/{self._name}")
