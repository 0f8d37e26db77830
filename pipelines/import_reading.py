"""Rows of an event table, one at a time, from CSV, JSON lines or Parquet. A bad row is a row too."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.decoding.rejection import ROOT, Rejection, refuse
from models.mapping import ImportMapping
from pipelines.locate import UsageError
from schemas.dead_letter import Reason

_BATCH = 4_096


class SourceRow(NamedTuple):
    """One row as it was read: its values; or, if they are still to be decoded, its payload; or why there are none."""

    payload: Callable[[], bytes]
    """The row as it was stored; a row of Parquet as JSON, of the columns that the mapping reads."""
    values: dict[str, Any] | None = None
    problem: Rejection | None = None


def read_rows(mapping: ImportMapping, source: Path) -> Iterator[SourceRow]:
    """All rows of a file, in its order.

    Raises:
      UsageError: The file is not of the mapping's format, or lacks columns the mapping reads.
    """
    try:
        yield from _READERS[mapping.spec.source.format](mapping, source)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise UsageError(
            f"{str(source)!r} cannot be read as {mapping.spec.source.format}: {error}"
        ) from error


def _json_rows(_: ImportMapping, source: Path) -> Iterator[SourceRow]:
    with _opened(source) as file:
        for line in file:
            yield SourceRow(partial(bytes.rstrip, line, b"\r\n"))


def _csv_rows(mapping: ImportMapping, source: Path) -> Iterator[SourceRow]:
    with _opened(source) as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=mapping.spec.source.delimiter, strict=True)
        header = _header(reader, mapping, source)
        while True:
            lines.start()
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield SourceRow(lines.taken, problem=refuse(Reason.WRONG_TYPE, ROOT, f"no CSV: {error}"))
                continue
            if cells is None:
                return
            yield _csv_row(lines.taken, header, cells)


def _csv_row(payload: Callable[[], bytes], header: Sequence[str], cells: list[str]) -> SourceRow:
    if len(cells) != len(header):
        detail = f"{len(cells)} columns where the first line names {len(header)}"
        return SourceRow(payload, problem=refuse(Reason.WRONG_TYPE, ROOT, detail))
    if not all(map(_is_text, cells)):
        return SourceRow(payload, problem=refuse(Reason.NOT_UTF8, ROOT, "not UTF-8"))
    return SourceRow(payload, dict(zip(header, cells, strict=True)))


def _is_text(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)


def _header(reader: Iterator[list[str]], mapping: ImportMapping, source: Path) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise UsageError(f"the first line of {str(source)!r} is no CSV: {error}") from error
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UsageError(f"{str(source)!r} names the columns {', '.join(twice)} twice; rename them")
    _has_columns(header, mapping, source)
    return header


def _has_columns(header: Sequence[str], mapping: ImportMapping, source: Path) -> None:
    absent = [name for name in mapping.columns if name not in header]
    if absent:
        raise UsageError(
            f"{str(source)!r} has no column {', '.join(map(repr, absent))}, which mapping "
            f"{mapping.spec.name!r} reads; it has {', '.join(map(repr, header[:20])) or 'none'}"
        )


def _parquet_rows(mapping: ImportMapping, source: Path) -> Iterator[SourceRow]:
    with pq.ParquetFile(source) as file:
        _has_columns(file.schema_arrow.names, mapping, source)
        for batch in file.iter_batches(_BATCH, columns=list(mapping.columns)):
            for row in _plain(batch).to_pylist():
                yield SourceRow(partial(msgspec.json.encode, row), row)


def _plain(batch: pa.RecordBatch) -> pa.Table:
    """Times to the microsecond; a number that is none (NaN) is a missing one."""
    table = pa.Table.from_batches([batch])
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if pa.types.is_floating(field.type):
            table = table.set_column(index, field.name, pc.if_else(pc.is_nan(column), None, column))
        elif pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            exact = pc.cast(column, pa.timestamp("us", field.type.tz), safe=False)
            table = table.set_column(index, field.name, exact)
    return table


class _Lines:
    """Feeds a CSV reader and remembers the lines of the row it is at."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._taken: list[bytes] = []
        self._first = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self._taken.append(line)
        codec = "utf-8-sig" if self._first else "utf-8"
        self._first = False
        return line.decode(codec, "surrogateescape")

    def start(self) -> None:
        """The next line belongs to another row."""
        self._taken = []

    @property
    def taken(self) -> Callable[[], bytes]:
        """The row's own bytes, whenever they are asked for."""
        lines = self._taken
        return lambda: b"".join(lines).rstrip(b"\r\n")


def _opened(source: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(source)) if source.suffix == ".gz" else source.open("rb")


_READERS: dict[str, Callable[[ImportMapping, Path], Iterator[SourceRow]]] = {
    "csv": _csv_rows,
    "jsonl": _json_rows,
    "parquet": _parquet_rows,
}
