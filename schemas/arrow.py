"""Contracts as Arrow: the Parquet schema whose columns are BigQuery's, by name, type and mode."""

from functools import cache

import msgspec
import pyarrow as pa

from schemas.derivation.fields import Field, Kind, fields_of
from schemas.rows import Row, from_row, rows

__all__ = ["Row", "arrow_schema", "from_row", "rows"]

_TYPES = {
    Kind.STRING: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.BYTES: pa.binary(),
}


@cache
def arrow_schema(contract: type[msgspec.Struct]) -> pa.Schema:
    """The schema of a contract's Parquet files; `rows(contract)` makes what fits it."""
    return pa.schema([_arrow_field(field) for field in fields_of(contract)])


def _arrow_field(field: Field) -> pa.Field:
    inner = pa.struct([_arrow_field(part) for part in field.fields]) if field.fields else _TYPES[field.kind]
    if field.mode == "REPEATED":  # never null in BigQuery either: an absent list is an empty one
        return pa.field(field.name, pa.list_(pa.field("element", inner, nullable=False)), nullable=False)
    return pa.field(field.name, inner, nullable=field.mode == "NULLABLE")
