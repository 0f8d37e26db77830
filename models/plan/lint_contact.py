"""Contact policy that decides nothing: limits and suppressions that cannot bind, or that others always go before."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.plan.fields import Scope
from models.plan.lint_claims import Claim
from models.plan.lint_findings import Remark
from models.plan.lint_view import View, where
from models.plan.lint_worth import labelled
from models.plan.spec import LimitSpec, ScopeSpec, SuppressionSpec
from models.plan.structure import Place
from models.times import Micros, duration
from schemas.common import Direction, OutcomeKind

_INSIDE = {
    "treatment": ("treatment", "action", "group", "issue"),
    "action": ("action", "group", "issue"),
    "group": ("group", "issue"),
    "issue": ("issue",),
    "channel": ("channel", "direction"),
    "direction": ("direction",),
    "customer": (),
}
"""What is the same for all contacts that a limit counts together, by its `each`."""
_DELIVERY = {OutcomeKind.BOUNCED, OutcomeKind.DELIVERED}


def contact_remarks(view: View) -> Iterator[Remark]:
    """Everything about limits and suppressions."""
    reach = [Reach.of_limit(view, limit) for limit in view.spec.contact.limits]
    limits = view.root / "contact" / "limits"
    alive: list[tuple[LimitSpec, Reach, Place]] = []
    for index, (limit, one) in enumerate(zip(view.spec.contact.limits, reach, strict=True)):
        place = limits / index
        if reason := one.empty(view):
            remedy = "remove it, or widen what it is about"
            yield Remark.at(
                "limit-without-effect", place, f"`{limit.id}` never refuses anything: {reason}", remedy
            )
            continue
        if limit.at_most == 0:
            message = f"`{limit.id}` allows nothing at all in what it is about"
            yield Remark.at(
                "limit-forbids", place / "at_most", message, "use a stop, which says why and until when"
            )
        alive.append((limit, one, place))
    yield from _shadowed(alive)
    yield from _suppressions(view)


@dataclass(frozen=True)
class Reach:
    """The contacts that a limit, a suppression or a volume is about."""

    actions: frozenset[int]
    """Without those of exempt classes, where they are exempt."""
    channels: frozenset[str]
    brands: frozenset[str]
    exempted: bool
    """Whether all actions of its scope are exempt."""

    @classmethod
    def of_limit(cls, view: View, limit: LimitSpec) -> "Reach":
        """What a limit counts."""
        return cls.of(view, limit.scope, limit.channels, limit.brands, limit.directions)

    @classmethod
    def of(
        cls,
        view: View,
        scope: ScopeSpec,
        channels: tuple[str, ...],
        brands: tuple[str, ...],
        directions: tuple[Direction, ...] = (),
        *,
        exempts: bool = True,
    ) -> "Reach":
        """The actions in scope that are not exempt, and where and by whom they can be offered at all."""
        spec = view.spec
        scoped = view.members.indices(scope)
        exempt = set(spec.contact.exempt) if exempts else set()
        among = frozenset(index for index in scoped if spec.actions[index].message_class not in exempt)
        allowed = {
            name
            for name in channels or spec.channels
            if not directions or spec.channels[name].direction in directions
        }
        by = frozenset(brands or spec.brands)
        reaching = {
            index: view.channels_of(index) & allowed
            for index in among
            if not spec.actions[index].brands or by & set(spec.actions[index].brands)
        }
        found = frozenset(index for index, names in reaching.items() if names)
        return cls(found, frozenset[str]().union(*reaching.values()), by, bool(scoped) and not among)

    def empty(self, view: View) -> str:
        """Why there is no such contact, in words; empty if there is."""
        if self.exempted:
            exempt = ", ".join(view.spec.contact.exempt)
            return f"all its actions are of exempt classes ({exempt})"
        return (
            ""
            if self.actions
            else "no action in its scope can be offered in its channels, directions and brands"
        )

    def within(self, other: "Reach") -> bool:
        """Whether every such contact is one of the other's."""
        return (
            self.actions <= other.actions and self.channels <= other.channels and self.brands <= other.brands
        )


def _shadowed(limits: list[tuple[LimitSpec, Reach, Place]]) -> Iterator[Remark]:
    """Limits that never refuse what no other limit refuses; of two equal ones, the later."""
    gone: set[str] = set()
    for limit, reach, place in reversed(limits):
        for other, wider, other_place in limits:
            if other is limit or other.id in gone or not reach.within(wider):
                continue
            if (allows := _most(other, limit)) is None or allows > limit.at_most:
                continue
            gone.add(limit.id)
            message = (
                f"`{limit.id}` is never the only one to refuse: `{other.id}` ({where(other_place)}) allows at most "
                f"{allows} in {limit.per}"
            )
            yield Remark.at("limit-shadowed", place / "at_most", message, "remove it, or lower it")
            break


