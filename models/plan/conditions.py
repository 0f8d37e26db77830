"""What a checked expression consists of: one class per thing that can be said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from models.plan.fields import Field

Comparison = Literal["==", "!=", "<", "<=", ">", ">="]
Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, string or truth value as written."""

    value: Value


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of a field."""

    field: Field


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A number computed from numbers, in floating point."""

    sign: Literal["+", "-", "*", "/"]
    left: Operand
    right: Operand


Operand = Constant | Ref | Arithmetic


@dataclass(frozen=True, slots=True)
class Always:
    """True or False, whatever the event."""

    value: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean field is true."""

    field: Field


@dataclass(frozen=True, slots=True)
class Known:
    """A field is not missing."""

    field: Field


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values of one type compare so."""

    sign: Comparison
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Among:
    """A value is one of these constants, sorted and without repeats."""

    item: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """A list field contains a string."""

    field: Field
    item: Operand


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some part is true."""

    parts: tuple[Condition, ...]


Condition = Always | Truth | Known | Compare | Among | Holds | Not | AllOf | AnyOf


def simple_parts(condition: Condition) -> Iterator[Condition]:
    """The conditions without parts that a condition is made of, in its order."""
    match condition:
        case Not(part=part):
            yield from simple_parts(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from simple_parts(part)
        case _:
            yield condition
