"""Contracts as Arrow columns, straight from the bytes of their coders.

Where the kernel is built, it reads the bytes into Arrow's buffers; else they are decoded, and `schemas.columns` makes
the table. It is the same table, except that the kernel does not check limits of fields: what it reads was written by
us a moment ago.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from schemas.arrow import arrow_schema
from schemas.columns import columns
from schemas.derivation.fields import Field, Kind, fields_of
from schemas.kernel import find

VERSION = 1
"""Of the compiled form that this module knows."""

Parts = Sequence[tuple[Any, ...]]
"""Per field what its arrays hold, as `schemas.kernel.unpacking` says it."""

Unpack = Callable[[Sequence[bytes]], Parts | None]
"""From the bytes of records to the parts of their columns; None: they are none of our coders'."""

_TEXTS = (Kind.STRING, Kind.BYTES)


@cache
def packed_columns(contract: type[msgspec.Struct]) -> Callable[[Sequence[bytes]], pa.Table]:
    """The function that makes a table, with the schema of the contract, of the bytes of its coder.

    It raises `msgspec.MsgspecError` for what are no bytes of the contract.
    """
    decode, table = msgspec.msgpack.Decoder(contract).decode, columns(contract)

    def decoded(records: Sequence[bytes]) -> pa.Table:
        return table([decode(record) for record in records])

    unpack, fields, schema = unpacker(contract), fields_of(contract), arrow_schema(contract)
    if unpack is None:
        return decoded

    def unpacked(records: Sequence[bytes]) -> pa.Table:
        parts = unpack(records)
        if parts is None:
            return decoded(records)
        return pa.Table.from_arrays(_arrays(fields, list(schema), parts), schema=schema)

    return unpacked


def unpacker(contract: type[msgspec.Struct]) -> Unpack | None:
    """What the kernel has instead of decoding records of a contract; None: nothing, or there is no kernel."""
    kernel, fields = find("unpacking", VERSION), fields_of(contract)
    if kernel is None or not all(map(_known, fields)):
        return None
    unpack: Unpack = kernel.Unpacker([_told(field) for field in fields]).unpack
    return unpack


def _known(field: Field) -> bool:
    """Whether the kernel can hold it: no list, and nothing but text in a map, may be null as a whole."""
    return not (field.repeated and field.nullable) and all(map(_known, field.fields))


def _told(field: Field) -> tuple[int, bool, bool, str, list[Any]]:
    """A field as the kernel is told of it."""
    kind = list(_KINDS).index(field.kind)
    return kind, field.nullable, field.repeated, field.name, [_told(inner) for inner in field.fields]


_KINDS = (
    Kind.STRING,
    Kind.INTEGER,
    Kind.FLOAT,
    Kind.BOOLEAN,
    Kind.TIMESTAMP,
    Kind.BYTES,
    Kind.RECORD,
    Kind.MAP,
)
"""In the order of the kernel's numbers."""


def _arrays(fields: Sequence[Field], arrow: Sequence[pa.Field], parts: Parts) -> list[pa.Array]:
    """Per field, the array of its values."""
    return [_array(field, kind.type, part) for field, kind, part in zip(fields, arrow, parts, strict=True)]


def _array(field: Field, kind: pa.DataType, part: tuple[Any, ...]) -> pa.Array:
    lists, starts, *_ = part
    if field.repeated or field.kind is Kind.MAP:
        values = _values(field, kind.value_type, part)
        return pa.Array.from_buffers(kind, lists, [None, pa.py_buffer(starts)], 0, children=[values])
    return _values(field, kind, part)


def _values(field: Field, kind: pa.DataType, part: tuple[Any, ...]) -> pa.Array:
    _, _, size, nulls, valid, ends, data, inner = part
    if field.fields:
        children = _arrays(field.fields, list(kind), inner)
        return pa.Array.from_buffers(kind, size, [None], 0, children=children)
    buffers = [valid, ends, data] if field.kind in _TEXTS else [valid, data]
    held = [None if buffer is None else pa.py_buffer(buffer) for buffer in buffers]
    return pa.Array.from_buffers(kind, size, held, nulls)
