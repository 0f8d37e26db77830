"""What the plan, and plain sense, say about a contract that is well formed: times, numbers and known names."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from models.decoding.json_text import scalar_faults
from models.decoding.rejection import ROOT, Rejection, kind_but_whole, kind_of, refuse, step
from models.erasure import ERASE
from models.observability import heartbeats
from models.plan.facts import customer_facts
from models.plan.spec import FieldSpec, PlanSpec
from models.times import Micros, moment
from schemas import Outcome, Reason, Signal

START = datetime(2000, 1, 1, tzinfo=UTC)
"""Earliest plausible event time."""
END = datetime(2100, 1, 1, tzinfo=UTC)
"""First implausible event time."""

PROFILE = "profile"
"""The signal type that is news about the customer and no behaviour; known in every plan."""

_LISTED = 12
_LEAST, _MOST = -(2**63), 2**63 - 1
_INFINITY = float("inf")

Facts = Mapping[str, Any]
Check = Callable[[Any], Rejection | None]


def signal_check(spec: PlanSpec | None, latest: Micros | None) -> Check:
    """The check of signals; None from it means good. Without a plan, any name is known."""
    first_fault = _SignalVocabulary(spec) if spec else None
    last = last_moment(latest)
    attributes = _facts(spec.vocabulary.attributes if spec else {})
    profile = _facts(customer_facts(spec) if spec else {})

    def check(signal: Signal) -> Rejection | None:
        if not START <= signal.occurred_at <= last:
            return _time_fault(signal.occurred_at, latest)
        if not attributes(signal.attributes):
            return next(_fact_faults(signal.attributes, attributes.declared, f"{ROOT}.attributes"))
        if signal.profile and not profile(signal.profile):
            return next(_fact_faults(signal.profile, profile.declared, f"{ROOT}.profile"))
        return first_fault(signal) if first_fault else None

    return check


def outcome_check(spec: PlanSpec | None, latest: Micros | None) -> Check:
    """The check of outcomes. Their actions are the ledger's to know: a retired one may still be answered."""
    last = last_moment(latest)
    attributes = _facts({})
    channels = spec.channels if spec else None

    def check(outcome: Outcome) -> Rejection | None:
        if not START <= outcome.occurred_at <= last:
            return _time_fault(outcome.occurred_at, latest)
        if not attributes(outcome.attributes):
            return next(_fact_faults(outcome.attributes, {}, f"{ROOT}.attributes"))
        if fault := _number_fault(outcome.rank, f"{ROOT}.rank") or _number_fault(
            outcome.value, f"{ROOT}.value"
        ):
            return fault
        if channels is not None and outcome.channel is not None and outcome.channel not in channels:
            return _unknown("channel", "a channel", channels)
        return None

    return check


class _SignalVocabulary:
    """The names that a plan knows, as sets."""

    def __init__(self, spec: PlanSpec) -> None:
        self._types = {*spec.vocabulary.signal_types, PROFILE}
        self._channels = frozenset(spec.channels)
        self._brands = frozenset(spec.brands)
        self._pages = frozenset(spec.vocabulary.pages)
        self._placements = frozenset(spec.placements)
        self._page_required = spec.vocabulary.page_required
        self._required = [name for name, field in spec.vocabulary.attributes.items() if field.required]
        self._spec = spec

    def __call__(self, signal: Signal) -> Rejection | None:
        """The first name that is not known, or the first fact that is missing."""
        if not (
            signal.type in self._types
            and signal.channel in self._channels
            and signal.brand in self._brands
            and (not self._pages or signal.page is None or signal.page in self._pages)
            and (not signal.placements or self._placements.issuperset(signal.placements))
        ):
            if signal.type == ERASE:  # whoever erases customers need not know where banks talk to them
                return None
            return _heartbeat(signal) if heartbeats.is_heartbeat(signal) else next(self._unknown(signal))
        if signal.type != PROFILE and (
            (self._page_required and signal.page is None)
            or (self._required and None in map(signal.attributes.get, self._required))
        ):
            return next(self._missing(signal))
        return None

    def _unknown(self, signal: Signal) -> Iterator[Rejection]:
        if signal.type not in self._types:
            yield _unknown("type", "a signal type", [*self._spec.vocabulary.signal_types])
        if signal.channel not in self._channels:
            yield _unknown("channel", "a channel", self._spec.channels)
        if signal.brand not in self._brands:
            yield _unknown("brand", "a brand", self._spec.brands)
        if self._pages and signal.page is not None and signal.page not in self._pages:
            yield _unknown("page", "a page", self._spec.vocabulary.pages)
        for position, placement in enumerate(signal.placements):
            if placement not in self._placements:
                yield _unknown(f"placements[{position}]", "a placement", self._spec.placements)

    def _missing(self, signal: Signal) -> Iterator[Rejection]:
        if self._page_required and signal.page is None:
            yield refuse(Reason.MISSING_FIELD, f"{ROOT}.page", "required by the plan")
        for name in self._required:
            if signal.attributes.get(name) is None:
                yield refuse(Reason.MISSING_FIELD, f"{ROOT}.attributes.{name}", "required by the plan")


