"""From conditions to Python source: the fast form of three-valued logic.

A condition is emitted in one of two plain boolean forms, *certainly true* or *certainly false*; `not` swaps
them, and what is unknown is neither. So no third value exists at run time: a missing number is NaN, which no
comparison holds for, and any other missing value is None, which is checked only where an operator needs it.
"""

import math
from collections.abc import Mapping
from typing import Any

from models.plan.conditions import (
    AllOf,
    Always,
    Among,
    AnyOf,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Holds,
    Known,
    Not,
    Operand,
    Ref,
    Truth,
    Value,
)
from models.plan.fields import Field
from models.plan.syntax import kind_of

_INVERSE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_HELPERS = {"+": "_add", "-": "_subtract", "*": "_multiply", "/": "_divide"}


class Emitter:
    """Emits conditions of one function, and the code that reads the fields they use.

    Args:
      roots: Python source of each root local, e.g. {"attributes": "event.attributes"}.
      fixed: Fields whose value is known when compiling; None: missing.
    """

    def __init__(self, roots: Mapping[str, str], fixed: Mapping[str, Value | None] | None = None) -> None:
        self._roots = roots
        self._fixed = fixed or {}
        self._locals: dict[Field, str] = {}

    def certainly(self, condition: Condition, wanted: bool = True) -> str:
        """Source that is True exactly if `condition` is certainly `wanted`."""
        match condition:
            case Always(value=value):
                source = str(value is wanted)
            case Not(part=part):
                source = self.certainly(part, not wanted)
            case AllOf(parts=parts):
                source = _joined([self.certainly(part, wanted) for part in parts], every=wanted)
            case AnyOf(parts=parts):
                source = _joined([self.certainly(part, wanted) for part in parts], every=not wanted)
            case Truth(field=field):
                source = self._truth(field, wanted)
            case Known(field=field):
                source = self._known(field, wanted)
            case Among(item=item, values=values):
                source = self._among(item, values, wanted)
            case Holds(field=field, item=item):
                source = self._holds(field, item, wanted)
            case Compare(sign=sign, left=left, right=right):
                source = self._compare(sign if wanted else _INVERSE[sign], left, right)
        return source

    def prologue(self) -> list[str]:
        """Statements that read every field used so far into its local, once."""
        used = dict.fromkeys(field.root for field in self._locals)
        lines = [f"{root} = {self._roots[root]}" for root in used if root in self._roots]
        for field, local in self._locals.items():
            lines.append(f"{local} = {field.read}")
            lines += _retyped(field, local)
        return lines

    def _operand(self, operand: Operand) -> str | None:
        """Source of the value; None if it is certainly missing."""
        match operand:
            case Constant(value=constant):
                return repr(constant)
            case Ref(field=field) if field.name in self._fixed:
                value = self._fixed[field.name]
                return None if value is None else repr(value)
            case Ref(field=field):
                return self._locals.setdefault(field, f"v{len(self._locals)}")
            case Arithmetic(sign=sign, left=left, right=right):
                parts = self._operand(left), self._operand(right)
                return None if None in parts else f"{_HELPERS[sign]}({parts[0]}, {parts[1]})"

    def _truth(self, field: Field, wanted: bool) -> str:
        value = self._operand(Ref(field))
        return "False" if value is None else f"{value} is {wanted}"

    def _known(self, field: Field, wanted: bool) -> str:
        value = self._operand(Ref(field))
        if value is None or field.name in self._fixed:
            return str((value is not None) is wanted)
        if field.numeric:
            return f"{value} {'==' if wanted else '!='} {value}"
        return f"{value} is {'not ' if wanted else ''}None"

    def _among(self, item: Operand, values: tuple[Value, ...], wanted: bool) -> str:
        value = self._operand(item)
        if value is None:
            return "False"
        if value[0] in "'\"":
            return str((value in map(repr, values)) is wanted)
        inside = f"{value} in {{{', '.join(map(repr, values))}}}"
        if wanted:
            return inside
        present = f"{value} == {value}" if kind_of(item) == "number" else f"{value} is not None"
        return f"({present} and not {inside})" if self._may_lack(item) else f"not {inside}"

    def _holds(self, field: Field, item: Operand, wanted: bool) -> str:
        whole, value = self._operand(Ref(field)), self._operand(item)
        if whole is None or value is None:
            return "False"
        checks = [f"{whole} is not None"]
        if self._may_lack(item):
            checks.append(f"{value} is not None")
        return f"({' and '.join(checks)} and {value} {'in' if wanted else 'not in'} {whole})"

    def _compare(self, sign: str, left: Operand, right: Operand) -> str:
        one, other = self._operand(left), self._operand(right)
        if one is None or other is None:
            return "False"
        kind = kind_of(left)
        if kind == "number":
            return f"({one} < {other} or {one} > {other})" if sign == "!=" else f"{one} {sign} {other}"
        if kind == "boolean":
            return _same_truth(one, other, sign == "==")
        if one[0] in "'\"" and other[0] in "'\"":
            return str((one == other) is (sign == "=="))
        checks = [
            f"{value} is not None"
            for value, operand in ((one, left), (other, right))
            if self._may_lack(operand)
        ]
        if sign == "==":
            checks = checks[:1] if len(checks) == 2 else []  # None equals no string, but another None
        return f"({' and '.join([*checks, f'{one} {sign} {other}'])})" if checks else f"{one} {sign} {other}"

    def _may_lack(self, operand: Operand) -> bool:
        match operand:
            case Constant():
                return False
            case Ref(field=field):
                return field.name not in self._fixed and (field.numeric or not field.always)
        return True


