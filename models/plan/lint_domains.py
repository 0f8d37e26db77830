"""What values the fields of a plan can have: declared ranges, and what each kind of feature can come to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.plan.spec import FeatureSpec, FieldSpec, PlanSpec


@dataclass(frozen=True, slots=True)
class Domain:
    """The numbers that a field can hold, bounds included; None: no bound is known."""

    least: float | None = None
    most: float | None = None
    whole: bool = False

    def with_default(self, value: float) -> "Domain":
        """The same, or this value."""
        least = None if self.least is None else min(self.least, value)
        most = None if self.most is None else max(self.most, value)
        return Domain(least, most, self.whole and float(value).is_integer())


_FLAG = Domain(0, 1, whole=True)
_COUNT = Domain(0, whole=True)


def domains_of(spec: PlanSpec) -> dict[str, Domain]:
    """The domain of every numeric field that has one, by the names that rules use."""
    found = {
        "session.events": _COUNT,
        "session.number": _COUNT,
        "session.age_s": Domain(0),
        "request.hour": Domain(0, 23, whole=True),
        "request.weekday": Domain(0, 6, whole=True),
    }
    for prefix, declared in _declared(spec):
        found |= {f"{prefix}.{name}": _range(field) for name, field in declared.items()}
    for feature in spec.features:
        found |= {f"feature.{column}": domain for column, domain in _columns(feature, spec)}
    return found


def _declared(spec: PlanSpec) -> Iterator[tuple[str, dict[str, FieldSpec]]]:
    yield "customer", spec.vocabulary.customer
    yield "signal.attributes", spec.vocabulary.attributes
    yield "request.attributes", spec.vocabulary.attributes


def _range(field: FieldSpec) -> Domain:
    return Domain(field.minimum, field.maximum, whole=field.type == "integer")


def _columns(feature: FeatureSpec, spec: PlanSpec) -> Iterator[tuple[str, Domain]]:
    if feature.kind == "one_hot":
        yield from ((f"{feature.name}_{value}", _FLAG) for value in feature.values)
    else:
        yield feature.name, _of_kind(feature, spec)


def _of_kind(feature: FeatureSpec, spec: PlanSpec) -> Domain:
    if feature.kind in _ALONE:
        return _ALONE[feature.kind]
    if feature.kind == "time_of_day":
        return _PARTS[feature.part or "hour"]
    if feature.kind in {"sum", "balance"}:  # `default` is not theirs
        summed = _valued(feature, spec)
        return Domain(0) if summed.least is not None and summed.least >= 0 else Domain()
    domain = _OR_DEFAULT.get(feature.kind) or _valued(feature, spec)
    return (_loosened(domain) if feature.kind == "mean" else domain).with_default(feature.default)


_ALONE: Mapping[str, Domain] = {"count": _COUNT, "distinct": _COUNT}
_OR_DEFAULT: Mapping[str, Domain] = {
    "ratio": Domain(0),
    "session_age": Domain(0),
    "recency": Domain(0, 1),
    "last_in": _FLAG,
    "size": _COUNT,
    "session_number": _COUNT,
}
_PARTS = {
    "hour": Domain(0, 23, whole=True),
    "weekday": Domain(0, 6, whole=True),
    "weekend": _FLAG,
    "hour_sin": Domain(-1, 1),
    "hour_cos": Domain(-1, 1),
}


def _valued(feature: FeatureSpec, spec: PlanSpec) -> Domain:
    """The domain of what a feature is made of, as a number."""
    root, _, name = (feature.of or "").rpartition(".")
    tables = {"customer": spec.vocabulary.customer, "signal.attributes": spec.vocabulary.attributes}
    field = tables.get(root, {}).get(name)
    if field is None:
        return Domain()
    return _FLAG if field.type == "boolean" else _range(field)


def _loosened(domain: Domain) -> Domain:
    """Room for the rounding of a mean."""
    least = None if domain.least is None else domain.least - 1e-9 * abs(domain.least)
    most = None if domain.most is None else domain.most + 1e-9 * abs(domain.most)
    return Domain(least, most)
