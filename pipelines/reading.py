"""What files of events hold: lines, or rows of Parquet as the JSON that a topic would have delivered. No Beam."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.locate import UsageError

_CHUNK = 1024 * 1024


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


_MAPS = frozenset({"attributes", "profile"})
"""Fields of contracts that are maps; stored as lists of keys and values."""


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
