"""Engagement policy: which actions may be considered for a request, and what the context adds to their weight.

Tried in this order: whether an action is available at all (brand, dates, kill switches, holdout), then the rules of
duty of care and of the plan. All rules are compiled into one function. A rule that cannot be decided, because
something is not known, is not met.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from models.availability import Closure, Timetable, first_by_action, whole_closures
from models.care import care_rules, marketing, unsoftened
from models.plan.conditions import Condition
from models.plan.emit import Emitter, define
from models.plan.fields import Scope, feature_columns, fields_of
from models.plan.scopes import Members
from models.plan.spec import ActionSpec, PlanSpec, RuleSpec
from models.plan.syntax import parse
from models.rule_chains import Chain, EngagementRule, FirstUnmet, RuleTable
from models.rule_tables import tabled_mask
from schemas import CandidateSet, DecisionRequest, Stage

__all__ = ["ContextWeights", "EngagementPolicy", "EngagementRule", "engage"]

_TIERS = (
    ("eligibility", Stage.ELIGIBILITY),
    ("applicability", Stage.APPLICABILITY),
    ("suitability", Stage.SUITABILITY),
)
_MEMO = 1024


@dataclass(frozen=True, eq=False)
class EngagementPolicy:
    """What a plan says about whole actions, whatever the contacts of the past: availability and rules, compiled.

    Rules are tried tier by tier; inside a tier duty of care, the plan's policies as written, then the action's own.
    """

    spec: PlanSpec
    rules: tuple[EngagementRule, ...]
    _first_unmet: FirstUnmet
    _by_arm: Mapping[str, FirstUnmet]
    """For the arms that are decided by fewer rules."""
    _closed: "_Closed | None"

    @classmethod
    def of(cls, spec: PlanSpec, columns: Sequence[str]) -> "EngagementPolicy":
        """Compile the rules of `spec`, whose raw feature values are `columns`.

        Raises:
          ExpressionError: A rule cannot be used.
          ValueError: `columns` are not those of the plan.
        """
        _same_columns(spec, columns)
        table = RuleTable(spec)
        closures = tuple(whole_closures(spec))
        numbers = [
            table.number(EngagementRule(each.stage, each.id, each.why, each.text)) for each in closures
        ]
        first_unmet = table.compile(_chains(spec, table))
        light = [arm.id for arm in spec.experiments.arms if arm.kind == "eligibility_only"]
        fewer = (
            table.compile(_chains(spec, table, eligibility_only=marketing(spec))) if light else first_unmet
        )
        closed = _Closed(closures, numbers) if closures else None
        return cls(spec, table.rules, first_unmet, dict.fromkeys(light, fewer), closed)

    def apply(self, request: DecisionRequest) -> tuple[int, ...]:
        """For each action in plan order: index into `rules` of the first that is not met, else -1."""
        rules = self._by_arm.get(request.arm) if self._by_arm else None
        removed = self._first_unmet(request) if rules is None else rules(request)
        return removed if self._closed is None else self._closed.over(request, removed)

    def __reduce__(self) -> tuple[Any, ...]:
        return EngagementPolicy.of, (self.spec, feature_columns(self.spec))


class _Closed:
    """The actions that are not available, put over what the rules removed."""

    def __init__(self, closures: Sequence[Closure], numbers: Sequence[int]) -> None:
        self._closures = closures
        self._numbers = numbers
        self._timetable = Timetable(closures, self._by_request)

    def over(self, request: DecisionRequest, removed: tuple[int, ...]) -> tuple[int, ...]:
        """`removed`, but for what is not available the number of the rule that says so."""
        closed = self._timetable.at(request.requested_at)(request.brand, request.arm)
        if not closed:
            return removed
        found = list(removed)
        for action, rule in closed:
            found[action] = rule
        return tuple(found)

    def _by_request(self, in_force: list[int]) -> Callable[[str, str], list[tuple[int, int]]]:
        @lru_cache(_MEMO)
        def closed(brand: str, arm: str) -> list[tuple[int, int]]:
            concerned = [i for i in in_force if self._closures[i].concerns(brand, arm, "")]
            first = first_by_action(self._closures, concerned)
            return [(action, self._numbers[position]) for action, position in first.items()]

        return closed


@dataclass(frozen=True, eq=False)
class ContextWeights:
    """Factor C of each action: 1 + the percents of all conditions that are met / 100, never below 0."""

    spec: PlanSpec
    _met: Callable[[DecisionRequest], int]
    _factors: Callable[[int], NDArray[np.float64]]
    _care: int
    """The condition of duty of care, as a bit; 0 if there is none."""

    @classmethod
    def of(cls, spec: PlanSpec, columns: Sequence[str]) -> "ContextWeights":
        """Compile the context weights of `spec`, whose raw feature values are `columns`.

        Raises:
          ExpressionError: A condition cannot be used.
          ValueError: `columns` are not those of the plan.
        """
        _same_columns(spec, columns)
        table = fields_of(spec, Scope.DECISION)
        percents: dict[str, tuple[Condition, NDArray[np.float64]]] = {}
        emitter = Emitter(table.roots)
        for text, actions, percent in _weights(spec):
            condition = parse(text, table)
            row = percents.setdefault(emitter.certainly(condition), (condition, np.zeros(len(spec.actions))))[
                1
            ]
            row[actions] += percent
        by_condition, care = list(percents.values()), 0
        if (clear := unsoftened(spec)) is not None:
            care = 1 << len(by_condition)
            by_condition.append((clear, np.zeros(len(spec.actions))))
            by_condition[-1][1][sorted(marketing(spec))] = spec.care.soften_percent
        rows = np.array([row for _, row in by_condition]).reshape(len(by_condition), len(spec.actions))
        conditions = [condition for condition, _ in by_condition]
        return cls(spec, _compile_mask(spec, conditions, care), _factors_by_mask(rows), care)

    def apply(self, request: DecisionRequest) -> NDArray[np.float64]:
        """C of each action in plan order, shape (actions,), read-only."""
        return self._factors(self._met(request))

    def care(self, request: DecisionRequest) -> NDArray[np.float64]:
        """C likewise, of duty of care alone: for those who are decided for without the weights that authors wrote."""
        return self._factors(self._met(request) & self._care)

    def __reduce__(self) -> tuple[Any, ...]:
        return ContextWeights.of, (self.spec, feature_columns(self.spec))


def engage(policy: EngagementPolicy, request: DecisionRequest) -> CandidateSet:
    """Start the funnel: every action of the plan, and the rule that removed it."""
    return CandidateSet(request=request, removed_by=policy.apply(request))


def _chains(spec: PlanSpec, table: RuleTable, eligibility_only: frozenset[int] = frozenset()) -> list[Chain]:
    """The rules that each action must meet, in the order tried.

    Args:
      spec: The plan.
      table: Where its rules get their numbers.
      eligibility_only: Actions that are spared the other tiers.
    """
    members = Members.of(spec)
    policies = [(policy, members.indices(policy.scope)) for policy in spec.policies]
    care = [(table.stated(rule, condition), marketing(spec)) for rule, condition in care_rules(spec)]
    runs: list[list[tuple[int, ...]]] = [[] for _ in spec.actions]
    for tier, stage in _TIERS:
        shared = [*care] if stage is Stage.ELIGIBILITY else []
        shared += [(table.written(stage, policy), scope) for policy, scope in policies if policy.tier == tier]
        for index, action in enumerate(spec.actions):
            if stage is not Stage.ELIGIBILITY and index in eligibility_only:
                continue
            if run := tuple(number for number, scope in shared if index in scope):
                runs[index].append(run)
            runs[index] += [(table.written(stage, rule),) for rule in _own(action, tier)]
    return [tuple(chain) for chain in runs]


def _own(action: ActionSpec, tier: str) -> tuple[RuleSpec, ...]:
    own: tuple[RuleSpec, ...] = getattr(action, tier)
    return own


def _weights(spec: PlanSpec) -> Iterator[tuple[str, list[int], float]]:
    """Every context weight: its condition, the actions it is about, its percent. The plan's come first."""
    members = Members.of(spec)
    for weight in spec.arbitration.context_weights:
        yield weight.when, sorted(members.indices(weight.scope)), weight.percent
    for index, action in enumerate(spec.actions):
        for weight in action.context_weights:
            yield weight.when, [index], weight.percent


