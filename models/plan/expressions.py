"""The expressions of a plan, compiled: whole groups of conditions as one Python function each.

What an expression means: comparisons, `in`, arithmetic and boolean fields with a missing value are *unknown*;
`not` of unknown is unknown; `and` is false if a part is false, else unknown if a part is unknown; `or` is
true if a part is true, else unknown if a part is unknown; `known(field)` is never unknown (Kleene's strong
logic). A condition is **met only if it is certainly true**. Absent, null, NaN, a quotient by zero, and a value
whose type is not the declared one are all missing.

`models.plan.syntax` says what may be written, `models.plan.fields` what can be named, `models.plan.emit` how
it runs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.plan.conditions import AllOf, Among, AnyOf, Compare, Condition, Constant, Not, Ref
from models.plan.emit import Emitter, define
from models.plan.fields import Field, FieldTable, Scope, fields_of
from models.plan.spec import PlanSpec, TriggerSpec
from models.plan.syntax import ExpressionError, parse
from schemas import Outcome, Signal

__all__ = ["ExpressionError", "Filters", "Triggers", "compile_filters", "compile_triggers", "parse"]

Event = Signal | Outcome
Profile = Mapping[str, Any]

Filters = Callable[[Event], tuple[bool, ...]]
"""Which of the filters an event certainly meets, in their order."""

Triggers = Callable[[Signal, Profile], TriggerSpec | None]
"""The first trigger that a signal and what is known of its customer meet."""


def compile_filters(texts: Sequence[str], spec: PlanSpec) -> Filters:
    """One function for all filters of events, each evaluated as `certainly true`.

    On an outcome, `signal.*` is missing, and the other way round. There is one body of code per signal type
    that the filters name, in which the type is a constant: what cannot match is not even looked at.

    Raises:
      ExpressionError: One of them cannot be used.
    """
    by_type, of_signal, of_outcome = filters_by_type(texts, spec)

    def filters(event: Event) -> tuple[bool, ...]:
        if event.__class__ is Signal:
            return by_type.get(event.type, of_signal)(event)
        return of_outcome(event)

    return filters


def filters_by_type(texts: Sequence[str], spec: PlanSpec) -> tuple[dict[str, Filters], Filters, Filters]:
    """The parts of `compile_filters`: by signal type that the filters name, of other signals, of outcomes.

    Raises:
      ExpressionError: One of them cannot be used.
    """
    table = fields_of(spec, Scope.EVENT)
    conditions = [parse(text, table) for text in texts]
    no_signal = {name: None for name in table if name.startswith("signal.")}
    no_outcome = {name: None for name in table if name.startswith("outcome.")}
    by_type = {
        name: _filters(table, conditions, {**no_outcome, "signal.type": name})
        for name in _types_named(conditions)
    }
    return by_type, _filters(table, conditions, no_outcome), _filters(table, conditions, no_signal)


def compile_triggers(spec: PlanSpec) -> Triggers:
    """One function over all triggers of the plan, in the order written; it stops at the first that is met.

    Raises:
      ExpressionError: A trigger's condition cannot be used.
    """
    table = fields_of(spec, Scope.TRIGGER)
    conditions = [parse(trigger.when, table) for trigger in spec.triggers]

    by_type = {
        name: _triggers(table, conditions, spec.triggers, {"signal.type": name})
        for name in _types_named(conditions)
    }
    of_any = _triggers(table, conditions, spec.triggers, {})

    def first_trigger(signal: Signal, customer: Profile) -> TriggerSpec | None:
        return by_type.get(signal.type, of_any)(signal, customer)

    return first_trigger


def _filters(table: FieldTable, conditions: Sequence[Condition], fixed: Mapping[str, str | None]) -> Filters:
    """The filters where the `fixed` fields have these values."""
    emitter = Emitter(table.roots, fixed)
    sources = "".join(f"{emitter.certainly(condition)}, " for condition in conditions)
    function: Filters = define("filters", "event", [*emitter.prologue(), f"return ({sources})"], {})
    return function


def _triggers(
    table: FieldTable,
    conditions: Sequence[Condition],
    triggers: Sequence[TriggerSpec],
    fixed: Mapping[str, str],
) -> Triggers:
    """The triggers where the `fixed` fields have these values."""
    emitter = Emitter(table.roots, fixed)
    sources = [emitter.certainly(condition) for condition in conditions]
    tests = [f"if {source}: return _triggers[{i}]" for i, source in enumerate(sources) if source != "False"]
    body = [*emitter.prologue(), *tests, "return None"]
    function: Triggers = define("triggers", "event, customer", body, {"_triggers": triggers})
    return function


def _types_named(conditions: Sequence[Condition]) -> list[str]:
    """Signal types that some condition names, sorted."""
    found: set[str] = set()
    open_conditions = list(conditions)
    while open_conditions:
        match open_conditions.pop():
            case AllOf(parts=parts) | AnyOf(parts=parts):
                open_conditions += parts
            case Not(part=part):
                open_conditions.append(part)
            case Compare(left=Ref(field=field), right=Constant(value=str() as name)) if _is_type(field):
                found.add(name)
            case Compare(right=Ref(field=field), left=Constant(value=str() as name)) if _is_type(field):
                found.add(name)
            case Among(item=Ref(field=field), values=values) if _is_type(field):
                found.update(value for value in values if isinstance(value, str))
    return sorted(found)


def _is_type(field: Field) -> bool:
    return field.name == "signal.type"
