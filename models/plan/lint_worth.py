"""What arbitration can never offer, or offers as if nothing had been said: worth, weights, thresholds, influences."""

from collections.abc import Iterator, Sequence

from models.exploration.evidence import known_propensity
from models.ledger.attribution import LABELS
from models.plan.lint_claims import Claim
from models.plan.lint_findings import Remark
from models.plan.lint_view import View, some, where
from models.plan.spec import ActionSpec, InfluenceSpec, WeightSpec
from models.plan.structure import Place
from schemas.common import MessageClass, OutcomeKind

_ALL = 100.0
_MOST = 12
_Lowering = tuple[WeightSpec, Place]


def worth_remarks(view: View) -> Iterator[Remark]:
    """Everything about the factors of the priority."""
    weights = list(_weights(view))
    lowering: list[list[_Lowering]] = [[] for _ in view.spec.actions]
    for weight, place, scope in weights:
        yield from _weight(view, weight, place, scope)
        for index in scope if weight.percent < 0 else ():
            lowering[index].append((weight, place))
    cancelled: dict[tuple[Place, ...], list[int]] = {}
    for index, action in enumerate(view.spec.actions):
        yield from _worth(view, index, action)
        if places := _cancelling(view, index, lowering[index]):
            cancelled.setdefault(places, []).append(index)
    for places, actions in cancelled.items():
        yield _cancelled(view, places, actions)
    for index, influence in enumerate(view.spec.arbitration.influences):
        yield from _influence(view, influence, view.root / "arbitration" / "influences" / index)


def _worth(view: View, index: int, action: ActionSpec) -> Iterator[Remark]:
    spec, place, switches = view.spec, view.action(index), view.spec.arbitration
    if action.mandatory:
        return
    group = spec.groups[action.group]
    lever = spec.issues[group.issue].lever_percent + group.lever_percent + action.lever_percent
    marketing = action.message_class is MessageClass.MARKETING
    least = switches.priority_threshold if marketing else 0.0
    consequence = "it is never offered" if least > 0 else "it comes after everything else"
    if action.id in view.fallbacks and least <= 0:
        pass  # it competes with nothing
    elif switches.value and action.value == 0:
        message = f"the value of `{action.id}` is 0, and so is its priority: {consequence}"
        yield Remark.at("action-worthless", place / "value", message, "give it a value, or make it mandatory")
    elif switches.levers and lever <= -_ALL:
        message = (
            f"the levers of `{action.id}` add up to {lever:g} percent, so its priority is 0: {consequence}"
        )
        yield Remark.at("action-worthless", place / "lever_percent", message, "raise one of its levers")
    threshold = action.propensity_threshold
    threshold = switches.propensity_threshold if threshold is None else threshold
    start = known_propensity(action)
    if marketing and spec.model is None and not switches.smoothing and start < threshold:
        message = f"the propensity of `{action.id}` is {start:g}, below its threshold {threshold:g}"
        remedy = "without a model it is never offered: lower one, or train a model"
        yield Remark.at("action-worthless", place / "starting_propensity", message, remedy)


def _weights(view: View) -> Iterator[tuple[WeightSpec, Place, frozenset[int]]]:
    shared = view.root / "arbitration" / "context_weights"
    for number, weight in enumerate(view.spec.arbitration.context_weights):
        yield weight, shared / number, view.members.indices(weight.scope)
    for index, action in enumerate(view.spec.actions):
        for number, weight in enumerate(action.context_weights):
            yield weight, view.action(index) / "context_weights" / number, frozenset({index})


def _weight(view: View, weight: WeightSpec, place: Place, scope: frozenset[int]) -> Iterator[Remark]:
    condition = view.reasoner.parse(weight.when)
    met = Claim(condition)
    if not scope or weight.percent == 0:
        message = "it is about no action" if not scope else "it adds 0 percent"
        yield Remark.at("weight-never-met", place, f"this weight changes nothing: {message}", "remove it")
    elif not view.reasoner.possible([met]):
        yield Remark.at(
            "weight-never-met", place / "when", "no request can meet this", "correct or remove it"
        )
    elif view.reasoner.implied([], condition):
        message = f"this is always met, so {weight.percent:g} percent are always added"
        yield Remark.at("weight-always-met", place / "when", message, "use lever_percent instead")
    elif not any(_with_action(view, index, met) for index in scope):
        message = "where this is met, the rules let none of its actions pass"
        yield Remark.at("weight-never-met", place / "when", message, "correct or remove it")


def _with_action(view: View, index: int, met: Claim) -> bool:
    """Whether it can be met where the action is offered; of an action that nobody gets another check tells."""
    claims = view.claims(index)
    return view.reasoner.possible([*claims, met]) or not view.reasoner.possible(claims)


def _cancelling(view: View, index: int, found: Sequence[_Lowering]) -> tuple[Place, ...]:
    """Weights that can be met together and leave the action no priority, though none of them does alone."""
    percents = [weight.percent for weight, _ in found]
    if not view.spec.arbitration.context_weight or sum(percents) > -_ALL or min(percents) <= -_ALL:
        return ()
    claims, taken = view.claims(index), list[Place]()
    total = 0.0
    for weight, place in sorted(found, key=lambda pair: pair[0].percent)[:_MOST]:
        more = [*claims, Claim(view.reasoner.parse(weight.when))]
        if view.reasoner.possible(more):
            claims, total = more, total + weight.percent
            taken.append(place)
    return tuple(taken) if total <= -_ALL else ()


def _cancelled(view: View, places: Sequence[Place], actions: Sequence[int]) -> Remark:
    names = some([view.spec.actions[index].id for index in actions])
    others = ", ".join(map(where, places[1:]))
    message = f"with the weights in {others}, this can leave {names} a context weight of 0"
    remedy = "marketing is not offered then, and all else comes last; soften one, or say so with a rule"
    return Remark.at("weight-cancelled", places[0] / "percent", message, remedy)


def _influence(view: View, influence: InfluenceSpec, place: Place) -> Iterator[Remark]:
    scope = view.members.indices(influence.scope)
    if not scope:
        message = f"`{influence.id}` changes nothing: it is about no action"
        yield Remark.at("influence-without-effect", place, message, "remove it")
        return
    kinds = set(influence.outcomes) | labelled(influence.label)
    channels = frozenset[str]().union(*(view.channels_of(index) for index in scope))
    if kinds == {OutcomeKind.NO_RESPONSE} and not any(
        view.spec.channels[name].response_window for name in channels
    ):
        message = (
            f"`{influence.id}` waits for NoResponse, and no channel of its actions has a response_window"
        )
        yield Remark.at("influence-without-effect", place / "outcomes", message, "give one a response_window")


def labelled(label: str | None) -> set[OutcomeKind]:
    """The outcomes of a label."""
    return {kind for kind, positive in LABELS.items() if label == ("positive" if positive else "negative")}
