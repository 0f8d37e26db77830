"""What is declared and nothing looks at: facts, features, types of signals, pages, groups, issues, channels."""

from collections.abc import Iterable, Iterator

from models.plan.conditions import (
    Among,
    Compare,
    Condition,
    Constant,
    Ref,
    simple_parts,
)
from models.plan.expression_checks import expressions_of
from models.plan.facts import care_facts, consent_facts
from models.plan.fields import Field
from models.plan.lint_claims import fields_named
from models.plan.lint_findings import Remark
from models.plan.lint_view import View, named
from models.plan.spec import FeatureSpec, PlanSpec

_VALUES = {"signal.type": "signal_types", "signal.page": "pages"}


def name_remarks(view: View) -> Iterator[Remark]:
    """Everything that is declared for nothing."""
    conditions = [view.reasoner.parse(text, scope) for scope, _, text in expressions_of(view.spec, view.root)]
    fields = {field.name for condition in conditions for field in fields_named(condition)}
    yield from _facts(view, fields | _facts_read(view.spec))
    yield from _features(view, fields)
    yield from _values(view, conditions)
    yield from _taxonomy(view)


def _facts_read(spec: PlanSpec) -> set[str]:
    """The facts that something else than a condition reads."""
    read = {name for feature in spec.features for name in (feature.of, feature.member_of) if name}
    read |= {f"customer.{care.fact}" for care in care_facts(spec).values()}
    read |= {f"customer.{fact}" for fact in consent_facts(spec).values()}
    read.add(f"customer.{spec.contact.time_zone_of}")
    read |= {
        f"signal.attributes.{rule.action_attribute}"
        for rule in spec.contact.suppressions
        if rule.signal is not None
    }
    return read


def _facts(view: View, read: set[str]) -> Iterator[Remark]:
    vocabulary = view.root / "vocabulary"
    for key, prefixes in (
        ("attributes", ("signal.attributes", "request.attributes")),
        ("customer", ("customer",)),
    ):
        what = "attribute" if key == "attributes" else "fact"
        for name in getattr(view.spec.vocabulary, key):
            if not any(f"{prefix}.{name}" in read for prefix in prefixes):
                message = f"nothing looks at the {what} `{name}`"
                yield Remark.at(
                    "unread", (vocabulary / key).key(name), message, "remove it, unless people read it"
                )


def _features(view: View, fields: set[str]) -> Iterator[Remark]:
    """Features for rules that no rule names, and those for a model that there is not."""
    places = view.root / "features"
    silent = []
    for index, feature in enumerate(view.spec.features):
        if fields.isdisjoint(f"feature.{column}" for column in _columns(feature)):
            if feature.model:
                silent.append((feature.name, places / index / "name"))
                continue
            message = f"no condition names `{feature.name}`, and no model sees it"
            yield Remark.at("unused", places / index / "name", message, "remove it, or use it")
    if silent and view.spec.model is None:
        message = f"no condition names {named([name for name, _ in silent])}, and the plan has no model"
        yield Remark.at("unread", silent[0][1], message, "nothing to do, if a model is to be trained")


def _columns(feature: FeatureSpec) -> list[str]:
    one_hot = feature.kind == "one_hot"
    return [f"{feature.name}_{value}" for value in feature.values] if one_hot else [feature.name]


def _values(view: View, conditions: Iterable[Condition]) -> Iterator[Remark]:
    """Types of signals and pages that no condition names, said once for each list."""
    said = {"signal_types": {"profile", *view.spec.session.lead}, "pages": set[str]()}
    for condition in conditions:
        for field, value in _compared(condition):
            key = _VALUES.get(field.name.replace("request.", "signal."))
            if key and isinstance(value, str):
                said[key].add(value)
    for key, known in said.items():
        silent = [name for name in getattr(view.spec.vocabulary, key) if name not in known]
        if silent:
            what = "as a type of signal" if key == "signal_types" else "as a page"
            message = f"no condition names {named(silent)} {what}"
            remedy = "nothing to do, if they are only to be let in"
            yield Remark.at("unread", view.root / "vocabulary" / key, message, remedy)


def _compared(condition: Condition) -> Iterator[tuple[Field, object]]:
    """Fields and the constants that they are compared with."""
    for simple in simple_parts(condition):
        match simple:
            case (
                Compare(left=Ref(field=field), right=Constant(value=value))
                | Compare(left=Constant(value=value), right=Ref(field=field))
            ):
                yield field, value
            case Among(item=Ref(field=field), values=values):
                yield from ((field, value) for value in values)


def _taxonomy(view: View) -> Iterator[Remark]:
    spec, root = view.spec, view.root
    used = {
        "issues": ({group.issue for group in spec.groups.values()}, "no group belongs to the issue"),
        "groups": ({action.group for action in spec.actions}, "no action belongs to the group"),
    }
    for key, (names, message) in used.items():
        for name in getattr(spec, key):
            if name not in names:
                yield Remark.at("unused", (root / key).key(name), f"{message} `{name}`", "remove it")
