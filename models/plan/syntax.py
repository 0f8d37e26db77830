"""From the text of an expression to a checked, typed condition.

The language is a small part of Python's: field references (`customer.age`, or `customer['marital status']`
where a name is no Python name), constants, comparisons (chains too), `in` and `not in`, `and`, `or`, `not`,
`+ - * /` on numbers, and `known(field)`. There are no other calls, and text, nesting and size are bounded:
the worst that a hostile plan can do is to be refused.
"""

import ast
from collections.abc import Mapping

from models.plan.conditions import (
    AllOf,
    Always,
    Among,
    AnyOf,
    Arithmetic,
    Compare,
    Comparison,
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
from models.plan.fields import Field, FieldTable
from models.plan.syntax_tree import ExpressionError, syntax_tree
from models.plan.wording import listing, nearest

__all__ = ["ExpressionError", "kind_of", "parse"]

_SIGNS: Mapping[type[ast.cmpop], Comparison] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_WORDS = {"true": True, "false": False}
_DECLARED = {
    "customer": "vocabulary.customer",
    "signal.attributes": "vocabulary.attributes",
    "request.attributes": "vocabulary.attributes",
    "feature": "features",
}


def parse(text: str, table: FieldTable) -> Condition:
    """The condition that `text` states over the fields of `table`.

    Raises:
      ExpressionError: It is no expression, too large, or names or compares what it cannot.
    """
    return _Checker(table).condition(syntax_tree(text))


class _Checker:
    """Turns syntax into conditions, refusing what has no meaning."""

    def __init__(self, table: FieldTable) -> None:
        self._fields = table.fields
        self._prefixes = table.prefixes

    def condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return AllOf(tuple(self.condition(part) for part in parts))
            case ast.BoolOp(values=parts):
                return AnyOf(tuple(self.condition(part) for part in parts))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return Not(self.condition(part))
            case ast.Compare():
                return self._chain(node)
            case ast.Call():
                return self._known(node)
            case _:
                return self._alone(node)

    def _alone(self, node: ast.expr) -> Condition:
        """An operand where a condition is needed: only a truth value will do."""
        match self.operand(node):
            case Constant(value=bool() as value):
                return Always(value)
            case Ref(field=field) if field.type == "boolean":
                return Truth(field)
            case Ref(field=field):
                raise ExpressionError(
                    f"{field.name} alone is a {field.type}, not a condition",
                    f"compare it, or write known({field.name})",
                )
            case _:
                raise ExpressionError(
                    f"`{ast.unparse(node)[:80]}` is not a condition", "compare it with something"
                )

    def _chain(self, node: ast.Compare) -> Condition:
        terms = [node.left, *node.comparators]
        parts = tuple(
            self._comparison(left, sign, right)
            for left, sign, right in zip(terms, node.ops, terms[1:], strict=False)
        )
        return parts[0] if len(parts) == 1 else AllOf(parts)

    def _comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Condition:
        match sign:
            case ast.In():
                return self._membership(left, right)
            case ast.NotIn():
                return Not(self._membership(left, right))
            case ast.Is() | ast.IsNot():
                raise ExpressionError("`is` compares nothing here", "write `==`, or known(field)")
        return self._compare(_SIGNS[type(sign)], self.operand(left), self.operand(right))

    def _compare(self, sign: Comparison, left: Operand, right: Operand) -> Condition:
        kind, other = kind_of(left), kind_of(right)
        if kind == "strings" or other == "strings":
            what = f"{_say(left)} compared with {_say(right)}"
            raise ExpressionError(what, "for a list, write `'value' in list`")
        if kind != other:
            raise ExpressionError(f"{_say(left)} compared with {_say(right)}", _conversion(left, right))
        if kind != "number" and sign not in {"==", "!="}:
            raise ExpressionError(
                f"{_say(left)} ordered by `{sign}`", "only numbers have an order; use == or in"
            )
        if isinstance(left, Constant) and isinstance(right, Constant):
            raise ExpressionError("two constants compared", "put a field on one side")
        self._possible(left, right)
        return Compare(sign, left, right)

    def _membership(self, left: ast.expr, right: ast.expr) -> Condition:
        item = self.operand(left)
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            return self._among(item, [self.operand(element) for element in right.elts])
        whole = self.operand(right)
        if not isinstance(whole, Ref) or whole.field.type != "strings":
            raise ExpressionError(
                f"`in {ast.unparse(right)[:80]}`", "after `in` write ('a', 'b') or a list field"
            )
        if kind_of(item) != "string":
            raise ExpressionError(f"{_say(item)} sought in {whole.field.name}", "its items are strings")
        self._possible(item, whole)
        return Holds(whole.field, item)

    def _among(self, item: Operand, values: list[Operand]) -> Condition:
        if isinstance(item, Constant) or not values:
            raise ExpressionError("`in` that is always the same", "write field in ('a', 'b')")
        for value in values:
            if not isinstance(value, Constant):
                raise ExpressionError(
                    f"{_say(value)} in a list of values", "list constants; join fields by `or`"
                )
            if kind_of(value) != kind_of(item):
                raise ExpressionError(f"{_say(item)} compared with {_say(value)}", _conversion(item, value))
            self._possible(item, value)
        return Among(item, tuple(sorted({value.value for value in values if isinstance(value, Constant)})))

    def _known(self, node: ast.Call) -> Condition:
        name = ast.unparse(node.func)
        if name != "known":
            raise ExpressionError(f"call of `{name[:60]}`", "the only function is known(field)")
        argument = self.operand(node.args[0]) if len(node.args) == 1 and not node.keywords else None
        if not isinstance(argument, Ref):
            raise ExpressionError(
                "known() of something else than one field", "write e.g. known(customer.age)"
            )
        return Known(argument.field)

    def operand(self, node: ast.expr) -> Operand:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return Constant(_finite(value))
            case ast.Constant(value=None):
                raise ExpressionError("comparison with None", "write known(field) or not known(field)")
            case ast.Name(id=word) if word in _WORDS:
                return Constant(_WORDS[word])
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return Ref(self._field(_dotted(node)))
            case ast.BinOp(op=sign, left=left, right=right) if type(sign) in _ARITHMETIC:
                return self._arithmetic(_ARITHMETIC[type(sign)], left, right)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return self._negative(part)
            case ast.BoolOp() | ast.Compare() | ast.Call() | ast.UnaryOp(op=ast.Not()):
                what = f"the condition `{ast.unparse(node)[:80]}` used as a value"
                raise ExpressionError(what, "combine conditions with and, or, not")
        remedy = "use fields, constants, comparisons, in, and, or, not, + - * / and known()"
        raise ExpressionError(f"`{ast.unparse(node)[:80]}` is not part of the language", remedy)

    def _arithmetic(self, sign: str, left: ast.expr, right: ast.expr) -> Operand:
        parts = self.operand(left), self.operand(right)
        for part in parts:
            if kind_of(part) != "number":
                raise ExpressionError(f"`{sign}` on {_say(part)}", "compute with numbers only")
        return Arithmetic(sign, *parts)  # type: ignore[arg-type]

    def _negative(self, part: ast.expr) -> Operand:
        operand = self.operand(part)
        if kind_of(operand) != "number":
            raise ExpressionError(f"`-` on {_say(operand)}", "compute with numbers only")
        if isinstance(operand, Constant):
            return Constant(-operand.value)  # type: ignore[operator]
        return Arithmetic("-", Constant(0.0), operand)

    def _field(self, name: str) -> Field:
        if (field := self._fields.get(name)) is not None:
            return field
        prefix = name.rpartition(".")[0]
        siblings = [known for known in self._fields if known.rpartition(".")[0] == prefix]
        raise ExpressionError(f"unknown field {name}", self._remedy(name, prefix, siblings))

    def _remedy(self, name: str, prefix: str, siblings: list[str]) -> str:
        last_words = {known.removeprefix(f"{prefix}."): known for known in siblings}
        if (close := nearest(name.removeprefix(f"{prefix}."), last_words)) is not None:
            return f"did you mean {last_words[close]}?"
        if prefix in self._prefixes and prefix in _DECLARED:
            return f"declare it under {_DECLARED[prefix]}"
        meant = f"{nearest(prefix, self._prefixes)}.{name.rpartition('.')[2]}"
        if meant in self._fields:
            return f"did you mean {meant}?"
        visible = siblings or [f"{known}.*" for known in self._prefixes]
        return f"known here: {listing(visible)}"

    def _possible(self, left: Operand, right: Operand) -> None:
        """Refuse a constant that the field on the other side can never hold."""
        for one, other in ((left, right), (right, left)):
            if not isinstance(one, Ref) or not isinstance(other, Constant):
                continue
            if one.field.one_of and other.value not in one.field.one_of:
                close = nearest(str(other.value), one.field.one_of)
                hint = f"did you mean {close!r}? " if close else ""
                raise ExpressionError(
                    f"{one.field.name} is never {other.value!r}", f"{hint}known: {listing(one.field.one_of)}"
                )


def kind_of(operand: Operand) -> str:
    """number, string, boolean or strings."""
    match operand:
        case Ref(field=field):
            return "number" if field.numeric else field.type
        case Constant(value=bool()):
            return "boolean"
        case Constant(value=str()):
            return "string"
    return "number"


def _finite(value: Value) -> Value:
    if not isinstance(value, bool | str) and abs(value) > 2**63:
        raise ExpressionError("number out of range", "write one between -2**63 and 2**63")
    return value


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                parts.append(name)
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() as name)):
                parts.append(name)
            case ast.Name(id=name):
                return ".".join([name, *reversed(parts)])
            case _:
                raise ExpressionError(f"`{ast.unparse(node)[:80]}` is not a field", "write e.g. customer.age")
        node = inner


def _say(operand: Operand) -> str:
    match operand:
        case Ref(field=field):
            return f"{field.name} ({field.type})"
        case Constant(value=value):
            return f"{value!r} ({kind_of(operand)})"
    return "a computed number"


def _conversion(left: Operand, right: Operand) -> str:
    """How to make the types of two operands fit."""
    for one, other in ((left, right), (right, left)):
        match one, kind_of(other):
            case Constant(value=str() as text), "number":
                return f"write the number without quotes: {text[:40]}"
            case Constant(value=str() as text), "boolean":
                return "a truth value is true or false, without quotes; or write the field alone"
            case Constant(value=value), "string":
                return f"quote it: {str(value)!r}"
    return "compare values of one type"
