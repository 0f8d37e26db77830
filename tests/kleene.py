"""A small, slow interpreter of the expression language in Kleene's three values: True, False, None for unknown."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from models.plan.facts import customer_facts
from models.plan.fields import Field, Scope, feature_columns, fields_of
from models.plan.spec import FieldSpec, PlanSpec
from schemas import ContextSnapshot, DecisionRequest, Outcome, OutcomeKind, SessionSummary, Signal

Read = Callable[[str], Any]
"""The value of a field by its dotted name; None: missing."""

SIGNS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda x, y: x in y, ast.NotIn: lambda x, y: x not in y,
}  # fmt: skip
SUMS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def certain(text: str, read: Read) -> bool:
    """Whether the expression is certainly true."""
    return _truth(ast.parse(text, mode="eval").body, read) is True


def _truth(node: ast.expr, read: Read) -> bool | None:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            truths = [_truth(part, read) for part in parts]
            return False if False in truths else None if None in truths else True
        case ast.BoolOp(values=parts):
            truths = [_truth(part, read) for part in parts]
            return True if True in truths else None if None in truths else False
        case ast.UnaryOp(op=ast.Not(), operand=part):
            truth = _truth(part, read)
            return None if truth is None else not truth
        case ast.Compare(left=left, ops=ops, comparators=rights):
            values = [_value(term, read) for term in (left, *rights)]
            links = [
                None if one is None or other is None else SIGNS[type(op)](one, other)
                for one, op, other in zip(values, ops, values[1:], strict=False)
            ]
            return False if False in links else None if None in links else True
        case ast.Call(args=[argument]):
            return _value(argument, read) is not None
    return _value(node, read)


def _value(node: ast.expr, read: Read) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=elements):
            return tuple(_value(element, read) for element in elements)
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return _value(ast.BinOp(ast.Constant(0), ast.Sub(), part), read)
        case ast.BinOp(op=op, left=left, right=right):
            one, other = _value(left, read), _value(right, read)
            if one is None or other is None or (isinstance(op, ast.Div) and other == 0):
                return None
            try:
                result = SUMS[type(op)](float(one), float(other))
            except OverflowError:
                return None
            return None if math.isnan(result) else result
        case ast.Name(id=name):
            return {"true": True, "false": False}[name]
    return read(ast.unparse(node))


def _typed(value: Any, declared: FieldSpec) -> Any:
    """The value if it is of the declared type."""
    good = {
        "integer": lambda: type(value) in {int, float} and value == value,
        "number": lambda: type(value) in {int, float} and value == value,
        "string": lambda: type(value) is str,
        "boolean": lambda: type(value) is bool,
        "strings": lambda: type(value) in {tuple, list},
    }
    return value if value is not None and good[declared.type]() else None


def event_reader(event: Signal | Outcome, spec: PlanSpec) -> Read:
    """Reads signal.* and outcome.*."""

    def read(name: str) -> Any:
        root, *path = name.split(".")
        if root != ("signal" if isinstance(event, Signal) else "outcome"):
            return None
        if path[0] == "attributes":
            return _typed(event.attributes.get(path[1]), spec.vocabulary.attributes[path[1]])
        value = getattr(event, path[0])
        return None if isinstance(value, float) and math.isnan(value) else value

    return read


def trigger_reader(signal: Signal, customer: Mapping[str, Any], spec: PlanSpec) -> Read:
    """Reads signal.* and customer.*."""
    signals = event_reader(signal, spec)

    def read(name: str) -> Any:
        root, _, key = name.partition(".")
        return _typed(customer.get(key), customer_facts(spec)[key]) if root == "customer" else signals(name)

    return read


def request_reader(request: DecisionRequest, spec: PlanSpec) -> Read:
    """Reads everything a decision can see."""
    columns, session = feature_columns(spec), request.context.session
    local = request.requested_at.astimezone(ZoneInfo(spec.time_zone))
    computed = {
        "session.events": session.events,
        "session.number": session.number,
        "session.age_s": (request.requested_at - session.started_at).total_seconds(),
        "request.hour": local.hour,
        "request.weekday": local.weekday(),
    }

    def read(name: str) -> Any:
        if name in computed:
            return computed[name]
        root, *path = name.split(".")
        if root == "customer":
            return _typed(request.context.customer.get(path[0]), customer_facts(spec)[path[0]])
        if root == "feature":
            value = request.context.features[columns.index(path[0])]
            return None if math.isnan(value) else value
        if path[0] == "attributes":
            return _typed(request.attributes.get(path[1]), spec.vocabulary.attributes[path[1]])
        return getattr(request, path[0])

    return read


# Strategies

NUMBERS = st.sampled_from([-1, 0, 1, 2, 18, 0.5, 1000, -2.5])
ODD = st.sampled_from([None, math.nan, math.inf, -math.inf, True, False, 0, 1, 10**400, "", "x", ("a",), 3.5])
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def expressions(spec: PlanSpec, scope: Scope) -> st.SearchStrategy[str]:
    """Texts of expressions that the checker accepts."""
    fields = [field for field in fields_of(spec, scope).values() if field.name.isascii()]
    numbers = st.sampled_from([field.name for field in fields if field.numeric])
    terms = st.recursive(
        numbers,
        lambda inner: st.builds(
            "({} {} {})".format, inner, st.sampled_from("+-*/"), inner | NUMBERS.map(repr)
        ),
        max_leaves=3,
    ) | numbers.map("-{}".format)
    order = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    ordered = st.builds("{} {} {}".format, terms, order, NUMBERS.map(repr) | terms)
    chains = st.builds("{} {} {} {} {}".format, NUMBERS.map(repr), order, terms, order, NUMBERS.map(repr))
    leaves = [ordered, chains, st.sampled_from([f"known({field.name})" for field in fields])]
    leaves += [_about(field, fields) for field in fields if not field.numeric]
    return st.recursive(
        st.one_of(leaves),
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
            | inner.map("not ({})".format)
        ),
        max_leaves=6,
    )


def _about(field: Field, fields: list[Field]) -> st.SearchStrategy[str]:
    """Conditions on one field that holds no number."""
    values = st.sampled_from([repr(value) for value in field.one_of or ("x", "a", "")])
    if field.type == "boolean":
        return st.sampled_from([field.name, f"{field.name} == true", f"false != {field.name}"])
    texts = st.sampled_from([other.name for other in fields if other.type == "string"])
    if field.type == "strings":
        return st.builds(f"{{}} {{}} {field.name}".format, values | texts, st.sampled_from(["in", "not in"]))
    equal = st.builds(f"{field.name} {{}} {{}}".format, st.sampled_from(["==", "!="]), values | texts)
    among = st.lists(values, min_size=1, max_size=3).map(lambda words: f"({', '.join(words)},)")
    return equal | st.builds(f"{field.name} {{}} {{}}".format, st.sampled_from(["in", "not in"]), among)


def values_of(declared: Mapping[str, FieldSpec]) -> st.SearchStrategy[dict[str, Any]]:
    """Facts as they may arrive: some absent, some null, some of a wrong type."""
    return st.fixed_dictionaries({}, optional={name: _value_of(field) for name, field in declared.items()})


def _value_of(field: FieldSpec) -> st.SearchStrategy[Any]:
    words = st.sampled_from(field.one_of or ("x", "a", ""))
    good: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(-2, 20),
        "number": NUMBERS,
        "string": words,
        "boolean": st.booleans(),
        "strings": st.lists(words, max_size=3).map(tuple),
    }
    return good[field.type] | good[field.type] | ODD


def signals(spec: PlanSpec) -> st.SearchStrategy[Signal]:
    """Signals of the plan's vocabulary."""
    return st.builds(
        Signal,
        signal_id=st.just("s"),
        customer_id=st.just("c"),
        occurred_at=TIMES,
        type=st.sampled_from(spec.vocabulary.signal_types),
        channel=st.sampled_from(list(spec.channels)),
        brand=st.sampled_from(spec.brands),
        page=st.none() | st.sampled_from(spec.vocabulary.pages),
        device_id=st.none() | st.sampled_from(["x", "a"]),
        attributes=values_of(spec.vocabulary.attributes),
    )


