"""Contracts as Arrow: the Parquet schema whose columns are BigQuery's, by name, type and mode."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from schemas.derivation.fields import Field, Kind, fields_of
from schemas.rows import Row, from_row, rows

__all__ = ["Row", "arrow_schema", "from_row", "parquet_options", "rows"]

_TYPES = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.BYTES: pa.binary(),
}


_FEW = frozenset(
    (
        *("arm", "bid", "brand", "bundle", "channel", "contact", "direction", "group", "issue"),
        *("message_class", "model_digest", "no_action", "outcome", "page", "placement", "placements"),
        *("plan_digest", "probability", "sampled", "trigger"),
    )
)
"""Fields whose pages are not worth compressing: of names there is a handful in a file, so that a dictionary's bits are
already short; the numbers are as a rule null, and random where they are not."""


@cache
def arrow_schema(contract: type[msgspec.Struct]) -> pa.Schema:
    """The schema of a contract's Parquet files; `rows(contract)` makes what fits it."""
    return pa.schema([_arrow_field(field) for field in fields_of(contract)])


@cache
def parquet_options(contract: type[msgspec.Struct]) -> dict[str, Any]:
    """How the columns of a contract's Parquet files are best written: less work, fewer bytes, and the same cells.

    Texts repeat, and have dictionaries; numbers hardly do, and Parquet would try one for each of them. Of what is in
    lists there are no statistics: nobody can skip a row for them. A page takes some microseconds to compress, however
    short it is: that is saved where nothing else would be (`_FEW`).
    """
    leaves = [leaf for field in arrow_schema(contract) for leaf in _leaves(field.name, field.type)]
    return {
        "compression": {
            path: "none" if _FEW.intersection(path.split(".")) else "zstd" for path, _, _ in leaves
        },
        "use_dictionary": [path for path, kind, _ in leaves if kind == pa.string()],
        "write_statistics": [path for path, _, listed in leaves if not listed],
    }


def _leaves(path: str, kind: pa.DataType, listed: bool = False) -> Iterator[tuple[str, pa.DataType, bool]]:
    """Parquet's path of each column inside, its type, and whether it is in a list."""
    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type, listed=True)
    elif pa.types.is_struct(kind):
        for part in kind:
            yield from _leaves(f"{path}.{part.name}", part.type, listed)
    else:
        yield path, kind, listed


def _arrow_field(field: Field) -> pa.Field:
    inner = pa.struct([_arrow_field(part) for part in field.fields]) if field.fields else _TYPES[field.kind]
    if field.mode == "REPEATED":  # never null in BigQuery either: an absent list is an empty one
        return pa.field(field.name, pa.list_(pa.field("element", inner, nullable=False)), nullable=False)
    return pa.field(field.name, inner, nullable=field.mode == "NULLABLE")
