"""The fields that expressions may name, one table per scope: checks, code and documents are made from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from models.plan.facts import customer_facts
from models.plan.spec import FieldSpec, PlanSpec
from schemas.common import Direction, OutcomeKind

FieldType = Literal["integer", "number", "string", "boolean", "strings"]


_EVENT_ROOTS = MappingProxyType({"attributes": "event.attributes"})
_REQUEST_ROOTS = MappingProxyType(
    {
        "attributes": "request.attributes",
        "customer": "request.context.customer",
        "session": "request.context.session",
        "features": "request.context.features",
        "local": "request.requested_at.astimezone(_zone)",
    }
)


class Scope(StrEnum):
    """Where an expression stands, and hence what it can see."""

    EVENT = "event"
    """Filters of features: a signal or an outcome. The fields of the other are missing."""
    SIGNAL = "signal"
    """Signals that suppress: the signal alone."""
    TRIGGER = "trigger"
    """Triggers: the signal, and the customer as known once the signal is taken in."""
    DECISION = "decision"
    """Rules and context weights: the customer, the session, the request and the features."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it is called, what it holds, and the Python that reads it from `root`."""

    name: str
    type: FieldType
    root: str
    """Local that the reading code starts from: event, attributes, customer, session, request, ..."""
    read: str
    one_of: tuple[str, ...] = ()
    """The only values that can occur; empty: any."""
    typed: bool = False
    """True if the contract guarantees the type; else a value of another type counts as missing."""
    always: bool = False
    """True if the field is never missing."""
    description: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it can be computed with and ordered."""
        return self.type in {"integer", "number"}


@dataclass(frozen=True)
class FieldTable(Mapping[str, Field]):
    """What expressions of one scope can name in one plan: fields by name."""

    scope: Scope
    prefixes: tuple[str, ...]
    """What field names start with here, whether or not the plan declares any such field."""
    fields: Mapping[str, Field]

    @property
    def roots(self) -> Mapping[str, str]:
        """Python source of the locals that reading code starts from, where they are no arguments."""
        return _REQUEST_ROOTS if self.scope is Scope.DECISION else _EVENT_ROOTS

    def __getitem__(self, name: str) -> Field:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


def feature_columns(spec: PlanSpec) -> tuple[str, ...]:
    """Names of all raw feature values in order; a one_hot feature has one per value, NAME_VALUE."""
    return tuple(
        column
        for feature in spec.features
        for column in (
            [f"{feature.name}_{value}" for value in feature.values]
            if feature.kind == "one_hot"
            else [feature.name]
        )
    )


def fields_of(spec: PlanSpec, scope: Scope) -> FieldTable:
    """The fields that expressions of `scope` may name in this plan."""
    tables = _TABLES[scope]
    prefixes = tuple(prefix for _, names in tables for prefix in names)
    return FieldTable(scope, prefixes, {field.name: field for fields, _ in tables for field in fields(spec)})


def _signal_fields(spec: PlanSpec) -> Iterator[Field]:
    vocabulary = spec.vocabulary
    yield _text("signal.type", "event", "type", vocabulary.signal_types, "What happened.", always=True)
    yield _text("signal.channel", "event", "channel", spec.channels, "Where it happened.", always=True)
    yield _text("signal.brand", "event", "brand", spec.brands, "The brand dealt with.", always=True)
    yield _text("signal.page", "event", "page", vocabulary.pages, "Page or screen.")
    yield _text("signal.device_id", "event", "device_id", (), "The device.")
    yield from _mapped("signal.attributes", "attributes", vocabulary.attributes)


def _outcome_fields(spec: PlanSpec) -> Iterator[Field]:
    kinds = [kind.value for kind in OutcomeKind]
    actions = [action.id for action in spec.actions]
    yield _text("outcome.kind", "event", "kind", kinds, "What became of the offer.", always=True)
    yield _text("outcome.action", "event", "action", actions, "The action offered.")
    yield _text("outcome.channel", "event", "channel", spec.channels, "Where it happened.")
    yield Field(
        "outcome.value", "number", "event", "event.value", (), True, False, "Business value realised."
    )


def _customer_fields(spec: PlanSpec) -> Iterator[Field]:
    yield from _mapped("customer", "customer", customer_facts(spec))


def _session_fields(_spec: PlanSpec) -> Iterator[Field]:
    age = "(request.requested_at - session.started_at).total_seconds()"
    yield _number(
        "session.events", "integer", "session", "session.events", "Events so far, this one included."
    )
    yield _number("session.number", "integer", "session", "session.number", "1 for the first session known.")
    yield _number("session.age_s", "number", "session", age, "Seconds since the session started.")


def _request_fields(spec: PlanSpec) -> Iterator[Field]:
    directions = [direction.value for direction in Direction]
    triggers = [trigger.id for trigger in spec.triggers]
    yield _text(
        "request.channel", "request", "channel", spec.channels, "Where the signal came from.", always=True
    )
    yield _text("request.brand", "request", "brand", spec.brands, "The brand that asks.", always=True)
    yield _text("request.page", "request", "page", spec.vocabulary.pages, "Page that asks.")
    yield _text("request.direction", "request", "direction", directions, "Who opened.", always=True)
    yield _text("request.trigger", "request", "trigger", triggers, "The trigger that asked, if one did.")
    yield Field(
        "request.placements",
        "strings",
        "request",
        "request.placements",
        tuple(spec.placements),
        True,
        True,
        "Placements to fill.",
    )
    yield _number("request.hour", "integer", "local", "local.hour", "0 to 23, in the plan's time zone.")
    yield _number("request.weekday", "integer", "local", "local.weekday()", "0 is Monday, 6 is Sunday.")
    yield from _mapped("request.attributes", "attributes", spec.vocabulary.attributes)


def _feature_fields(spec: PlanSpec) -> Iterator[Field]:
    for index, column in enumerate(feature_columns(spec)):
        yield _number(f"feature.{column}", "number", "features", f"features[{index}]", "Raw feature value.")


def _text(
    name: str, root: str, attribute: str, one_of: Iterable[str], description: str, *, always: bool = False
) -> Field:
    return Field(name, "string", root, f"{root}.{attribute}", tuple(one_of), True, always, description)


def _number(name: str, kind: FieldType, root: str, read: str, what: str) -> Field:
    return Field(name, kind, root, read, (), True, True, what)


def _mapped(prefix: str, root: str, declared: Mapping[str, FieldSpec]) -> Iterator[Field]:
    """Declared facts, kept in a map: any may be absent, and only the decoder has looked at its type."""
    for key, spec in declared.items():
        name, read = f"{prefix}.{key}", f"{root}.get({key!r})"
        yield Field(name, spec.type, root, read, spec.one_of, False, False, spec.description)


_SIGNAL = (_signal_fields, ("signal", "signal.attributes"))
_OUTCOME = (_outcome_fields, ("outcome",))
_CUSTOMER = (_customer_fields, ("customer",))
_SESSION = (_session_fields, ("session",))
_REQUEST = (_request_fields, ("request", "request.attributes"))
_FEATURE = (_feature_fields, ("feature",))
_TABLES: Mapping[Scope, tuple[tuple[Callable[[PlanSpec], Iterator[Field]], tuple[str, ...]], ...]] = {
    Scope.EVENT: (_SIGNAL, _OUTCOME),
    Scope.SIGNAL: (_SIGNAL,),
    Scope.TRIGGER: (_SIGNAL, _CUSTOMER),
    Scope.DECISION: (_CUSTOMER, _SESSION, _REQUEST, _FEATURE),
}
