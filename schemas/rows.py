"""Contracts as rows: plain dicts whose columns are the derived table's, in any of its storages."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from schemas.derivation.fields import Field, Kind, fields_of

Row = dict[str, Any]
Contract = TypeVar("Contract", bound=msgspec.Struct)
_json_text = msgspec.json.Encoder().encode


@cache
def rows(contract: type[msgspec.Struct]) -> Callable[[msgspec.Struct], Row]:
    """The function that makes a row of one contract's structs.

    Datetimes and bytes stay what they are, enums become their names, and a map becomes a list of
    `{"key": name, "value": JSON text}`, sorted by name; the value null stays None. A null map is an empty list.
    """
    return _rows(contract, (datetime, bytes))


@cache
def json_rows(contract: type[msgspec.Struct]) -> Callable[[msgspec.Struct], Row]:
    """As `rows`, with times in ISO 8601 and bytes in base64: rows that JSON can carry."""
    return _rows(contract, ())


def _rows(contract: type[msgspec.Struct], kept: tuple[type, ...]) -> Callable[[msgspec.Struct], Row]:
    convert = _converter(fields_of(contract))

    def row(struct: msgspec.Struct) -> Row:
        plain: Row = msgspec.to_builtins(struct, builtin_types=kept)
        if convert:
            convert(plain)
        return plain

    return row


def from_row(contract: type[Contract], row: Mapping[str, Any]) -> Contract:
    """The struct that a row was made of, as Arrow and BigQuery give it back. Columns it does not know are left out.

    Raises:
      msgspec.ValidationError: The row is none of this contract.
    """
    return msgspec.convert(_restored(fields_of(contract), row), contract)


def _restored(fields: tuple[Field, ...], row: Mapping[str, Any]) -> Row:
    """The contract's own form of a row; null where null is no value of the field leaves it to its default."""
    found = {field.name: _value(field, row[field.name]) for field in fields if field.name in row}
    nullable = {field.name for field in fields if field.nullable}
    return {name: value for name, value in found.items() if value is not None or name in nullable}


def _value(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.kind is Kind.MAP:
        # A null map and an empty one are the same row.
        return _mapping(value) if value or not field.nullable else None
    if field.kind is Kind.RECORD:
        return (
            [_restored(field.fields, part) for part in value]
            if field.repeated
            else _restored(field.fields, value)
        )
    return value


def _mapping(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        entry["key"]: None if entry["value"] is None else msgspec.json.decode(entry["value"])
        for entry in entries
    }


def _converter(fields: tuple[Field, ...]) -> Callable[[Row], None] | None:
    """What turns the maps inside a dict with these fields into entries, in place; None if it has none."""
    steps = [step for step in (_step(field) for field in fields) if step]
    if not steps:
        return None

    def convert(row: Row) -> None:
        for name, step in steps:
            row[name] = step(row[name])

    return convert


def _step(field: Field) -> tuple[str, Callable[[Any], Any]] | None:
    if field.kind is Kind.MAP:
        return field.name, entries
    inner = _converter(field.fields)
    return (field.name, _inside(inner, field)) if inner else None


def _inside(convert: Callable[[Row], None], field: Field) -> Callable[[Any], Any]:
    def step(value: Any) -> Any:
        for row in value if field.repeated else [value] if value is not None else []:
            convert(row)
        return value

    return step


def entries(mapping: dict[str, Any] | None) -> list[Row]:
    """The entries that a map becomes, sorted by name; none of a null map."""
    return [
        {"key": key, "value": None if value is None else _json_text(value).decode()}
        for key, value in sorted((mapping or {}).items())
    ]
