"""Where imported records go: JSON lines or Parquet, whole or not at all."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.locate import UsageError
from schemas.arrow import arrow_schema, parquet_options, rows

_encode = msgspec.json.Encoder().encode
_PARQUET = ".parquet"
_LINES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_ROW_GROUP = 20_000


class Writer(Protocol):
    """Takes one record after the other."""

    def write(self, record: msgspec.Struct, /) -> None:
        """Append a record."""

    def close(self) -> None:
        """Write what is held back, and let go of the file."""


def stem(out: Path) -> Path:
    """`out` without the suffix that says its format."""
    for suffix in sorted((*_LINES, _PARQUET), key=len, reverse=True):
        if out.name.endswith(suffix):
            return out.with_name(out.name.removesuffix(suffix))
    raise UsageError(f"--out: {str(out)!r} says no format; end it in .jsonl, .jsonl.gz or .parquet")


def suffix(out: Path) -> str:
    """The suffix of `out` that says its format."""
    return out.name.removeprefix(stem(out).name)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        # mtime=0 and no name: the same import gives the same bytes
        self._raw = path.open("wb")
        packed = path.name.removesuffix(".partial").endswith(".gz")
        self._file = cast(
            "IO[bytes]", gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0) if packed else self._raw
        )

    def write(self, record: msgspec.Struct, /) -> None:
        """Append a record, as its fields that say something."""
        self._file.write(_encode(_told(record)) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()


def _told(record: msgspec.Struct) -> dict[str, Any]:
    fields = ((name, getattr(record, name)) for name in record.__struct_fields__)
    return {name: value for name, value in fields if value is not None and value not in ((), {})}


class Parquet:
    """Rows in the contract's own schema, packed as a run packs its own."""

    def __init__(self, path: Path, contract: type[msgspec.Struct]) -> None:
        self._schema = arrow_schema(contract)
        self._row = rows(contract)
        self._file = pq.ParquetWriter(path, self._schema, **parquet_options(contract))
        self._held: list[dict[str, Any]] = []

    def write(self, record: msgspec.Struct, /) -> None:
        """Append a record; rows are written in groups."""
        self._held.append(self._row(record))
        if len(self._held) == _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write the last rows and the footer."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._held:
            self._file.write_table(pa.Table.from_pylist(self._held, self._schema))
            self._held = []


@contextmanager
def writing(path: Path, contract: type[msgspec.Struct]) -> Iterator[Writer]:
    """A writer by the path's suffix. The file appears when the block ends well, and not if it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    writer: Writer = Parquet(partial, contract) if path.suffix == _PARQUET else JsonLines(partial)
    try:
        yield writer
        writer.close()
        partial.replace(path)
    except BaseException:
        writer.close()
        partial.unlink(missing_ok=True)
        raise