def outcomes(spec: PlanSpec) -> st.SearchStrategy[Outcome]:
    """Outcomes, also of actions and channels that are not said."""
    return st.builds(
        Outcome,
        outcome_id=st.just("o"),
        customer_id=st.just("c"),
        occurred_at=TIMES,
        kind=st.sampled_from(OutcomeKind),
        action=st.none() | st.sampled_from([action.id for action in spec.actions]),
        channel=st.none() | st.sampled_from(list(spec.channels)),
        value=st.none() | st.sampled_from([0.0, 18.0, math.nan, math.inf]),
    )


def requests(spec: PlanSpec) -> st.SearchStrategy[DecisionRequest]:
    """Requests for a decision, with whatever context."""
    session = st.builds(
        SessionSummary,
        session_id=st.just("s"),
        number=st.integers(1, 3),
        started_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
        last_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
        events=st.integers(0, 20),
    )
    width = len(feature_columns(spec))
    value = st.sampled_from([0.0, 0.5, 1.0, 2.0, 18.0, math.nan, math.inf])
    context = st.builds(
        ContextSnapshot,
        sequence=st.just(1),
        session=session,
        customer=values_of(customer_facts(spec)),
        features=st.lists(value, min_size=width, max_size=width).map(tuple),
    )
    return st.builds(
        DecisionRequest,
        decision_id=st.just("d"),
        signal_id=st.just("s"),
        customer_id=st.just("c"),
        requested_at=TIMES,
        brand=st.sampled_from(spec.brands),
        channel=st.sampled_from(list(spec.channels)),
        direction=st.sampled_from(["inbound", "outbound"]),
        placements=st.just(("hero",)),
        trigger=st.none() | st.sampled_from([trigger.id for trigger in spec.triggers]),
        page=st.none() | st.sampled_from(spec.vocabulary.pages),
        attributes=values_of(spec.vocabulary.attributes),
        context=context,
        plan_digest=st.just("p"),
    )