class _facts:  # noqa: N801  (used as a function that remembers what it was made of)
    """Whether facts are as declared, and their numbers within 64 bits. Undeclared facts are kept, unchecked."""

    def __init__(self, declared: Mapping[str, FieldSpec]) -> None:
        self.declared = declared
        self._accepts = {name: _accepts(field) for name, field in declared.items()}

    def __call__(self, facts: Facts) -> bool:
        accepts = self._accepts.get
        for name, value in facts.items():
            if (accept := accepts(name)) is not None:
                if value is not None and not accept(value):
                    return False
            elif (value.__class__ is int and not _LEAST <= value <= _MOST) or (
                value.__class__ is float and not -_INFINITY < value < _INFINITY
            ):
                return False
        return True


def _heartbeat(signal: Signal) -> Rejection | None:
    """A heartbeat is no plan's: no plan knows its names."""
    why = heartbeats.fault(signal)
    return (
        None
        if why is None
        else refuse(Reason.OUT_OF_RANGE, f"{ROOT}.{why.partition(':')[0]}", why.partition(": ")[2])
    )


def _number_fault(value: Any, path: str) -> Rejection | None:
    """Why a number cannot be kept: whole ones have 64 bits, others are finite doubles."""
    if value.__class__ is int and not _LEAST <= value <= _MOST:
        return refuse(Reason.BAD_NUMBER, path, "beyond a 64-bit integer")
    return next(scalar_faults(value, path), None) if value.__class__ is float else None


def _accepts(field: FieldSpec) -> Callable[[Any], bool]:
    """A quick yes or no for one declared fact, not null."""
    low = -_INFINITY if field.minimum is None else field.minimum
    high = _INFINITY if field.maximum is None else field.maximum
    known = frozenset(field.one_of)
    match field.type:
        case "integer":
            least, most = max(low, _LEAST), min(high, _MOST)
            return lambda value: value.__class__ is int and least <= value <= most
        case "number":
            return lambda value: (
                (value.__class__ is float and low <= value <= high and -_INFINITY < value < _INFINITY)
                or (value.__class__ is int and low <= value <= high and _LEAST <= value <= _MOST)
            )
        case "boolean":
            return lambda value: value.__class__ is bool
        case "string":
            return lambda value: value.__class__ is str and (not known or value in known)
        case "strings":
            return lambda value: value.__class__ is tuple and (not known or known.issuperset(value))


def _fact_faults(facts: Facts, declared: Mapping[str, FieldSpec], path: str) -> Iterator[Rejection]:
    """What is wrong with facts that a quick look refused."""
    for position, (name, value) in enumerate(facts.items()):
        at = f"{path}.{name}" if name in declared else step(path, name, position)
        if fault := _number_fault(value, at):
            yield fault
        if name in declared and value is not None:
            yield from _declared_faults(declared[name], value, at)


_EXPECTED = {
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "string": ((str,), "text"),
    "strings": ((tuple,), "an array of text"),
}


def _declared_faults(field: FieldSpec, value: Any, path: str) -> Iterator[Rejection]:
    classes, name = _EXPECTED[field.type]
    if value.__class__ not in classes:
        kind = kind_but_whole(value) if field.type == "integer" else kind_of(value)
        yield refuse(Reason.WRONG_TYPE, path, f"expected {name}, got {kind}")
    elif isinstance(value, int | float):
        yield from _limit_faults(field, value, path)
    elif field.one_of:
        members = enumerate(value) if isinstance(value, tuple) else [("", value)]
        for position, member in members:
            if member not in field.one_of:
                at = f"{path}[{position}]" if isinstance(value, tuple) else path
                yield refuse(Reason.UNKNOWN_VALUE, at, f"not one of {_listed(field.one_of)}")


def _limit_faults(field: FieldSpec, value: float, path: str) -> Iterator[Rejection]:
    if field.minimum is not None and value < field.minimum:
        yield refuse(Reason.OUT_OF_RANGE, path, f"must be at least {field.minimum:g}")
    if field.maximum is not None and value > field.maximum:
        yield refuse(Reason.OUT_OF_RANGE, path, f"must be at most {field.maximum:g}")


def last_moment(latest: Micros | None) -> datetime:
    """The last moment that is taken."""
    plausible = END - timedelta.resolution
    return plausible if latest is None else min(moment(latest), plausible)


def _time_fault(at: datetime, latest: Micros | None) -> Rejection:
    if at < START:
        rule = f"before {START:%Y-%m-%d}"
    elif at >= END:
        rule = f"at or after {END:%Y-%m-%d}"
    else:
        rule = f"later than {moment(latest or 0).isoformat()}, the latest that is taken"
    return refuse(Reason.BAD_TIME, f"{ROOT}.occurred_at", rule)


def _unknown(field: str, what: str, known: Collection[str]) -> Rejection:
    return refuse(Reason.UNKNOWN_VALUE, f"{ROOT}.{field}", f"not {what} of the plan: {_listed(known)}")


def _listed(names: Collection[str]) -> str:
    """Names to choose from; of many, the first."""
    shown = ", ".join(list(names)[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
