"""A plan as the checks look at it: its places, its rules in the order tried, and a reasoner about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from models.care import applies, care_rules, consent_rules
from models.plan.conditions import AllOf, Among, AnyOf, Condition, Constant, Holds, Ref, Truth
from models.plan.facts import care_facts
from models.plan.lint_claims import Claim
from models.plan.lint_reasoner import Reasoner
from models.plan.scopes import Members
from models.plan.spec import ActionSpec, PlanSpec, RuleSpec, TreatmentSpec
from models.plan.structure import Place
from schemas.common import MessageClass

TIERS = ("eligibility", "applicability", "suitability")


@dataclass(frozen=True, eq=False)
class RuleAt:
    """A rule where it stands."""

    id: str
    condition: Condition
    place: Place
    """Of its condition, or of what it was made from."""
    text: str
    written: bool = True
    """False if no author wrote it."""

    @cached_property
    def met(self) -> Claim:
        """That it is met."""
        return Claim(self.condition)

    @property
    def said(self) -> str:
        """The rule as messages name it."""
        return f"`{self.id}` ({where(self.place)})" if self.written else f"`{self.id}` (duty of care)"


@dataclass(frozen=True, eq=False)
class View:
    """One plan that was loaded and found good.

    Attributes:
      spec: The plan.
      root: Where everything of it stands.
      reasoner: What its conditions allow.
      today: In the plan's time zone; None: dates are compared with each other only.
    """

    spec: PlanSpec
    root: Place
    reasoner: Reasoner
    today: datetime | None = None

    @cached_property
    def members(self) -> Members:
        """Which actions a scope is about."""
        return Members.of(self.spec)

    @cached_property
    def chains(self) -> tuple[tuple[RuleAt, ...], ...]:
        """By action: the rules that it must meet, in the order tried."""
        care = self._care()
        policies = {tier: self._policies(tier) for tier in TIERS}
        chains = []
        for index, action in enumerate(self.spec.actions):
            marketing = action.message_class is MessageClass.MARKETING
            chain = list(care) if marketing else []
            for tier in TIERS:
                chain += [rule for rule, scope in policies[tier] if index in scope]
                chain += self._written(getattr(action, tier), self.action(index) / tier)
            chains.append(tuple(chain))
        return tuple(chains)

    def action(self, index: int) -> Place:
        """Where an action stands."""
        return self.root / "actions" / index

    def treatment(self, index: int, number: int) -> Place:
        """Where a treatment stands."""
        return self.action(index) / "treatments" / number

    def treatment_rules(self, index: int, number: int) -> list[RuleAt]:
        """The rules of a treatment, in the order tried."""
        treatment, place = self.spec.actions[index].treatments[number], self.treatment(index, number)
        return [rule for tier in TIERS for rule in self._written(getattr(treatment, tier), place / tier)]

    def every_rule(self) -> Iterator[RuleAt]:
        """Every rule that an author wrote, where it stands."""
        for tier in TIERS:
            yield from (rule for rule, _ in self._policies(tier))
        for index, action in enumerate(self.spec.actions):
            for tier in TIERS:
                yield from self._written(getattr(action, tier), self.action(index) / tier)
            for number in range(len(action.treatments)):
                yield from self.treatment_rules(index, number)

    def asked(self, index: int, treatments: Sequence[TreatmentSpec]) -> Claim:
        """That a place is asked for where one of these treatments of an action can be said to the customer."""
        return self.asked_at(index, self.places(index, treatments))

    def places(self, index: int, treatments: Sequence[TreatmentSpec]) -> list[str]:
        """The placements where these treatments of an action can be said: of a fallback, only where it is one."""
        named = dict.fromkeys(name for treatment in treatments for name in treatment.placements)
        of = self.fallbacks.get(self.spec.actions[index].id)
        return [name for name in named if of is None or name in of]

    @cached_property
    def fallbacks(self) -> dict[str, frozenset[str]]:
        """By the id of an action that is a fallback: the placements where it is one. It competes nowhere."""
        named = [(body.fallback, name) for name, body in self.spec.placements.items() if body.fallback]
        return {action: frozenset(name for other, name in named if other == action) for action, _ in named}

    def asked_at(self, index: int, placements: Sequence[str]) -> Claim:
        """That one of these placements is asked for, with the customer's consent where marketing needs it."""
        marketing = self.spec.actions[index].message_class is MessageClass.MARKETING
        asked = [self._asked(name, consented=not marketing) for name in placements]
        return Claim(AnyOf(tuple(asked)))

    def _asked(self, placement: str, *, consented: bool) -> Condition:
        table = self.reasoner.table()
        asked = Holds(table["request.placements"], Constant(placement))
        fact = None if consented else self._consents.get(self.spec.placements[placement].channel or "")
        return asked if fact is None else AllOf((asked, Truth(table[f"customer.{fact}"])))

    @cached_property
    def _consents(self) -> dict[str, str]:
        """By channel: the fact that holds the consent to marketing in it."""
        return {channel: fact for channel, fact, _ in consent_rules(self.spec)}

    def of_brands(self, action: ActionSpec) -> Condition:
        """That one of the action's brands asks."""
        brand = self.reasoner.table()["request.brand"]
        return Among(Ref(brand), tuple(sorted(action.brands or self.spec.brands)))

    def claims(self, index: int) -> list[Claim]:
        """What holds whenever an action is offered."""
        return [*self.allowed(index), self.asked(index, self.spec.actions[index].treatments)]

    def allowed(self, index: int) -> list[Claim]:
        """What holds whenever an action is allowed, wherever that is."""
        action = self.spec.actions[index]
        rules = [rule.met for rule in self.chains[index]]
        return [*rules, Claim(self.of_brands(action))] if action.brands else rules

    def channels_of(self, index: int) -> frozenset[str]:
        """The channels in which an action can be offered."""
        spec = self.spec
        named = {spec.placements[name].channel for name in self.places(index, spec.actions[index].treatments)}
        return frozenset(spec.channels) if None in named else frozenset(name for name in named if name)

    def _care(self) -> list[RuleAt]:
        if not applies(self.spec):
            return []
        places = {
            f"not customer.{care.fact}": self.root / "care" / name
            for name, care in care_facts(self.spec).items()
        }
        return [
            RuleAt(rule.id, condition, places[rule.text], rule.text, written=False)
            for rule, condition in care_rules(self.spec)
        ]

    def _policies(self, tier: str) -> list[tuple[RuleAt, frozenset[int]]]:
        found = []
        for index, policy in enumerate(self.spec.policies):
            if policy.tier == tier:
                rule = self._rule(policy, self.root / "policies" / index)
                found.append((rule, self.members.indices(policy.scope)))
        return found

    def _written(self, rules: Sequence[RuleSpec], place: Place) -> list[RuleAt]:
        return [self._rule(rule, place / index) for index, rule in enumerate(rules)]

    def _rule(self, rule: RuleSpec, place: Place) -> RuleAt:
        return RuleAt(rule.id, self.reasoner.parse(rule.when), place / "when", rule.when)


def where(place: Place) -> str:
    """A place in a few words: its file's name and line."""
    return f"{place.mark.file.rpartition('/')[2]} line {place.mark.line}"


def named(names: Sequence[str]) -> str:
    """`a`, `b` and `c`."""
    *others, last = (name if name.startswith("`") else f"`{name}`" for name in names)
    return f"{', '.join(others)} and {last}" if others else last


def some(names: Sequence[str], most: int = 5) -> str:
    """`a`, `b`, `c` and 7 more."""
    if len(names) <= most:
        return named(names)
    return f"{', '.join(f'`{name}`' for name in names[:most])} and {len(names) - most} more"
