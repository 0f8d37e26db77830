"""Hypothesis strategies for every contract, made from the same type information that decoding uses."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

INT64 = {"min_value": -(2**63), "max_value": 2**63 - 1}
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@cache
def contracts(contract: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any valid value of a contract, null and absent fields included."""
    return _of(inspect.type_info(contract))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.Metadata():
            return _of(info.type)
        case inspect.UnionType():
            return st.one_of(*(_of(member) for member in info.types))
        case inspect.StructType():
            required = {f.name: _of(f.type) for f in info.fields if f.required}
            optional = {f.name: _of(f.type) for f in info.fields if not f.required}
            return st.fixed_dictionaries(required, optional=optional).map(lambda values: info.cls(**values))
        case inspect.VarTupleType():
            return st.lists(_of(info.item_type), min_size=info.min_length or 0, max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(_of(info.key_type), _of(info.value_type), max_size=4)
        case inspect.EnumType():
            return st.sampled_from(list(info.cls))
        case inspect.StrType():
            return st.text(
                _CHARACTERS, min_size=info.min_length or 0, max_size=min(info.max_length or 20, 20)
            )
        case inspect.IntType():
            return st.integers(
                **{**INT64, "min_value": info.ge if info.ge is not None else INT64["min_value"]}
            )
        case inspect.FloatType():
            return st.floats(info.ge, info.le, allow_nan=False, allow_infinity=False)
        case inspect.DateTimeType():
            return TIMES
        case inspect.BoolType():
            return st.booleans()
        case inspect.BytesType():
            return st.binary(max_size=50)
        case inspect.NoneType():
            return st.none()
    raise TypeError(info)
