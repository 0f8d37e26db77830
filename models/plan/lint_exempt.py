"""Service and regulatory messages that contact policy can hold back: a fraud warning that a limit on offers stops."""

from collections.abc import Iterator

from models.plan.lint_capacity import quiet_channels
from models.plan.lint_contact import Reach
from models.plan.lint_findings import Remark
from models.plan.lint_view import View, named
from models.plan.spec import ScopeSpec, SuppressionSpec
from schemas.common import MessageClass


def exemption_remarks(view: View) -> Iterator[Remark]:
    """Classes that always have to arrive, but are not exempt, and what can hold them back."""
    for kind in (MessageClass.SERVICE, MessageClass.REGULATORY):
        if kind in view.spec.contact.exempt:
            continue
        mine = {i for i, action in enumerate(view.spec.actions) if action.message_class == kind}
        if holding := list(_holding(view, kind, mine)):
            message = f"{kind} messages are not exempt, and can be held back by {named(holding)}"
            remedy = f"add {kind} to exempt; what is meant for them says so: `scope: {{classes: [{kind}]}}`"
            yield Remark.at("service-held-back", view.root / "contact" / "exempt", message, remedy)


def _holding(view: View, kind: MessageClass, mine: set[int]) -> Iterator[str]:
    """Ids of all in contact policy that can hold back one of these actions, and does not say that it is about them."""
    contact = view.spec.contact
    for rule in contact.suppressions:
        if not _meant(rule.scope, kind) and mine & _paused(view, rule):
            yield rule.id
    for limit in contact.limits:
        if not _meant(limit.scope, kind) and mine & Reach.of_limit(view, limit).actions:
            yield limit.id
    for quiet in contact.quiet_hours:
        channels = quiet_channels(view, quiet)
        held = Reach.of(view, quiet.scope, channels, ()).actions if channels else frozenset[int]()
        if not _meant(quiet.scope, kind) and mine & held:
            yield quiet.id
    for volume in contact.volumes:
        if volume.at_most is None or _meant(volume.scope, kind):
            continue
        if mine & Reach.of(view, volume.scope, volume.channels, volume.brands, volume.directions).actions:
            yield volume.id


def _meant(scope: ScopeSpec, kind: MessageClass) -> bool:
    """Whether a scope names the class: then its author wants it governed."""
    return kind in scope.classes


def _paused(view: View, rule: SuppressionSpec) -> set[int]:
    """The actions that a suppression can pause, by what is paused together with what sets it off."""
    actions, groups = view.spec.actions, view.spec.groups
    if rule.pauses in ("channel", "all"):
        return set(range(len(actions)))
    scoped = set(view.members.indices(rule.scope))
    if rule.pauses == "group":
        units = {actions[i].group for i in scoped}
        return {i for i, action in enumerate(actions) if action.group in units}
    if rule.pauses == "issue":
        units = {groups[actions[i].group].issue for i in scoped}
        return {i for i, action in enumerate(actions) if groups[action.group].issue in units}
    return scoped
