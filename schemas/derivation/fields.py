"""The walk: every contract as a tree of fields. All derived formats are views of this tree."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect


class Kind(StrEnum):
    """What a field holds, in BigQuery's names where it has one."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    FLOAT = "FLOAT"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP"
    BYTES = "BYTES"
    RECORD = "RECORD"
    MAP = "MAP"
    """Names to values of mixed types; in rows a list of `{key, value}`, the value as JSON text."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a contract, of whatever format."""

    name: str
    kind: Kind
    nullable: bool = False
    """Null is a value of it."""
    repeated: bool = False
    defaulted: bool = False
    """It may be absent, in bytes that are older than the field."""
    description: str = ""
    rule: str = ""
    """What values are allowed, in words; part of the contract."""
    record: str = ""
    """Name of the struct, for a RECORD."""
    fields: tuple["Field", ...] = ()

    @property
    def mode(self) -> str:
        """REQUIRED, NULLABLE or REPEATED. What has a default is nullable: rows older than it lack it."""
        if self.repeated or self.kind is Kind.MAP:
            return "REPEATED"
        return "NULLABLE" if self.nullable or self.defaulted else "REQUIRED"


MAP_ENTRY = (
    Field("key", Kind.STRING, description="Name."),
    Field("value", Kind.STRING, nullable=True, description="Value, as JSON text."),
)
"""The record that a map's entries become."""


@dataclass(slots=True)
class _Shape:
    """What has been found out about one annotation so far."""

    nullable: bool = False
    repeated: bool = False
    description: str = ""
    rules: list[str] = field(default_factory=list)


_SCALARS: dict[type, Kind] = {
    inspect.StrType: Kind.STRING,
    inspect.IntType: Kind.INTEGER,
    inspect.FloatType: Kind.FLOAT,
    inspect.BoolType: Kind.BOOLEAN,
    inspect.DateTimeType: Kind.TIMESTAMP,
    inspect.BytesType: Kind.BYTES,
}
_LIMITS = (
    ("min_length", "at least {} long"),
    ("max_length", "at most {} long"),
    ("ge", "at least {}"),
    ("gt", "more than {}"),
    ("le", "at most {}"),
    ("lt", "less than {}"),
    ("pattern", "matches {}"),
)


@cache
def fields_of(contract: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of a struct, in order, nested ones included.

    Raises:
      TypeError: A field has a type that no derived format can hold; the message names it.
    """
    info = inspect.type_info(contract)
    assert isinstance(info, inspect.StructType)
    return tuple(_field(contract, declared) for declared in info.fields)


def _field(contract: type, declared: inspect.Field) -> Field:
    shape = _Shape()
    inner = _peel(declared.type, shape)
    common: dict[str, Any] = {
        "name": declared.encode_name,
        "nullable": shape.nullable,
        "repeated": shape.repeated,
        "defaulted": not declared.required,
        "description": shape.description,
    }
    if isinstance(inner, inspect.DictType):
        return Field(
            kind=Kind.MAP, rule="; ".join([*shape.rules, _map_rule(inner)]), fields=MAP_ENTRY, **common
        )
    if isinstance(inner, inspect.StructType):
        record = inner.cls.__name__
        return Field(
            kind=Kind.RECORD,
            rule="; ".join(shape.rules),
            record=record,
            fields=fields_of(inner.cls),
            **common,
        )
    if isinstance(inner, inspect.EnumType):
        return Field(kind=Kind.STRING, rule=f"one of the names of {inner.cls.__name__}", **common)
    if type(inner) not in _SCALARS:
        raise TypeError(f"{contract.__name__}.{declared.name}: no derived format can hold {inner!r}")
    return Field(kind=_SCALARS[type(inner)], rule="; ".join([*shape.rules, *_limits(inner)]), **common)


def _peel(annotation: inspect.Type, shape: _Shape) -> inspect.Type:
    """Take off what wraps the type proper (descriptions, null, tuple) and note it in `shape`."""
    if isinstance(annotation, inspect.Metadata):
        shape.description = shape.description or (annotation.extra_json_schema or {}).get("description", "")
        return _peel(annotation.type, shape)
    if isinstance(annotation, inspect.UnionType):
        others = [member for member in annotation.types if not isinstance(member, inspect.NoneType)]
        shape.nullable |= len(others) < len(annotation.types)
        return _peel(others[0], shape) if len(others) == 1 else annotation
    if isinstance(annotation, inspect.VarTupleType) and not shape.repeated:
        shape.repeated = True
        shape.rules += [f"list {limit}" for limit in _limits(annotation)]
        return _peel(annotation.item_type, shape)
    return annotation


def _limits(annotation: inspect.Type) -> list[str]:
    stated = ((getattr(annotation, name, None), words) for name, words in _LIMITS)
    return [words.format(limit) for limit, words in stated if limit is not None]


def _map_rule(annotation: inspect.DictType) -> str:
    keys, values = _Shape(), _Shape()
    key = _peel(annotation.key_type, keys)
    value = _peel(annotation.value_type, values)
    members = value.types if isinstance(value, inspect.UnionType) else (value,)
    names = sorted(type(member).__name__.removesuffix("Type").lower() for member in members)
    return f"keys {', '.join(_limits(key)) or 'any'}; values {', '.join(names)}"


def classes_of(contract: type[msgspec.Struct]) -> dict[str, type]:
    """The class of each field that holds records or names of a closed list, by field."""
    info = inspect.type_info(contract)
    assert isinstance(info, inspect.StructType)
    inner = {declared.encode_name: _peel(declared.type, _Shape()) for declared in info.fields}
    return {
        name: kind.cls
        for name, kind in inner.items()
        if isinstance(kind, inspect.StructType | inspect.EnumType)
    }


def structs_of(contracts: tuple[type[msgspec.Struct], ...]) -> dict[str, type[msgspec.Struct]]:
    """The contracts and all structs inside of them, by name."""
    infos = inspect.multi_type_info(contracts)
    found: dict[str, type[msgspec.Struct]] = {}
    for part in (part for info in infos for part in _parts(info)):
        if isinstance(part, inspect.StructType):
            found[part.cls.__name__] = part.cls
    return dict(sorted(found.items()))


def enums_of(contracts: tuple[type[msgspec.Struct], ...]) -> dict[str, type[StrEnum]]:
    """The closed lists of names that the contracts use, by name."""
    found = {
        part.cls.__name__: part.cls
        for info in inspect.multi_type_info(contracts)
        for part in _parts(info)
        if isinstance(part, inspect.EnumType)
    }
    return dict(sorted(found.items()))  # type: ignore[arg-type]  # all enums of contracts are StrEnum


def _parts(annotation: inspect.Type) -> list[inspect.Type]:
    """`annotation` and every type inside of it."""
    if isinstance(annotation, inspect.StructType):
        inside: list[inspect.Type] = [declared.type for declared in annotation.fields]
    elif isinstance(annotation, inspect.Metadata):
        inside = [annotation.type]
    elif isinstance(annotation, inspect.UnionType):
        inside = list(annotation.types)
    elif isinstance(annotation, inspect.VarTupleType):
        inside = [annotation.item_type]
    elif isinstance(annotation, inspect.DictType):
        inside = [annotation.key_type, annotation.value_type]
    else:
        inside = []
    return [annotation, *(part for one in inside for part in _parts(one))]
