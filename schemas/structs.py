"""Contracts from Arrow columns: the way back from `schemas.columns`, as fast.

The structs are those that `schemas.rows.from_row` makes of the same rows, except that limits of their fields are not
checked: what is read here was written by us, and who doubts that compares (`models.audit`).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import msgspec
import pyarrow as pa

from schemas.derivation.fields import Field, Kind, classes_of, fields_of

Values = Callable[[pa.Array], list[Any]]
"""From the array of one field, of all records in turn, to its values."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def structs(contract: type[msgspec.Struct]) -> Callable[[pa.RecordBatch], list[Any]]:
    """The function that makes structs of a batch of rows. Columns that a file lacks are at their defaults.

    It raises `ValueError` where a column holds what its field cannot: an unknown name, text that is no UTF-8.
    """
    read = _record(contract)
    return lambda batch: read(batch.to_struct_array())


def _record(contract: type[msgspec.Struct]) -> Values:
    classes = classes_of(contract)
    parts = [(field.name, _nulls_to_default(contract, field, classes)) for field in fields_of(contract)]
    make = _maker(contract)

    def read(array: pa.StructArray) -> list[Any]:
        names = {array.type.field(index).name for index in range(array.type.num_fields)}
        columns = zip(array.type, array.flatten(), strict=True)
        found = {field.name: column for field, column in columns}
        size = len(array)
        values = [
            part(found[name]) if name in names else _absent(contract, name, size) for name, part in parts
        ]
        return list(map(make, *values)) if size else []

    return read


def _maker(contract: type[msgspec.Struct]) -> Callable[..., Any]:
    """The constructor with positional arguments; a generated one takes half the time of a dict of keywords."""
    names = [field.name for field in fields_of(contract)]
    arguments = ", ".join(f"{name}={name}" for name in names)
    maker: Callable[..., Any] = eval(
        f"lambda {', '.join(names)}: contract({arguments})", {"contract": contract}
    )
    return maker


def _absent(contract: type[msgspec.Struct], name: str, size: int) -> list[Any]:
    default = _default(contract, name)
    if default is msgspec.NODEFAULT:
        raise ValueError(f"the column {name!r} of {contract.__name__} is missing")
    return [default] * size


def _default(contract: type[msgspec.Struct], name: str) -> Any:
    field = next(field for field in msgspec.structs.fields(contract) if field.name == name)
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _nulls_to_default(contract: type[msgspec.Struct], field: Field, classes: dict[str, type]) -> Values:
    """The values of a field; null where null is no value of it stands for its default: the row is older."""
    read = _values(field, classes.get(field.name))
    if field.nullable or field.repeated or field.kind in {Kind.MAP, Kind.RECORD}:
        return read

    def filled(array: pa.Array) -> list[Any]:
        values = read(array)
        if array.null_count:
            default = _default(contract, field.name)
            if default is msgspec.NODEFAULT:
                raise ValueError(f"{field.name!r} of {contract.__name__} is null")
            return [default if value is None else value for value in values]
        return values

    return filled


def _values(field: Field, known: type | None) -> Values:
    if field.kind is Kind.MAP:
        return _nullable_maps if field.nullable else _maps
    if field.kind is Kind.RECORD:
        assert known is not None
        read = _record(known)
    else:
        read = _scalars(field.kind, known)
    return _lists(read) if field.repeated else read


def _lists(read: Values) -> Values:
    def lists(array: pa.ListArray) -> list[Any]:
        items = read(array.flatten())
        offsets = array.offsets.to_numpy()
        return [tuple(items[start:end]) for start, end in pairwise((offsets - offsets[0]).tolist())]

    return lists


def _scalars(kind: Kind, known: type | None) -> Values:
    if kind is Kind.STRING:
        return lambda array: _names(array, known)
    if kind is Kind.TIMESTAMP:
        return lambda array: [None if at is None else moment(at) for at in _numbers(array.cast(pa.int64()))]
    return pa.Array.to_pylist if kind is Kind.BYTES else _numbers


def _names(array: pa.StringArray, known: type | None) -> list[Any]:
    """Texts, each distinct one made once."""
    coded = array.dictionary_encode()
    distinct: list[Any] = coded.dictionary.to_pylist()
    if known is not None:
        distinct = [known(name) for name in distinct]
    codes = coded.indices.fill_null(len(distinct)) if array.null_count else coded.indices
    return list(map([*distinct, None].__getitem__, codes.to_numpy(zero_copy_only=False).tolist()))


def _numbers(array: pa.Array) -> list[Any]:
    if array.null_count == len(array):
        return [None] * len(array)
    if not array.null_count:
        values: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
        return values
    known: Iterator[Any] = iter(array.drop_null().to_numpy(zero_copy_only=False).tolist())
    return [next(known) if valid else None for valid in _numbers(array.is_valid())]


@lru_cache(4096)
def moment(at: int) -> datetime:
    """The UTC time, from microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=at)


def _maps(array: pa.ListArray) -> list[Any]:
    entries = array.flatten()
    keys, texts = (_names(entries.field(name), None) for name in ("key", "value"))
    values = [None if text is None else _from_json(text) for text in texts]
    offsets = array.offsets.to_numpy()
    bounds = pairwise((offsets - offsets[0]).tolist())
    return [dict(zip(keys[start:end], values[start:end], strict=True)) for start, end in bounds]


def _nullable_maps(array: pa.ListArray) -> list[Any]:
    """A null map and an empty one are the same row."""
    return [found or None for found in _maps(array)]


_json = msgspec.json.Decoder()


def _from_json(text: str) -> Any:
    return _json.decode(text)
