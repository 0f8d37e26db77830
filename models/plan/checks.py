"""Meaning of a plan whose structure is good: names that must exist, ids that must differ, numbers that must fit."""

import re
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from models.erasure import ERASE
from models.features.check import check_features
from models.plan.checks_allocation import allocation_findings
from models.plan.checks_availability import availability_findings
from models.plan.checks_care import care_findings, care_ids
from models.plan.checks_contact import contact_findings
from models.plan.checks_experiments import experiment_findings
from models.plan.checks_volumes import volume_findings
from models.plan.expression_checks import expression_findings
from models.plan.findings import Finding
from models.plan.names import repeated, repeated_ids, taken, unknown, unknown_names
from models.plan.scopes import Members
from models.plan.spec import FieldSpec, PlanSpec, RuleSpec, ScopeSpec
from models.plan.structure import Place
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
        yield from repeated(root / key, getattr(spec, key))
    for key in ("signal_types", "pages"):
        yield from repeated(root / "vocabulary" / key, getattr(spec.vocabulary, key))


def _durations(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Spans of time that must be longer than nothing."""
    places = [(root / "session" / "gap", spec.session.gap)]
    places.append((root / "session" / "forget", spec.session.forget or "1s"))
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
    if ERASE in spec.vocabulary.signal_types:
        place = root / "vocabulary" / "signal_types" / spec.vocabulary.signal_types.index(ERASE)
        message = f"{ERASE!r} erases the customer, in every plan"
        yield place.finding(message, "call the type of signal something else")
    for key in ("attributes", "customer"):
        fields: dict[str, FieldSpec] = getattr(spec.vocabulary, key)
        for name, field in fields.items():
            place = root / "vocabulary" / key / name
            numeric = field.type in {"integer", "number"}
            if field.one_of and field.type not in {"string", "strings"}:
                yield (place / "one_of").finding(f"one_of of a {field.type}", "use it for strings only")
            yield from repeated(place / "one_of", field.one_of)
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
    yield from repeated_ids(root / "actions", [action.id for action in spec.actions])
    yield from repeated_ids(root / "triggers", [trigger.id for trigger in spec.triggers])
    for name, placement in spec.placements.items():
        if placement.channel is not None:
            yield from unknown(
                root / "placements" / name / "channel", placement.channel, spec.channels, "channel"
            )
    for name, group in spec.groups.items():
        yield from unknown(root / "groups" / name / "issue", group.issue, spec.issues, "issue")
    for index, trigger in enumerate(spec.triggers):
        place = root / "triggers" / index / "placements"
        yield from unknown_names(place, trigger.placements, spec.placements, "placement")
    treatments: dict[str, Place] = {}
    for index, action in enumerate(spec.actions):
        place = root / "actions" / index
        yield from unknown(place / "group", action.group, spec.groups, "group")
        for number, treatment in enumerate(action.treatments):
            one = place / "treatments" / number
            yield from unknown_names(one / "placements", treatment.placements, spec.placements, "placement")
            yield from taken(treatments, treatment.id, one / "id")


def _rules(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    """Rule ids stand in every explanation, so that one id must mean one thing."""
    known: dict[str, tuple[str, RuleSpec, Place]] = {}
    built_in = care_ids(spec)
    for tier, rule, place in _every_rule(spec, root):
        if rule.id in built_in:
            message = f"rule id {rule.id!r} is that of a rule of duty of care"
            yield (place / "id").finding(message, "give this rule an id of its own")
        first_tier, first, first_place = known.setdefault(rule.id, (tier, rule, place))
        if (first_tier, first.when, first.why) != (tier, rule.when, rule.why):
            line = f"{first_place.mark.file} line {first_place.mark.line}"
            message = f"rule id {rule.id!r} already means something else, in {line}"
            yield (place / "id").finding(message, "give this rule an id of its own")
    for index, action in enumerate(spec.actions):
        if sum(len(getattr(one, tier)) for one in (action, *action.treatments) for tier in TIERS) > MAX_RULES:
            yield (root / "actions" / index).finding("too many rules", f"use at most {MAX_RULES}")
    if len(spec.policies) > MAX_RULES:
        yield (root / "policies").finding("too many policies", f"use at most {MAX_RULES}")


def _every_rule(spec: PlanSpec, root: Place) -> Iterator[tuple[str, RuleSpec, Place]]:
    for index, policy in enumerate(spec.policies):
        yield policy.tier, policy, root / "policies" / index
    for index, action in enumerate(spec.actions):
        for tier in TIERS:
            place = root / "actions" / index
            for number, rule in enumerate(getattr(action, tier)):
                yield tier, rule, place / tier / number
            for said, treatment in enumerate(action.treatments):
                for number, rule in enumerate(getattr(treatment, tier)):
                    yield tier, rule, place / "treatments" / said / tier / number


def _scopes(spec: PlanSpec, root: Place) -> Iterator[Finding]:
    members = Members.of(spec)
    contact, weights = root / "contact", root / "arbitration" / "context_weights"
    scopes = [(root / "policies" / i / "scope", policy.scope) for i, policy in enumerate(spec.policies)]
    scopes += [(weights / i / "scope", w.scope) for i, w in enumerate(spec.arbitration.context_weights)]
    scopes += [(contact / "limits" / i / "scope", limit.scope) for i, limit in enumerate(spec.contact.limits)]
    scopes += [
        (contact / "suppressions" / i / "scope", s.scope) for i, s in enumerate(spec.contact.suppressions)
    ]
    scopes += [(root / "stops" / i / "scope", stop.scope) for i, stop in enumerate(spec.stops)]
    scopes += [(contact / "volumes" / i / "scope", v.scope) for i, v in enumerate(spec.contact.volumes)]
    scopes += [
        (contact / "quiet_hours" / i / "scope", q.scope) for i, q in enumerate(spec.contact.quiet_hours)
    ]
    scopes += [
        (root / "arbitration" / "influences" / i / "scope", influence.scope)
        for i, influence in enumerate(spec.arbitration.influences)
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
        *unknown_names(place / "issues", scope.issues, spec.issues, "issue"),
        *unknown_names(place / "groups", scope.groups, spec.groups, "group"),
        *unknown_names(place / "actions", scope.actions, actions, "action"),
    ]
    yield from unknown
    keys = sum(map(bool, (scope.issues, scope.groups, scope.actions, scope.classes)))
    if not unknown and keys > 1 and not members.indices(scope):
        yield place.finding("no action fits all keys", "an action must fit every key; remove one")


_CHECKS: tuple[Callable[[PlanSpec, Place], Iterator[Finding]], ...] = (
    _header,
    _durations,
    _vocabulary,
    _features,
    _catalogue,
    _rules,
    _scopes,
    contact_findings,
    care_findings,
    availability_findings,
    experiment_findings,
    allocation_findings,
    volume_findings,
)