def _most(other: LimitSpec, limit: LimitSpec) -> int | None:
    """How many of the contacts that `limit` counts together `other` allows in its window; None: any number.

    Where offers of one decision do not count against each other, a window can end up with more than `at_most`; but
    what the one refuses the other refuses too, if it looks as far back and is as low.
    """
    if not _coarser(other, limit):
        return None
    windows = -(-duration(limit.per) // duration(other.per))
    if other.same_decision == "exempt" and (limit.same_decision == "counted" or windows > 1):
        return None
    return other.at_most * windows


def _coarser(other: LimitSpec, limit: LimitSpec) -> bool:
    """Whether `other` counts together, and sooner, whatever `limit` counts together."""
    same = set(_INSIDE[limit.each])
    for key, names in (
        ("issue", limit.scope.issues),
        ("group", limit.scope.groups),
        ("action", limit.scope.actions),
        ("channel", limit.channels),
        ("direction", limit.directions),
    ):
        same |= set(_INSIDE[key]) if len(names) == 1 else set()
    each_brand = not other.per_brand or limit.per_brand or len(limit.brands) == 1
    return (
        (other.each == "customer" or other.each in same)
        and each_brand
        and other.whose in {limit.whose, "household"}
        and other.counts in {limit.counts, "reserved"}
    )


def _suppressions(view: View) -> Iterator[Remark]:
    alive: list[tuple[SuppressionSpec, Reach, Place]] = []
    for index, rule in enumerate(view.spec.contact.suppressions):
        place = view.root / "contact" / "suppressions" / index
        reach = Reach.of(view, rule.scope, rule.channels, rule.brands)
        if found := _silent(view, rule, reach):
            key, reason = found
            message = f"`{rule.id}` never pauses anything: {reason}"
            remedy = "remove it, or widen what sets it off"
            yield Remark.at("suppression-without-effect", place / key, message, remedy)
        else:
            alive.append((rule, reach, place))
    gone: set[str] = set()
    for rule, reach, place in reversed(alive):
        for other, wider, other_place in alive:
            if (
                other is not rule
                and other.id not in gone
                and reach.within(wider)
                and _goes_before(other, rule)
            ):
                gone.add(rule.id)
                by = f"`{other.id}` ({where(other_place)})"
                message = f"`{rule.id}` is never the only one to pause: {by} does it as soon and as long"
                remedy = "remove it, or let it pause more or longer"
                yield Remark.at("suppression-shadowed", place / "id", message, remedy)
                break


def _kinds(rule: SuppressionSpec) -> set[OutcomeKind]:
    return set(rule.outcomes) | labelled(rule.label)


def _silent(view: View, rule: SuppressionSpec, reach: Reach) -> tuple[str, str] | None:
    """Why a suppression cannot be set off, and the key to blame."""
    if reason := reach.empty(view):
        return "scope", reason
    if rule.signal is not None:
        condition = view.reasoner.parse(rule.signal, Scope.SIGNAL)
        return None if view.reasoner.possible([Claim(condition)]) else ("signal", "no signal can meet this")
    channels = [view.spec.channels[name] for name in sorted(reach.channels)]
    possible = _kinds(rule)
    if not any(channel.response_window for channel in channels):
        possible -= {OutcomeKind.NO_RESPONSE}
    if not possible:
        return "outcomes", "NoResponse is set by the response_window, and none of its channels has one"
    if all(channel.direction is Direction.INBOUND for channel in channels) and not possible - _DELIVERY:
        return "outcomes", "what is shown in inbound channels is neither delivered nor bounced"
    return _too_rare(view, rule, reach)


def _too_rare(view: View, rule: SuppressionSpec, reach: Reach) -> tuple[str, str] | None:
    """Silence comes once for each contact, as long after it as the response window: limits bound how often."""
    if _kinds(rule) != {OutcomeKind.NO_RESPONSE}:
        return None
    windows = [
        duration(text) for name in reach.channels if (text := view.spec.channels[name].response_window)
    ]
    span = duration(rule.within) + max(windows) - min(windows)
    for limit in view.spec.contact.limits:
        most = _contacts(view, rule, limit, reach, span)
        if most is not None and most < rule.times:
            return "times", f"`{limit.id}` allows {most} contacts in that time, and it takes {rule.times}"
    return None


def _contacts(view: View, rule: SuppressionSpec, limit: LimitSpec, reach: Reach, span: Micros) -> int | None:
    """How many contacts that the suppression counts together the limit allows in `span`; None: it does not say."""
    if limit.same_decision == "exempt" or limit.counts != "reserved" or rule.pauses == "all":
        return None
    counted = "channel" if rule.pauses == "channel" else rule.pauses
    together = limit.each == "customer" or limit.each in _INSIDE[counted]
    if not together or limit.per_brand or not reach.within(Reach.of_limit(view, limit)):
        return None
    return limit.at_most * -(-span // duration(limit.per))


def _goes_before(other: SuppressionSpec, rule: SuppressionSpec) -> bool:
    """Whether `other` pauses, as soon and as long, whatever `rule` pauses."""
    if rule.signal is not None and rule.signal != other.signal:
        return False
    same_unit = other.pauses in {rule.pauses, "all", *_INSIDE.get(rule.pauses, ())}
    return (
        same_unit
        and _kinds(rule) <= _kinds(other)
        and other.times <= rule.times
        and duration(other.within) >= duration(rule.within)
        and duration(other.pause) >= duration(rule.pause)
        and (not other.per_brand or rule.per_brand)
        and (rule.signal is None or other.action_attribute == rule.action_attribute)
    )
