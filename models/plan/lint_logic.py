"""Conditions as formulas for an SMT solver.

They are translated as `models.plan.emit` compiles them: every field has a value and a flag that says whether it is
known, and a condition is *met* only if it is certainly true. Declared ranges and lists of values, and what a feature
can come to, bound the values. Computed numbers are rounded as floating point rounds them; what is computed with is
taken to be below 2**100, and whole numbers below 2**53. A product or quotient of two facts can be any number:
to reason about such numbers can take forever.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import z3

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
)
from models.plan.fields import Field
from models.plan.lint_claims import Claim, computed_name, curved
from models.plan.lint_domains import Domain

Formula = Any
"""A z3 expression; its package says nothing about types."""

_STEPS = 500_000
_PATIENCE_MS = 20_000
"""No question takes as long, on any machine: it is there for what counts no steps."""
_ROUNDING = Fraction(1, 2**50)
_LEAST = Fraction(1, 2**1000)
_LARGEST = 2**100


class Value(NamedTuple):
    """An operand: what it is worth, and whether it is known."""

    worth: Formula
    known: Formula


class Translator:
    """Conditions as formulas. One name is one variable throughout."""

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self._context = z3.Context()
        self._domains = domains
        self._formulas: dict[Claim, Formula] = {}
        self._codes: dict[str, int] = {}
        self._values: dict[str, Value] = {}
        self._computed: dict[Operand, Value] = {}
        self.definitions: dict[str, list[Formula]] = {}
        """By name of a field, or text of a computed number: what holds of it in any case."""

    def solver(self) -> Formula:
        """A new solver, the same each time."""
        solver = z3.SimpleSolver(ctx=self._context)
        solver.set("random_seed", 0)
        solver.set("rlimit", _STEPS)
        solver.set("timeout", _PATIENCE_MS)
        return solver

    def formula(self, claim: Claim) -> Formula:
        """The claim as a formula, without the definitions of what it names."""
        if (formula := self._formulas.get(claim)) is None:
            formula = self.certainly(claim.condition, wanted=claim.says != "false")
            formula = self._formulas[claim] = z3.Not(formula) if claim.says == "unmet" else formula
        return formula

    def implication(self, premises: Sequence[Claim], conclusions: Sequence[Claim]) -> Formula:
        """Where all premises hold, all conclusions do."""
        return z3.Implies(
            z3.And([self.formula(claim) for claim in premises]),
            z3.And([self.formula(claim) for claim in conclusions]),
        )

    def certainly(self, condition: Condition, *, wanted: bool = True) -> Formula:
        """True exactly if `condition` is certainly `wanted`."""
        match condition:
            case Always(value=value):
                return self._truth(value is wanted)
            case Not(part=part):
                return self.certainly(part, wanted=not wanted)
            case AllOf(parts=parts) | AnyOf(parts=parts):
                inner = [self.certainly(part, wanted=wanted) for part in parts]
                every = isinstance(condition, AllOf) is wanted
                return z3.And(inner) if every else z3.Or(inner)
            case Known(field=field):
                known = self.field(field).known
                return known if wanted else z3.Not(known)
        return self._decided(condition, wanted)

    def _decided(self, condition: Truth | Compare | Among | Holds, wanted: bool) -> Formula:
        """A condition that is unknown if anything it looks at is."""
        match condition:
            case Truth(field=field):
                value = self.field(field)
                says, known = value.worth, [value.known]
            case Compare(sign=sign, left=left, right=right):
                one, other = self.operand(left), self.operand(right)
                says, known = _compared(sign, one.worth, other.worth), [one.known, other.known]
            case Among(item=item, values=values):
                value = self.operand(item)
                worths = [self.operand(Constant(constant)).worth for constant in values]
                says = z3.Or([_compared("==", value.worth, worth) for worth in worths])
                known = [value.known]
            case Holds(field=field, item=item):
                whole, value = self.field(field), self.operand(item)
                says, known = whole.worth(value.worth), [whole.known, value.known]
                self._bounded_membership(field, whole, value, item)
        return z3.And([*known, says if wanted else z3.Not(says)])

    def operand(self, operand: Operand) -> Value:
        """An operand's worth and whether it is known."""
        match operand:
            case Constant(value=bool() as truth):
                return Value(self._truth(truth), self._truth(True))
            case Constant(value=str() as text):
                return Value(self.code(text), self._truth(True))
            case Constant(value=number):
                return Value(
                    self._number(float(number) if isinstance(number, float) else int(number)),
                    self._truth(True),
                )
            case Ref(field=field):
                return self.field(field)
            case Arithmetic():
                return self._arithmetic(operand)

    def field(self, field: Field) -> Value:
        """The variables of a field."""
        if (value := self._values.get(field.name)) is None:
            domain = self._domains.get(field.name, Domain())
            known = self._truth(True) if field.always else z3.Bool(f"{field.name}?", self._context)
            value = self._values[field.name] = Value(self._variable(field, domain), known)
            self.definitions[field.name] = list(self._within(field, domain, value.worth))
        return value

    def code(self, text: str) -> Formula:
        """Texts are numbers to the solver: equal ones the same."""
        return z3.IntVal(self._codes.setdefault(text, len(self._codes)), self._context)

    def _variable(self, field: Field, domain: Domain) -> Formula:
        match field.type:
            case "boolean":
                return z3.Bool(field.name, self._context)
            case "string":
                return z3.Int(field.name, self._context)
            case "strings":
                integer = z3.IntSort(self._context)
                return z3.Function(field.name, integer, z3.BoolSort(self._context))
        if field.type == "integer" or domain.whole:
            return z3.Int(field.name, self._context)
        return z3.Real(field.name, self._context)

    def _within(self, field: Field, domain: Domain, worth: Formula) -> Iterator[Formula]:
        if field.type == "string" and field.one_of:
            yield z3.Or([worth == self.code(text) for text in field.one_of])
        if field.numeric:
            if domain.least is not None:
                yield worth >= self._number(domain.least)
            if domain.most is not None:
                yield worth <= self._number(domain.most)

    def _bounded_membership(self, field: Field, whole: Value, item: Value, operand: Operand) -> None:
        """A list with known values holds no other, whatever another field says."""
        if field.one_of and not isinstance(operand, Constant):
            among = z3.Or([item.worth == self.code(text) for text in field.one_of])
            known = self.definitions[field.name]
            rule = z3.Implies(whole.worth(item.worth), among)
            if all(not rule.eq(other) for other in known):
                known.append(rule)

    def _arithmetic(self, operand: Arithmetic) -> Value:
        """A number of its own, within rounding of the exact result."""
        if (value := self._computed.get(operand)) is not None:
            return value
        left, right = self.operand(operand.left), self.operand(operand.right)
        known = z3.And(left.known, right.known)
        if operand.sign == "/":
            known = z3.And(known, right.worth != 0)
        worth = z3.Real(f"={len(self._computed)}", self._context)
        value = self._computed[operand] = Value(worth, known)
        rules = list(self._rounded(operand, worth, _real(left.worth), _real(right.worth)))
        self.definitions[computed_name(operand)] = rules
        return value

    def _rounded(
        self, operand: Arithmetic, worth: Formula, left: Formula, right: Formula
    ) -> Iterator[Formula]:
        for part, side in ((operand.left, left), (operand.right, right)):
            if isinstance(part, Ref):
                yield z3.And(side <= _LARGEST, side >= -_LARGEST)
        if curved(operand):
            return
        exact = _exact(operand.sign, left, right)
        if _negation(operand) or (operand.sign != "/" and self._whole(operand)):
            yield worth == exact
            return
        if operand.sign in "+-":
            slack = self._number(_ROUNDING) * (_size(left) + _size(right))
        else:
            slack = self._number(_ROUNDING) * _size(exact) + self._number(_LEAST)
        near = z3.And(worth - exact <= slack, exact - worth <= slack)
        yield z3.Implies(right != 0, near) if operand.sign == "/" else near

    def _whole(self, operand: Operand) -> bool:
        match operand:
            case Constant(value=value):
                return float(value).is_integer()
            case Ref(field=field):
                return bool(z3.is_int(self.field(field).worth))
            case Arithmetic(sign=sign, left=left, right=right):
                return sign != "/" and self._whole(left) and self._whole(right)

    def _truth(self, value: bool) -> Formula:
        return z3.BoolVal(value, self._context)

    def _number(self, value: float | Fraction) -> Formula:
        exact = Fraction(value)
        if exact.denominator == 1:
            return z3.IntVal(exact.numerator, self._context)
        return z3.Q(exact.numerator, exact.denominator, self._context)


def _compared(sign: str, one: Formula, other: Formula) -> Formula:
    match sign:
        case "==":
            return one == other
        case "!=":
            return one != other
        case "<":
            return one < other
        case "<=":
            return one <= other
        case ">":
            return one > other
    return one >= other


def _exact(sign: str, left: Formula, right: Formula) -> Formula:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right


def _negation(operand: Arithmetic) -> bool:
    return operand.sign == "-" and operand.left == Constant(0.0)


def _real(worth: Formula) -> Formula:
    return z3.ToReal(worth) if z3.is_int(worth) else worth


def _size(worth: Formula) -> Formula:
    return z3.If(worth >= 0, worth, -worth)
