"""What can be wrong with a declared feature, said before any event is seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from models.plan.fields import Field, Scope, feature_columns, fields_of
from models.plan.spec import FeatureSpec, PlanSpec
from models.times import duration

_OPTIONS = (
    "among", "of", "window", "last", "delay", "previous", "half_life", "time_constant",
    "add", "subtract", "reset", "member_of", "part", "values", "where",
)  # fmt: skip


class FeatureFinding(NamedTuple):
    """One thing wrong: where in the plan, what, and what to do about it."""

    path: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one kind of feature is made from."""

    of: Literal["", "value", "number", "list", "any_number", "any"] = ""
    window: Literal["", "needed", "optional", "session"] = ""
    options: frozenset[str] = frozenset()


def _kind(of: str = "", window: str = "", *options: str) -> _Kind:
    rolling = {"window", "last", "delay", "previous", "where"} if window in {"needed", "optional"} else set()
    session = {"window", "previous"} if window == "session" else set()
    own = {"of"} if of else set()
    return _Kind(of, window, frozenset({*options, *rolling, *session, *own}))  # type: ignore[arg-type]


KINDS: Mapping[str, _Kind] = {
    "count": _kind("", "needed"),
    "sum": _kind("number", "needed"),
    "mean": _kind("number", "needed"),
    "maximum": _kind("number", "needed"),
    "distinct": _kind("value", "needed"),
    "ratio": _kind("", "needed", "among"),
    "recency": _kind("", "optional", "half_life", "time_constant"),
    "last": _kind("number", "optional"),
    "last_in": _kind("value", "optional", "member_of"),
    "balance": _kind("number", "session", "add", "subtract", "reset"),
    "session_age": _kind(),
    "session_number": _kind(),
    "time_of_day": _kind("", "", "part"),
    "one_hot": _kind("any", "", "values"),
    "number": _kind("any_number"),
    "size": _kind("list"),
}
"""Kinds by name. `any`: of the customer or of the event that asks; `list`: of the customer."""


def check_features(spec: PlanSpec) -> Iterator[FeatureFinding]:
    """Everything wrong with the features of a plan, apart from their expressions."""
    columns = feature_columns(spec)
    for name in sorted({column for column in columns if columns.count(column) > 1}):
        yield FeatureFinding("$.features", f"two feature columns are called {name!r}", "rename one of them")
    events, customer = fields_of(spec, Scope.EVENT).fields, fields_of(spec, Scope.TRIGGER).fields
    for index, feature in enumerate(spec.features):
        path = f"$.features[{index}]"
        for key, message, remedy in _check(feature, {**events, **customer}):
            yield FeatureFinding(f"{path}.{key}", f"feature {feature.name!r}: {message}", remedy)


def _check(feature: FeatureSpec, fields: Mapping[str, Field]) -> Iterator[tuple[str, str, str]]:
    kind = KINDS[feature.kind]
    for option in _OPTIONS:
        if option not in kind.options and getattr(feature, option) not in (None, (), False):
            yield option, f"{option!r} means nothing for kind {feature.kind!r}", "remove it"
    yield from _check_window(feature, kind)
    yield from _check_of(feature, kind, fields)
    yield from _check_own(feature, fields)


def _check_window(feature: FeatureSpec, kind: _Kind) -> Iterator[tuple[str, str, str]]:
    if not kind.window:
        return
    window, session = feature.window, feature.window == "session"
    if kind.window == "session" and not session:
        yield "window", f"kind {feature.kind!r} needs the window 'session'", "write window: session"
    elif kind.window == "needed" and window is None:
        yield "window", f"kind {feature.kind!r} needs a window", "write window: session, or e.g. window: 7d"
    if window is not None and not session:
        try:
            duration(window)
        except ValueError as error:
            yield "window", str(error), "or write session"
    if session and feature.delay is not None:
        yield "delay", "a session window has no delay", "remove it or write a rolling window"
    if not session and feature.last is not None:
        yield "last", "looks at the latest events of a session only", "write window: session"
    for option in ("where", "among", "add", "subtract", "reset"):
        if session and "outcome." in (getattr(feature, option) or ""):
            yield option, "sessions are made of signals, not of outcomes", "write a rolling window, e.g. 1d"


def _check_of(
    feature: FeatureSpec, kind: _Kind, fields: Mapping[str, Field]
) -> Iterator[tuple[str, str, str]]:
    path = feature.of
    if not kind.of or path is None:
        if kind.of:
            yield "of", f"kind {feature.kind!r} needs a value", "write of: signal.attributes.X or the like"
        return
    of_event = path.startswith(("signal.", "outcome."))
    if kind.of == "list" and not path.startswith("customer."):
        yield "of", "a list belongs to the customer", "write of: customer.X"
    elif kind.of in {"value", "number"} and not of_event:
        yield "of", f"kind {feature.kind!r} takes a value of events", "write of: signal.attributes.X"
    elif kind.of.startswith("any") and path.startswith("outcome."):
        yield "of", "no outcome asks for a decision", "write of: signal.X or customer.X"
    elif path not in fields:
        yield "of", f"{path!r} is not declared in this plan", "declare it in the vocabulary, or correct it"
    else:
        yield from _check_type(kind, fields[path])


def _check_type(kind: _Kind, field: Field) -> Iterator[tuple[str, str, str]]:
    if kind.of.endswith("number") and not (field.numeric or field.type == "boolean"):
        yield "of", f"{field.name!r} is a {field.type}, not a number", "take a number, or kind one_hot"
    if kind.of == "list" and field.type != "strings":
        yield "of", f"{field.name!r} is a {field.type}, not a list", "take a field of type strings"


def _check_own(feature: FeatureSpec, fields: Mapping[str, Field]) -> Iterator[tuple[str, str, str]]:
    """What single kinds demand."""
    if feature.kind == "recency" and (feature.half_life is None) == (feature.time_constant is None):
        yield "half_life", "recency needs one speed of decay", "write half_life or time_constant, e.g. 1d"
    for option in ("half_life", "time_constant", "delay"):
        given = getattr(feature, option)
        if option != "delay" and given is not None and duration(given) == 0:
            yield option, "must be longer than nothing", "write e.g. 1h"
    if feature.kind == "last_in" and not _is_list(feature.member_of, fields):
        yield "member_of", "needs a list of the customer", "write member_of: customer.X, of type strings"
    if feature.kind == "balance" and feature.add is None:
        yield "add", "a balance needs events that add to it", "write add: a condition"
    if feature.kind == "time_of_day" and feature.part is None:
        yield "part", "which part of the day?", "write part: hour, hour_sin, hour_cos, weekday or weekend"
    if feature.kind == "one_hot" and not feature.values:
        yield "values", "one_hot needs its values", "write values: [a, b]"


def _is_list(name: str | None, fields: Mapping[str, Field]) -> bool:
    return (
        name is not None
        and name.startswith("customer.")
        and name in fields
        and fields[name].type == "strings"
    )