def helpers() -> dict[str, Any]:
    """The names that emitted code refers to."""
    return {
        "_NAN": math.nan,
        "_add": _add,
        "_subtract": _subtract,
        "_multiply": _multiply,
        "_divide": _divide,
    }


def define(name: str, arguments: str, body: list[str], names: Mapping[str, Any]) -> Any:
    """The function `name`, compiled from the source of its body.

    The source is all our own: nothing of a plan is in it but constants and keys, quoted by `repr`.
    """
    source = f"def {name}({arguments}):\n" + "\n".join(f"    {line}" for line in body) + "\n"
    scope: dict[str, Any] = {**helpers(), **names}
    exec(compile(source, f"<plan {name}>", "exec"), scope)
    return scope[name]


def _joined(parts: list[str], *, every: bool) -> str:
    """`a and b` or `a or b`, without the parts that do not matter."""
    neutral, final, word = ("True", "False", " and ") if every else ("False", "True", " or ")
    kept = list(dict.fromkeys(part for part in parts if part != neutral))
    if final in kept:
        return final
    if len(kept) <= 1:
        return kept[0] if kept else neutral
    return f"({word.join(kept)})"


def _same_truth(one: str, other: str, same: bool) -> str:
    """Two truth values are the same, or are not; written so that nothing but True and False counts."""
    constants = {"True", "False"}
    if one in constants or other in constants:
        constant, value = (one, other) if one in constants else (other, one)
        return f"{value} is {(constant == 'True') is same}"
    flipped = other if same else f"(not {other})"
    return (
        f"({one} is True or {one} is False) and ({other} is True or {other} is False) and {one} is {flipped}"
    )


def _retyped(field: Field, local: str) -> list[str]:
    """Make a missing number NaN, and a value of another type missing."""
    if field.typed:
        return [f"if {local} is None: {local} = _NAN"] if field.numeric and not field.always else []
    match field.type:
        case "integer" | "number":
            return [f"if {local}.__class__ is not int and {local}.__class__ is not float: {local} = _NAN"]
        case "string":
            return [f"if {local}.__class__ is not str: {local} = None"]
        case "strings":
            return [f"if {local}.__class__ is not tuple and {local}.__class__ is not list: {local} = None"]
        case "boolean":
            return [f"if {local} is not True and {local} is not False: {local} = None"]


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond any float: nothing sensible can be computed from it
        return math.nan


def _add(one: float, other: float) -> float:
    return _float(one) + _float(other)


def _subtract(one: float, other: float) -> float:
    return _float(one) - _float(other)


def _multiply(one: float, other: float) -> float:
    return _float(one) * _float(other)


def _divide(one: float, other: float) -> float:
    return _float(one) / _float(other) if other else math.nan
