"""Rules that nobody or everybody meets, that another rule makes superfluous, or that no customer can meet together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from models.plan.conditions import AllOf, AnyOf, Condition, Known, Not
from models.plan.lint_claims import Claim
from models.plan.lint_findings import Remark
from models.plan.lint_view import RuleAt, View, named
from models.plan.structure import Place


def rule_remarks(view: View) -> Iterator[Remark]:
    """Everything about single rules, and about the rules of one action or treatment together."""
    for rule in view.every_rule():
        yield from _alone(view, rule)
    shadows = _Shadows()
    for index, action in enumerate(view.spec.actions):
        yield from _together(view, index, shadows)
        if view.reasoner.possible(view.claims(index)):
            for number in range(len(action.treatments)):
                yield from _treatment(view, index, number, shadows)
    yield from shadows.remarks()


def _alone(view: View, rule: RuleAt) -> Iterator[Remark]:
    reasoner, condition = view.reasoner, rule.condition
    if reasoner.never(condition):
        remedy = "correct it; it removes what it is about for everybody"
        yield Remark.at("rule-never-met", rule.place, "no customer can meet this", remedy)
    elif reasoner.implied([], condition):
        remedy = "remove the rule, or say what it should ask"
        yield Remark.at("rule-always-met", rule.place, "this is always met", remedy)
    elif not reasoner.possible([Claim(condition, "false")]) and not _about_knowledge(condition):
        message = "this is met by everybody of whom the facts are known"
        yield Remark.at("known-only", rule.place, message, "write known(...) if that is what is meant")


def _about_knowledge(condition: Condition) -> bool:
    match condition:
        case Known():
            return True
        case Not(part=part):
            return _about_knowledge(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return any(map(_about_knowledge, parts))
    return False


@dataclass(eq=False)
class _Shadows:
    """For each rule: under how many actions it is tried, and which other rules imply it there."""

    tried: dict[Place, tuple[RuleAt, int]] = field(default_factory=dict)
    implied: dict[Place, list[tuple[RuleAt, ...]]] = field(default_factory=dict)

    def add(self, rule: RuleAt, by: tuple[RuleAt, ...] | None) -> None:
        """The rule is tried under one more action, where it is implied `by` others, or is not."""
        _, before = self.tried.get(rule.place, (rule, 0))
        self.tried[rule.place] = rule, before + 1
        if by:
            self.implied.setdefault(rule.place, []).append(by)

    def remarks(self) -> Iterator[Remark]:
        """The rules that are implied wherever they are tried."""
        for place, (rule, times) in self.tried.items():
            reasons = self.implied.get(place, [])
            if rule.written and len(reasons) == times:
                yield Remark.at("rule-shadowed", place, _superfluous(rule, reasons[0]), "remove one of them")


def _superfluous(rule: RuleAt, by: Sequence[RuleAt]) -> str:
    others = named([other.said for other in by])
    if len(by) == 1 and by[0].condition == rule.condition:
        return f"`{rule.id}` never removes anything: {others} asks the same before it"
    return f"`{rule.id}` never removes anything: who meets {others}, tried before it, meets this too"


def _together(view: View, index: int, shadows: _Shadows) -> Iterator[Remark]:
    """The rules of an action one after the other, and then whether it is asked for where it can be said."""
    chain = view.chains[index]
    met = _walked(view, [], chain, shadows)
    action = view.spec.actions[index]
    if met < len(chain):
        if not view.reasoner.never(chain[met].condition):
            yield _contradiction(
                view, "action-unreachable", view.action(index) / "id", f"`{action.id}`", chain[: met + 1]
            )
        return
    claims = view.claims(index)
    told = action.id in view.fallbacks and view.reasoner.possible(view.allowed(index))
    if not view.reasoner.possible(claims) and not told:
        said = dict(zip(claims, [rule.said for rule in chain], strict=False))
        blamed = [said.get(claim, _circumstance(view, index, claim)) for claim in view.reasoner.core(claims)]
        message = f"no customer can get `{action.id}`: {named(blamed)} cannot be met together"
        remedy = "change one of them, or remove the action"
        yield Remark.at("action-unreachable", view.action(index) / "id", message, remedy)


def _circumstance(view: View, index: int, claim: Claim) -> str:
    action = view.spec.actions[index]
    if action.brands and claim.condition == view.of_brands(action):
        return f"`brands: [{', '.join(action.brands)}]`"
    return "`placements` of its treatments (with consent, where marketing needs it)"


def _walked(view: View, before: Sequence[RuleAt], chain: Sequence[RuleAt], shadows: _Shadows) -> int:
    """How many rules of the chain can be met together; which of them are implied by those before goes to `shadows`."""
    reasoner = view.reasoner
    earlier = list(before)
    for position, rule in enumerate(chain):
        claims = [other.met for other in earlier]
        if not reasoner.possible([*claims, rule.met]):
            return position
        shadows.add(rule, _implying(view, earlier, rule))
        earlier.append(rule)
    return len(chain)


def _implying(view: View, earlier: Sequence[RuleAt], rule: RuleAt) -> tuple[RuleAt, ...] | None:
    """The earlier rules that make this one superfluous, if any do."""
    reasoner = view.reasoner
    claims = {other.met: other for other in reversed(earlier)}
    if reasoner.implied([], rule.condition) or not reasoner.implied(claims, rule.condition):
        return None
    against = Claim(rule.condition, "unmet")
    ordered = [*reversed(claims), against]
    return tuple(claims[claim] for claim in reasoner.core(ordered) if claim != against)


def _contradiction(view: View, code: str, place: Place, name: str, chain: Sequence[RuleAt]) -> Remark:
    claims = {rule.met: rule for rule in chain}
    blamed = named([claims[claim].said for claim in view.reasoner.core(list(claims))])
    message = f"no customer can get {name}: {blamed} cannot be met together"
    return Remark.at(code, place, message, "change one of them, or remove it")


def _treatment(view: View, index: int, number: int, shadows: _Shadows) -> Iterator[Remark]:
    """The rules of a treatment, once its action is allowed and asked for in one of its placements."""
    treatment, rules = view.spec.actions[index].treatments[number], view.treatment_rules(index, number)
    place = view.treatment(index, number) / "id"
    if any(view.reasoner.never(rule.condition) for rule in rules):
        return
    if not view.places(index, [treatment]):
        message = (
            f"no request can use `{treatment.id}`: its action is a fallback, but of none of these placements"
        )
        yield Remark.at("treatment-unreachable", place, message, "make it the fallback there, or remove it")
        return
    met = _walked(view, view.chains[index], rules, shadows)
    if met < len(rules):
        chain = [*view.chains[index], *rules[: met + 1]]
        yield _contradiction(view, "treatment-unreachable", place, f"treatment `{treatment.id}`", chain)
        return
    claims = [*view.claims(index), *(rule.met for rule in rules), view.asked(index, [treatment])]
    if not view.reasoner.possible(claims):
        message = (
            f"no request can use `{treatment.id}`: its action passes only where other placements are asked"
        )
        yield Remark.at("treatment-unreachable", place, message, "give it other placements, or remove it")
