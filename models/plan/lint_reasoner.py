"""What can and cannot be met together in a plan.

Answers are sound, not complete: "impossible" is a proof. Where the solver gives up, after a bounded number of steps and
never after a time, so that every machine gives the same answer, everything is taken to be possible.

Claims that share no field say nothing about each other. So they are asked about in groups that do, and each group
is asked about once: a thousand actions under the same policies cost little more than one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import z3

from models.plan.conditions import Condition
from models.plan.fields import FieldTable, Scope, fields_of
from models.plan.lint_axioms import Axiom, axioms_of
from models.plan.lint_claims import Claim
from models.plan.lint_domains import domains_of
from models.plan.lint_logic import Formula, Translator
from models.plan.spec import PlanSpec
from models.plan.syntax import parse


class Reasoner:
    """Answers about the conditions of one plan; it remembers what it was asked."""

    def __init__(self, spec: PlanSpec) -> None:
        self._tables = {scope: fields_of(spec, scope) for scope in Scope}
        self._tables[Scope.EVENT] = _of_either(self._tables[Scope.EVENT])
        self._parsed: dict[tuple[str, Scope], Condition] = {}
        self._links: dict[Claim, frozenset[str]] = {}
        self._answers: dict[frozenset[Claim], bool] = {}
        self._rules: dict[Axiom, Formula] = {}
        self._translator = Translator(domains_of(spec))
        self._axioms = tuple(axioms_of(spec, self.parse))
        self.undecided: set[str] = set()
        """The fields of claims of which it was not found out whether they are possible."""
        self._hard: set[Claim] = set()
        """Claims that compute, which the solver gave up on: later questions do without them, so that no plan takes
        long to check. To leave out a claim only makes more seem possible."""

    def table(self, scope: Scope = Scope.DECISION) -> FieldTable:
        """The fields that conditions of a scope can name."""
        return self._tables[scope]

    def parse(self, text: str, scope: Scope = Scope.DECISION) -> Condition:
        """The condition that a text of the plan states; each is read once."""
        if (condition := self._parsed.get((text, scope))) is None:
            condition = self._parsed[text, scope] = parse(text, self._tables[scope])
        return condition

    def possible(self, claims: Iterable[Claim]) -> bool:
        """Whether all claims can hold together; False is certain."""
        return all(self._answer(group) for group in self._groups(claims))

    def never(self, condition: Condition) -> bool:
        """Whether nothing can meet the condition."""
        return not self.possible([Claim(condition)])

    def implied(self, claims: Iterable[Claim], condition: Condition) -> bool:
        """Whether the condition is certainly met where all claims hold, which can hold together."""
        against = Claim(condition, "unmet")
        group = next(group for group in self._groups([*claims, against]) if against in group)
        return not self._answer(group)

    def core(self, claims: Sequence[Claim]) -> list[Claim]:
        """Claims that cannot hold together, of which none can be left out. Later ones are left out first."""
        group = next(group for group in self._groups(claims) if not self._answer(group))
        kept = [claim for claim in dict.fromkeys(claims) if claim in group]
        for claim in reversed(list(kept)):
            fewer = [other for other in kept if other != claim]
            if not self.possible(fewer):
                kept = fewer
        return kept

    def _answer(self, group: frozenset[Claim]) -> bool:
        if (answer := self._answers.get(group)) is None:
            answer = self._answers[group] = self._asked(sorted(group, key=lambda claim: claim.key))
        return answer

    def _asked(self, group: Sequence[Claim]) -> bool:
        group = [claim for claim in group if claim not in self._hard]
        names = frozenset[str]().union(*(claim.names for claim in group))
        axioms = self._axioms_about(names)
        solver = self._translator.solver()
        for claim in group:
            solver.add(self._translator.formula(claim))
        for axiom in axioms:
            solver.add(self._rule(axiom))
        claims = [*group, *(claim for axiom in axioms for claim in axiom.claims)]
        for name in sorted({name for claim in claims for name in claim.definitions}):
            solver.add(self._translator.definitions[name])
        verdict = solver.check()
        if verdict == z3.unknown:
            self._give_up(group)
        elif verdict == z3.sat:
            self.undecided |= frozenset[str]().union(*(claim.names for claim in group if claim.curved))
        return bool(verdict != z3.unsat)

    def _give_up(self, group: Sequence[Claim]) -> None:
        hard = [claim for claim in group if claim.definitions > claim.names] or group
        self._hard.update(hard)
        self.undecided |= frozenset[str]().union(*(claim.names for claim in hard))

    def _rule(self, axiom: Axiom) -> Formula:
        if (formula := self._rules.get(axiom)) is None:
            formula = self._translator.implication(axiom.premises, axiom.conclusions)
            self._rules[axiom] = formula
        return formula

    def _axioms_about(self, names: frozenset[str]) -> list[Axiom]:
        """The axioms that matter to the named fields, or to fields that such axioms name."""
        waiting, found = list(self._axioms), list[Axiom]()
        while more := [axiom for axiom in waiting if not names.isdisjoint(axiom.about)]:
            waiting = [axiom for axiom in waiting if names.isdisjoint(axiom.about)]
            found += more
            names = names.union(*(claim.names for axiom in more for claim in axiom.claims))
        return found

    def _groups(self, claims: Iterable[Claim]) -> list[frozenset[Claim]]:
        """The claims in groups that share no field, not even by way of an axiom."""
        groups: list[tuple[frozenset[str], frozenset[Claim]]] = []
        for claim in dict.fromkeys(claims):
            names, members = self._linked(claim), frozenset({claim})
            near = [group for group in groups if not names.isdisjoint(group[0])]
            groups = [group for group in groups if names.isdisjoint(group[0])]
            merged = (
                names.union(*(fields for fields, _ in near)),
                members.union(*(others for _, others in near)),
            )
            groups.append(merged)
        return [members for _, members in groups]

    def _linked(self, claim: Claim) -> frozenset[str]:
        """The fields that a claim names, and those that axioms bring in. A constant is linked to nothing."""
        if (found := self._links.get(claim)) is None:
            names = claim.names
            brought = (other for axiom in self._axioms_about(names) for other in axiom.claims)
            found = self._links[claim] = names.union(*(other.names for other in brought))
        return found


def _of_either(table: FieldTable) -> FieldTable:
    """On an outcome all of `signal.*` is missing, and the other way round."""
    return replace(table, fields={name: replace(field, always=False) for name, field in table.items()})
