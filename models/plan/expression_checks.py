"""Every expression of a plan, checked where it stands."""

from collections.abc import Iterator

from models.plan.fields import Scope, fields_of
from models.plan.findings import Finding
from models.plan.spec import PlanSpec
from models.plan.structure import Place
from models.plan.syntax import ExpressionError, parse

_FEATURE_FILTERS = ("where", "among", "add", "subtract", "reset")


def expression_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """One finding for each expression that cannot be used."""
    tables = {scope: fields_of(spec, scope) for scope in Scope}
    for scope, place, text in expressions_of(spec, root):
        try:
            parse(text, tables[scope])
        except ExpressionError as error:
            yield place.finding(error.message, error.remedy)


def expressions_of(spec: PlanSpec, root: Place) -> Iterator[tuple[Scope, Place, str]]:
    """Every expression of a plan: what it can see, where it stands, its text."""
    yield from _of_events(spec, root)
    yield from _of_rules(spec, root)
    yield from _of_weights(spec, root)


def _of_events(spec: PlanSpec, root: Place) -> Iterator[tuple[Scope, Place, str]]:
    for index, feature in enumerate(spec.features):
        for key in _FEATURE_FILTERS:
            if (text := getattr(feature, key)) is not None:
                yield Scope.EVENT, root / "features" / index / key, text
    for index, trigger in enumerate(spec.triggers):
        yield Scope.TRIGGER, root / "triggers" / index / "when", trigger.when
    for index, suppression in enumerate(spec.contact.suppressions):
        if suppression.signal is not None:
            yield Scope.SIGNAL, root / "contact" / "suppressions" / index / "signal", suppression.signal


def _of_rules(spec: PlanSpec, root: Place) -> Iterator[tuple[Scope, Place, str]]:
    for index, policy in enumerate(spec.policies):
        yield Scope.DECISION, root / "policies" / index / "when", policy.when
    for index, action in enumerate(spec.actions):
        for tier in ("eligibility", "applicability", "suitability"):
            place = root / "actions" / index
            for number, rule in enumerate(getattr(action, tier)):
                yield Scope.DECISION, place / tier / number / "when", rule.when
            for said, treatment in enumerate(action.treatments):
                for number, rule in enumerate(getattr(treatment, tier)):
                    yield Scope.DECISION, place / "treatments" / said / tier / number / "when", rule.when


def _of_weights(spec: PlanSpec, root: Place) -> Iterator[tuple[Scope, Place, str]]:
    shared = root / "arbitration" / "context_weights"
    for number, weight in enumerate(spec.arbitration.context_weights):
        yield Scope.DECISION, shared / number / "when", weight.when
    for index, action in enumerate(spec.actions):
        for number, weight in enumerate(action.context_weights):
            yield Scope.DECISION, root / "actions" / index / "context_weights" / number / "when", weight.when
