"""Claims about conditions, and what a condition looks at: its fields, and the numbers it computes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from models.plan.conditions import (
    Among,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Holds,
    Known,
    Operand,
    Ref,
    Truth,
    simple_parts,
)
from models.plan.fields import Field


@dataclass(frozen=True, eq=False)
class Claim:
    """What is said of a condition: that it is certainly true, that it is not, or that it is certainly false."""

    condition: Condition
    says: Literal["met", "unmet", "false"] = "met"

    @cached_property
    def key(self) -> str:
        """Equal for equal claims."""
        return f"{self.says} {self.condition!r}"

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields that it looks at."""
        return frozenset(field.name for field in fields_named(self.condition))

    @cached_property
    def definitions(self) -> frozenset[str]:
        """By what names `Translator.definitions` has what holds of all that it looks at."""
        return self.names.union(map(computed_name, computed_in(self.condition)))

    @cached_property
    def curved(self) -> bool:
        """Whether it compares a number of which nothing is known but its parts."""
        return any(map(curved, computed_in(self.condition)))

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Claim) and self.key == other.key


def curved(operand: Arithmetic) -> bool:
    """Whether it multiplies or divides by what is not a constant."""
    varying = [_varies(side) for side in (operand.left, operand.right)]
    return all(varying) if operand.sign == "*" else operand.sign == "/" and varying[1]


def _varies(operand: Operand) -> bool:
    match operand:
        case Constant():
            return False
        case Ref():
            return True
        case Arithmetic(left=left, right=right):
            return _varies(left) or _varies(right)


def computed_name(operand: Arithmetic) -> str:
    """What the definitions of a computed number go by."""
    return repr(operand)


def fields_named(condition: Condition) -> frozenset[Field]:
    """The fields that a condition looks at."""
    return frozenset(part.field for part in _operands(condition) if isinstance(part, Ref))


def computed_in(condition: Condition) -> Iterator[Arithmetic]:
    """The computed numbers that a condition compares, parts of them included."""
    return (part for part in _operands(condition) if isinstance(part, Arithmetic))


def _operands(condition: Condition) -> Iterator[Operand]:
    """Every operand of a condition, those inside of sums included."""
    for simple in simple_parts(condition):
        yield from _operands_of(simple)


def _operands_of(simple: Condition) -> Iterator[Operand]:
    waiting: list[Operand] = []
    match simple:
        case Truth(field=field) | Known(field=field):
            waiting = [Ref(field)]
        case Compare(left=left, right=right):
            waiting = [left, right]
        case Among(item=item):
            waiting = [item]
        case Holds(field=field, item=item):
            waiting = [Ref(field), item]
    while waiting:
        operand = waiting.pop()
        yield operand
        if isinstance(operand, Arithmetic):
            waiting += [operand.left, operand.right]
