"""What holds of every request for a decision, whatever the customer: how its fields hang together.

A request that a trigger makes asks for just that trigger's placements, comes of a signal that meets its condition and
none before it, and what the signal said is what the request says. A feature that repeats a fact is that fact.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from models.plan.conditions import (
    AllOf,
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
from models.plan.fields import Field, FieldTable, Scope, fields_of
from models.plan.lint_claims import Claim
from models.plan.spec import FeatureSpec, PlanSpec, TriggerSpec

Parse = Callable[[str, Scope], Condition]
Claims = tuple[Claim, ...]


class Axiom(NamedTuple):
    """Where all premises hold, all conclusions do. It matters once a field of `about` is named."""

    about: frozenset[str]
    premises: Claims
    conclusions: Claims

    @property
    def claims(self) -> Claims:
        """Everything that it is made of."""
        return self.premises + self.conclusions


def axioms_of(spec: PlanSpec, parse: Parse) -> Iterator[Axiom]:
    """All axioms of a plan, over the fields of decisions and those of the signal that asks."""
    table = fields_of(spec, Scope.DECISION)
    yield from _of_triggers(spec, table, parse)
    for feature in spec.features:
        yield from _of_feature(feature, table)


def as_request(condition: Condition, table: FieldTable) -> Condition:
    """The condition of a trigger, as one of the request that it makes: `signal.page` is `request.page`."""
    match condition:
        case Not(part=part):
            return Not(as_request(part, table))
        case AllOf(parts=parts):
            return AllOf(tuple(as_request(part, table) for part in parts))
        case AnyOf(parts=parts):
            return AnyOf(tuple(as_request(part, table) for part in parts))
    return _simple(condition, table)


def _simple(condition: Condition, table: FieldTable) -> Condition:
    match condition:
        case Truth(field=field) | Known(field=field):
            return replace(condition, field=_asking(field, table))
        case Compare(left=left, right=right):
            return replace(condition, left=_operand(left, table), right=_operand(right, table))
        case Among(item=item):
            return replace(condition, item=_operand(item, table))
        case Holds(field=field, item=item):
            return replace(condition, field=_asking(field, table), item=_operand(item, table))
    return condition


def _operand(operand: Operand, table: FieldTable) -> Operand:
    match operand:
        case Ref(field=field):
            return Ref(_asking(field, table))
        case Arithmetic(sign=sign, left=left, right=right):
            return Arithmetic(sign, _operand(left, table), _operand(right, table))
    return operand


def _asking(field: Field, table: FieldTable) -> Field:
    return table.get(field.name.replace("signal.", "request.", 1), field)


def _of_triggers(spec: PlanSpec, table: FieldTable, parse: Parse) -> Iterator[Axiom]:
    """Each trigger by itself, so that only those that a condition can mean are looked at."""
    trigger = Ref(table["request.trigger"])
    about = frozenset({"request.trigger", "request.placements"})
    earlier: list[Claim] = []
    for each in spec.triggers:
        when = as_request(parse(each.when, Scope.TRIGGER), table)
        asked = Claim(Compare("==", trigger, Constant(each.id)))
        met = (Claim(when), *earlier, *map(Claim, _asks(each, spec, table)))
        yield Axiom(about, (asked,), met)
        earlier.append(Claim(when, "unmet"))


def _asks(trigger: TriggerSpec, spec: PlanSpec, table: FieldTable) -> Iterator[Condition]:
    """Exactly the trigger's placements, and the direction of the first."""
    whole = table["request.placements"]
    for name in spec.placements:
        holds = Holds(whole, Constant(name))
        yield holds if name in trigger.placements else Not(holds)
    channel = spec.placements[trigger.placements[0]].channel
    if channel is not None:
        direction = Constant(spec.channels[channel].direction.value)
        yield Compare("==", Ref(table["request.direction"]), direction)


def _of_feature(feature: FeatureSpec, table: FieldTable) -> Iterator[Axiom]:
    source = _repeated(feature, table)
    match feature.kind:
        case "number" if source is not None and source.numeric:
            yield from _equal(table[f"feature.{feature.name}"], source, feature.default)
        case "number" if source is not None and source.type == "boolean":
            yield from _flag(table[f"feature.{feature.name}"], Truth(source), source, feature.default)
        case "one_hot" if source is not None:
            for value in feature.values:
                is_value = _is_one(source, value)
                if is_value is not None:
                    yield from _shown(table[f"feature.{feature.name}_{value}"], is_value)
        case "time_of_day" if feature.part in {"hour", "weekday"}:
            yield from _equal(table[f"feature.{feature.name}"], table[f"request.{feature.part}"], 0.0)
        case "time_of_day" if feature.part == "weekend":
            late = Compare(">=", Ref(table["request.weekday"]), Constant(5))
            yield from _shown(table[f"feature.{feature.name}"], late)


def _repeated(feature: FeatureSpec, table: FieldTable) -> Field | None:
    """The fact of the customer, or of the event that asks, that the feature repeats."""
    name = (feature.of or "").replace("signal.", "request.", 1)
    return table.get(name) if feature.kind in {"number", "one_hot"} else None


def _is_one(source: Field, value: str) -> Condition | None:
    if source.type == "strings":
        return Holds(source, Constant(value))
    return Compare("==", Ref(source), Constant(value)) if source.type == "string" else None


def _equal(column: Field, source: Field, default: float) -> Iterator[Axiom]:
    """The column is the fact where it is known and no conversion rounds it, else the default."""
    about, known = frozenset({column.name}), Claim(Known(source))
    small = [Compare("<=", Ref(source), Constant(2**53)), Compare(">=", Ref(source), Constant(-(2**53)))]
    same = Claim(Compare("==", Ref(column), Ref(source)))
    yield Axiom(about, (known, *map(Claim, small)), (same,))
    if not source.always:
        otherwise = Claim(Compare("==", Ref(column), Constant(default)))
        yield Axiom(about, (Claim(Known(source), "unmet"),), (otherwise,))


def _flag(column: Field, condition: Condition, source: Field, default: float) -> Iterator[Axiom]:
    about = frozenset({column.name})
    for claim, value in (
        (Claim(condition), 1),
        (Claim(condition, "false"), 0),
        (Claim(Known(source), "unmet"), default),
    ):
        yield Axiom(about, (claim,), (Claim(Compare("==", Ref(column), Constant(value))),))


def _shown(column: Field, condition: Condition) -> Iterator[Axiom]:
    """The column is 1 where the condition is met, else 0."""
    about = frozenset({column.name})
    for claim, value in ((Claim(condition), 1), (Claim(condition, "unmet"), 0)):
        yield Axiom(about, (claim,), (Claim(Compare("==", Ref(column), Constant(value))),))
