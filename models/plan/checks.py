"""Meaning of a plan whose structure is good: names that must exist, ids that must differ, numbers that must fit."""

import re
from collections.abc import Callable, Iterable, Iterator
from zoneinfo import ZoneInfo

from models.features.check import check_features
from models.plan.checks_experiments import experiment_findings
from models.plan.expression_checks import expression_findings
from models.plan.findings import Finding
from models.plan.scopes import Members
from models.plan.spec import FieldSpec, PlanSpec, RuleSpec, ScopeSpec
from models.plan.structure import Place
from models.plan.wording import listing, nearest
from models.times import duration

MAX_RULES = 500
TIERS = ("eligibility", "applicability", "suitability")


def meaning_findings(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Everything that makes a well-formed plan unusable; `root` says where it was written."""
    for check in _CHECKS:
        yield from check(spec, root)
    yield from expression_findings(spec, root)


def _header(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    if not (len(spec.currency) == 3 and spec.currency.isascii() and spec.currency.isupper()):
        yield (root / "currency").finding(
            f"{spec.currency!r} is no currency code", "write three letters, e.g. GBP"
        )
    try:
        ZoneInfo(spec.time_zone)
    except (KeyError, ValueError, OSError):
        remedy = "write an IANA name, e.g. Europe/London"
        yield (root / "time_zone").finding(f"{spec.time_zone!r} is no time zone", remedy)
    for key in ("brands",):
        yield from _repeated(root / key, getattr(spec, key))
    for key in ("signal_types", "pages"):
        yield from _repeated(root / "vocabulary" / key, getattr(spec.vocabulary, key))


def _durations(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Spans of time that must be longer than nothing."""
    places = [(root / "session" / "gap", spec.session.gap)]
    for name, channel in spec.channels.items():
        places.append((root / "channels" / name / "response_window", channel.response_window or "1s"))
    contact = root / "contact"
    for index, limit in enumerate(spec.contact.limits):
        places.append((contact / "limits" / index / "per", limit.per))
    for index, suppression in enumerate(spec.contact.suppressions):
        places.append((contact / "suppressions" / index / "within", suppression.within))
        places.append((contact / "suppressions" / index / "pause", suppression.pause))
    for place, text in places:
        if duration(text) == 0:
            yield place.finding(f"{text} is no time at all", "write a longer one, e.g. 1d")


def _vocabulary(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    for key in ("attributes", "customer"):
        fields: dict[str, FieldSpec] = getattr(spec.vocabulary, key)
        for name, field in fields.items():
            place = root / "vocabulary" / key / name
            numeric = field.type in {"integer", "number"}
            if field.one_of and field.type not in {"string", "strings"}:
                yield (place / "one_of").finding(f"one_of of a {field.type}", "use it for strings only")
            yield from _repeated(place / "one_of", field.one_of)
            if not numeric and (field.minimum, field.maximum) != (None, None):
                yield place.finding(f"minimum or maximum of a {field.type}", "use them for numbers only")
            if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
                yield (place / "minimum").finding("minimum above maximum", "swap them")
            if key == "customer" and field.required:
                yield (place / "required").finding("no signal must carry the profile", "remove required")


def _features(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    for path, message, remedy in check_features(spec):
        place = root
        for key in path.removeprefix("$.").replace("[", ".").replace("]", "").split("."):
            place = place / (int(key) if key.isdecimal() else key)
        yield place.finding(re.sub(r"^feature '\w+': ", "", message), remedy)


def _catalogue(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Groups, actions, treatments, placements and triggers: unique, and of things that exist."""
    yield from _repeated_ids(root / "actions", [action.id for action in spec.actions])
    yield from _repeated_ids(root / "triggers", [trigger.id for trigger in spec.triggers])
    for name, placement in spec.placements.items():
        if placement.channel is not None:
            yield from _unknown(
                root / "placements" / name / "channel", placement.channel, spec.channels, "channel"
            )
    for name, group in spec.groups.items():
        yield from _unknown(root / "groups" / name / "issue", group.issue, spec.issues, "issue")
    for index, trigger in enumerate(spec.triggers):
        place = root / "triggers" / index / "placements"
        yield from _unknown_names(place, trigger.placements, spec.placements, "placement")
    treatments: dict[str, Place] = {}
    for index, action in enumerate(spec.actions):
        place = root / "actions" / index
        yield from _unknown(place / "group", action.group, spec.groups, "group")
        for number, treatment in enumerate(action.treatments):
            one = place / "treatments" / number
            yield from _unknown_names(one / "placements", treatment.placements, spec.placements, "placement")
            yield from _taken(treatments, treatment.id, one / "id")


def _rules(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Rule ids stand in every explanation, so that one id must mean one thing."""
    known: dict[str, tuple[str, RuleSpec, Place]] = {}
    for tier, rule, place in _every_rule(spec, root):
        first_tier, first, first_place = known.setdefault(rule.id, (tier, rule, place))
        if (first_tier, first.when, first.why) != (tier, rule.when, rule.why):
            line = f"{first_place.mark.file} line {first_place.mark.line}"
            message = f"rule id {rule.id!r} already means something else, in {line}"
            yield (place / "id").finding(message, "give this rule an id of its own")
    for index, action in enumerate(spec.actions):
        if sum(len(getattr(action, tier)) for tier in TIERS) > MAX_RULES:
            yield (root / "actions" / index).finding("too many rules", f"use at most {MAX_RULES}")
    if len(spec.policies) > MAX_RULES:
        yield (root / "policies").finding("too many policies", f"use at most {MAX_RULES}")


def _every_rule(spec: PlanSpec, root: Place) -> Iterator[tuple[str, RuleSpec, Place]]:
    for index, policy in enumerate(spec.policies):
        yield policy.tier, policy, root / "policies" / index
    for index, action in enumerate(spec.actions):
        for tier in TIERS:
            for number, rule in enumerate(getattr(action, tier)):
                yield tier, rule, root / "actions" / index / tier / number


def _scopes(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    members = Members.of(spec)
    contact, weights = root / "contact", root / "arbitration" / "context_weights"
    scopes = [(root / "policies" / i / "scope", policy.scope) for i, policy in enumerate(spec.policies)]
    scopes += [(weights / i / "scope", w.scope) for i, w in enumerate(spec.arbitration.context_weights)]
    scopes += [(contact / "limits" / i / "scope", limit.scope) for i, limit in enumerate(spec.contact.limits)]
    scopes += [
        (contact / "suppressions" / i / "scope", s.scope) for i, s in enumerate(spec.contact.suppressions)
    ]
    for place, scope in scopes:
        yield from _scope(place, scope, spec, members)
    for index, action in enumerate(spec.actions):
        for number, weight in enumerate(action.context_weights):
            if weight.scope != ScopeSpec():
                place = root / "actions" / index / "context_weights" / number / "scope"
                yield place.finding("scope of an action's own weight", "remove it: it is about this action")


def _scope(place: Place, scope: ScopeSpec, spec: PlanSpec, members: Members) -> Iterator[Finding]:
    actions = [action.id for action in spec.actions]
    unknown = [
        *_unknown_names(place / "issues", scope.issues, spec.issues, "issue"),
        *_unknown_names(place / "groups", scope.groups, spec.groups, "group"),
        *_unknown_names(place / "actions", scope.actions, actions, "action"),
    ]
    yield from unknown
    keys = sum(map(bool, (scope.issues, scope.groups, scope.actions, scope.classes)))
    if not unknown and keys > 1 and not members.indices(scope):
        yield place.finding("no action fits all keys", "an action must fit every key; remove one")


def _contact(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    contact = root / "contact"
    ids: dict[str, Place] = {}
    for index, suppression in enumerate(spec.contact.suppressions):
        place = contact / "suppressions" / index
        yield from _taken(ids, suppression.id, place / "id")
        if not suppression.outcomes and suppression.label is None and suppression.signal is None:
            remedy = "add e.g. outcomes: [Rejected], or signal: a condition"
            yield place.finding("a suppression that nothing sets off", remedy)
        if suppression.signal is not None:
            yield from _action_attribute(place / "action_attribute", suppression.action_attribute, spec)
    for index, limit in enumerate(spec.contact.limits):
        place = contact / "limits" / index
        yield from _taken(ids, limit.id, place / "id")
        yield from _unknown_names(place / "channels", limit.channels, spec.channels, "channel")
        if limit.at_most > spec.contact.keep:
            message = f"at_most {limit.at_most}, but only {spec.contact.keep} contacts are remembered"
            yield (place / "at_most").finding(message, "raise contact.keep, or lower the limit")


def _action_attribute(place: Place, name: str, spec: PlanSpec) -> Iterator[Finding]:
    declared = spec.vocabulary.attributes.get(name)
    if declared is None:
        remedy = f"declare vocabulary.attributes.{name}, of type string"
        yield place.finding(f"attribute {name!r}, which should name the action, is not declared", remedy)
    elif declared.type != "string":
        yield place.finding(f"attribute {name!r} is a {declared.type}", "an action is named by a string")


def _unknown(place: Place, name: str, known: Iterable[str], what: str) -> Iterator[Finding]:
    names = list(known)
    if name not in names:
        close = nearest(name, names)
        yield place.finding(
            f"unknown {what} {name!r}", f"did you mean {close}?" if close else f"known: {listing(names)}"
        )


def _unknown_names(place: Place, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[Finding]:
    every = list(known)
    for index, name in enumerate(names):
        yield from _unknown(place / index, name, every, what)


def _repeated(place: Place, names: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield (place / index).finding(f"{name!r} is listed twice", "remove one")
        seen.add(name)


def _repeated_ids(place: Place, ids: Iterable[str]) -> Iterator[Finding]:
    seen: dict[str, Place] = {}
    for index, name in enumerate(ids):
        yield from _taken(seen, name, place / index / "id")


def _taken(seen: dict[str, Place], name: str, place: Place) -> Iterator[Finding]:
    first = seen.setdefault(name, place)
    if first is not place:
        where = f"{first.mark.file} line {first.mark.line}"
        yield place.finding(f"id {name!r} is taken, in {where}", "choose another")


_CHECKS: tuple[Callable[[PlanSpec, Place], Iterator[Finding]], ...] = (
    _header,
    _durations,
    _vocabulary,
    _features,
    _catalogue,
    _rules,
    _scopes,
    _contact,
    experiment_findings,
)
