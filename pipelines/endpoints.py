"""Where events come from and where records go. Today: files; the graph knows none of it."""

import gzip
from collections.abc import Sequence

import apache_beam as beam
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.coders import BytesCoder
from apache_beam.io.parquetio import ReadFromParquet
from apache_beam.io.textio import ReadFromText
from apache_beam.pvalue import PBegin, PCollection

from pipelines.locate import OUTPUTS, UsageError
from transforms.sinks import WriteParquet


def check_readable(files: Sequence[str]) -> None:
    """Open each file as what its name says it is, before a pipeline stumbles over it.

    Raises:
      UsageError: It is something else.
    """
    for name in files:
        try:
            if name.endswith(".parquet"):
                pq.read_schema(name)
            elif name.endswith(".gz"):
                with gzip.open(name) as file:
                    file.read(1)
        except (pa.ArrowException, OSError, EOFError) as error:
            kind = "Parquet" if name.endswith(".parquet") else "gzip"
            raise UsageError(
                f"{name!r} is no {kind} file, though its name says so; write it again"
            ) from error


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
        if self._name.endswith(".parquet"):
            rows = pbegin | "Parquet" >> ReadFromParquet(self._name)
            return rows | "AsJson" >> beam.Map(row_as_json).with_output_types(bytes)
        return pbegin | "Lines" >> ReadFromText(
            self._name, coder=BytesCoder(), strip_trailing_newlines=True
        ).with_output_types(bytes)


def row_as_json(row: dict[str, object]) -> bytes:
    """A Parquet row as a JSON object; nulls are absent, maps are objects."""
    return msgspec.json.encode(
        {name: _plain(value) for name, value in row.items() if not _absent(name, value)}
    )


def _absent(name: str, value: object) -> bool:
    """Null; and an empty map of a contract, of which a list without entries is all there is to see."""
    return value is None or (value == [] and name in _MAPS)


def _plain(value: object) -> object:
    """Lists of pairs, which is how Arrow hands out maps, become objects again."""
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


class WriteFolder(beam.PTransform[PCollection[object], None]):
    """One kind of record into its folder, partitioned by date."""

    def __init__(self, out: str, name: str) -> None:
        super().__init__()
        self._out = out
        self._name = name

    def expand(self, records: PCollection[object]) -> None:
        """Parquet in the contract's own schema."""
        records | "Parquet" >> WriteParquet(OUTPUTS[self._name], f"{self._out}/{self._name}")