def _compile_mask(
    spec: PlanSpec, conditions: Sequence[Condition], flipped: int
) -> Callable[[DecisionRequest], int]:
    """Which conditions are met, as bits; of those in `flipped`, which are not."""
    roots, zone = fields_of(spec, Scope.DECISION).roots, ZoneInfo(spec.time_zone)
    emitter = Emitter(roots)
    tests = [
        f"if {emitter.certainly(condition)}: met ^= {1 << bit}" for bit, condition in enumerate(conditions)
    ]
    body = [*emitter.prologue(), f"met = {flipped}", *tests, "return met"]
    function: Callable[[DecisionRequest], int] = define("met", "request", body, {"_zone": zone})
    return tabled_mask(conditions, roots, zone, function, flipped=flipped)


def _factors_by_mask(percents: NDArray[np.float64]) -> Callable[[int], NDArray[np.float64]]:
    """C by the conditions met. Few combinations occur, so the latest are kept.

    Args:
      percents: Shape (conditions, actions). Rows are added one by one in order, so that a replay on another
        machine rounds alike.
    """

    @lru_cache(_MEMO)
    def factors(met: int) -> NDArray[np.float64]:
        total = np.zeros(percents.shape[1])
        for bit, row in enumerate(percents):
            if met >> bit & 1:
                total += row
        weights = np.maximum(1.0 + total / 100.0, 0.0)
        weights.setflags(write=False)
        return weights

    return factors


def _same_columns(spec: PlanSpec, columns: Sequence[str]) -> None:
    if tuple(columns) != feature_columns(spec):
        raise ValueError("the feature columns are not those of the plan: build both from the same PlanSpec")
