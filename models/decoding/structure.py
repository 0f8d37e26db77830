"""Why a JSON object is not a contract: finds the first field that breaks it, and says which rule.

Runs only on what `msgspec.convert` has refused. It walks the same type information, so codes do not hang on the
wording of error texts.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from models.decoding.rejection import ROOT, Rejection, kind_but_whole, kind_of, refuse, step
from schemas import Reason
from schemas.common import Time

TIME_RULE = "expected an RFC 3339 time with an offset, e.g. 2026-11-21T09:30:00Z"

_info = cache(inspect.type_info)


def structure_fault(value: Any, contract: type[msgspec.Struct]) -> Rejection:
    """The first rule of `contract` that `value`, which it refused, breaks; fields in the contract's order."""
    rejections = _faults(_info(contract), value, ROOT)
    return next(rejections, None) or refuse(Reason.WRONG_TYPE, ROOT, f"not {contract.__name__}")


def _faults(wanted: inspect.Type, value: Any, path: str) -> Iterator[Rejection]:
    match wanted:
        case inspect.Metadata():
            yield from _faults(wanted.type, value, path)
        case inspect.UnionType():
            yield from _union_faults(wanted, value, path)
        case _ if not _fits(wanted, value):
            yield refuse(Reason.WRONG_TYPE, path, f"expected {_name(wanted)}, got {_kind(wanted, value)}")
        case inspect.StructType():
            yield from _struct_faults(wanted, value, path)
        case inspect.DictType():
            yield from _map_faults(wanted, value, path)
        case inspect.VarTupleType():
            yield from _length_faults(wanted, value, path, "elements")
            for position, item in enumerate(value):
                yield from _faults(wanted.item_type, item, f"{path}[{position}]")
        case _:
            yield from _scalar_faults(wanted, value, path)


def _union_faults(wanted: inspect.UnionType, value: Any, path: str) -> Iterator[Rejection]:
    for member in wanted.types:
        if _fits(member, value):
            yield from _faults(member, value, path)
            return
    names = [_name(member) for member in wanted.types]
    if "a number" in names and "a whole number" in names:
        names.remove("a whole number")
    expected = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    yield refuse(Reason.WRONG_TYPE, path, f"expected {expected}, got {_kind(_not_null(wanted), value)}")


def _struct_faults(wanted: inspect.StructType, value: Mapping[str, Any], path: str) -> Iterator[Rejection]:
    for field in wanted.fields:
        at = f"{path}.{field.encode_name}"
        if field.encode_name in value:
            yield from _faults(field.type, value[field.encode_name], at)
        elif field.required:
            yield refuse(Reason.MISSING_FIELD, at, "required")


def _map_faults(wanted: inspect.DictType, value: Mapping[str, Any], path: str) -> Iterator[Rejection]:
    for position, (key, item) in enumerate(value.items()):
        at = step(path, key, position) if isinstance(key, str) else f"{path}.[key {position + 1}]"
        for fault in _faults(wanted.key_type, key, at):
            yield Rejection(fault.reason, f"{fault.detail} in the key")
        yield from _faults(wanted.value_type, item, at)


def _scalar_faults(wanted: inspect.Type, value: Any, path: str) -> Iterator[Rejection]:
    match wanted:
        case inspect.StrType():
            yield from _length_faults(wanted, value, path, "characters")
        case inspect.IntType():
            yield from _range_faults(wanted, value, path)
        case inspect.FloatType():
            if abs(value) >= 2**1024:
                yield refuse(Reason.BAD_NUMBER, path, "beyond what a double can hold")
            yield from _range_faults(wanted, value, path)
        case inspect.DateTimeType():
            try:
                msgspec.convert(value, Time)
            except msgspec.ValidationError:
                yield refuse(Reason.BAD_TIME, path, TIME_RULE)
        case inspect.EnumType():
            names = [member.value for member in wanted.cls]
            if value not in names:
                yield refuse(Reason.UNKNOWN_VALUE, path, f"not one of {', '.join(map(str, names))}")


def _range_faults(
    wanted: inspect.IntType | inspect.FloatType, value: float, path: str
) -> Iterator[Rejection]:
    if wanted.ge is not None and value < wanted.ge:
        yield refuse(Reason.OUT_OF_RANGE, path, f"must be at least {wanted.ge}")
    if wanted.le is not None and value > wanted.le:
        yield refuse(Reason.OUT_OF_RANGE, path, f"must be at most {wanted.le}")


def _length_faults(
    wanted: inspect.StrType | inspect.VarTupleType, value: Any, path: str, unit: str
) -> Iterator[Rejection]:
    low, high = wanted.min_length or 0, wanted.max_length
    if len(value) < low or (high is not None and len(value) > high):
        rule = f"must be at least {low} {unit}" if high is None else f"must be {low} to {high} {unit}"
        yield refuse(Reason.OUT_OF_RANGE, path, rule)


_CLASSES: dict[type[inspect.Type], tuple[type, ...]] = {
    inspect.NoneType: (type(None),),
    inspect.BoolType: (bool,),
    inspect.IntType: (int,),
    inspect.FloatType: (int, float),
    inspect.StrType: (str,),
    inspect.EnumType: (str,),
    inspect.DateTimeType: (str, datetime),
    inspect.VarTupleType: (list, tuple),
    inspect.DictType: (dict,),
    inspect.StructType: (dict,),
}
_NAMES: dict[type[inspect.Type], str] = {
    inspect.NoneType: "null",
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text",
    inspect.EnumType: "text",
    inspect.DateTimeType: "a time as text",
    inspect.VarTupleType: "an array",
    inspect.DictType: "an object",
    inspect.StructType: "an object",
}


def _bare(wanted: inspect.Type) -> inspect.Type:
    return _bare(wanted.type) if isinstance(wanted, inspect.Metadata) else wanted


def _fits(wanted: inspect.Type, value: Any) -> bool:
    """Whether a value is of the JSON type that is wanted; true and false are no numbers."""
    classes = _CLASSES[type(_bare(wanted))]
    return isinstance(value, classes) and (bool in classes or not isinstance(value, bool))


def _name(wanted: inspect.Type) -> str:
    return _NAMES[type(_bare(wanted))]


def _not_null(wanted: inspect.UnionType) -> inspect.Type:
    return next(member for member in wanted.types if not isinstance(member, inspect.NoneType))


def _kind(wanted: inspect.Type, value: Any) -> str:
    return kind_but_whole(value) if isinstance(_bare(wanted), inspect.IntType) else kind_of(value)
