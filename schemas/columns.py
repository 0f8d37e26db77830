"""Contracts as Arrow columns: a table straight from structs, without a dict for each of their parts.

The table is the one that `schemas.rows` and `pa.Table.from_pylist` make, cell by cell. One decision has some sixty
structs inside; as dicts they cost more than the decision itself. Of records that are bytes already, and only pass
through, not even the structs are made (`schemas.unpacking`).
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from schemas.arrow import arrow_schema
from schemas.derivation.fields import Field, Kind, fields_of
from schemas.rows import entries

Column = Callable[[Sequence[Any]], pa.Array]
"""From the values of one field, of all records in turn, to their array."""


@cache
def columns(contract: type[msgspec.Struct]) -> Callable[[Sequence[msgspec.Struct]], pa.Table]:
    """The function that makes a table, with the schema of the contract, of structs of it.

    Raises:
      TypeError: A part of the contract may be null as a whole; no contract has one.
    """
    schema = arrow_schema(contract)
    parts = _parts(fields_of(contract), list(schema))

    def table(structs: Sequence[msgspec.Struct]) -> pa.Table:
        return pa.Table.from_arrays([column(structs) for column in parts], schema=schema)

    return table


def _parts(fields: Sequence[Field], arrow: Sequence[pa.Field]) -> list[Column]:
    """Per field, the function from structs to the array of its values."""
    return [_part(field, kind.type) for field, kind in zip(fields, arrow, strict=True)]


def _part(field: Field, kind: pa.DataType) -> Column:
    get, column = attrgetter(field.name), _column(field, kind)
    return lambda structs: column(list(map(get, structs)))


def _column(field: Field, kind: pa.DataType) -> Column:
    if field.kind is Kind.MAP:
        return lambda maps: pa.array(list(map(entries, maps)), kind)
    if field.kind is not Kind.RECORD:
        return lambda values: pa.array(values, kind)
    if field.repeated:
        return _repeated(_record(field, kind.value_type), kind)
    if field.nullable:
        raise TypeError(f"{field.name} may be null as a whole; columns hold no such record")
    return _record(field, kind)


def _record(field: Field, kind: pa.DataType) -> Column:
    inner = list(kind)
    parts = _parts(field.fields, inner)
    return lambda structs: pa.StructArray.from_arrays([column(structs) for column in parts], fields=inner)


def _repeated(record: Column, kind: pa.DataType) -> Column:
    def lists(values: Sequence[Sequence[Any]]) -> pa.Array:
        offsets = pa.array(accumulate(map(len, values), initial=0), pa.int32())
        return pa.ListArray.from_arrays(offsets, record(list(chain.from_iterable(values))), type=kind)

    return lists
