"""Engagement policy: which actions may be considered for a request, and what the context adds to their weight.

All rules of a plan are compiled into one Python function: a condition that several rules share is evaluated once,
one that a single action states only if that action gets so far. A rule that cannot be decided, because something
is not known, is not met: no consent on record is no consent.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.plan.emit import Emitter, define
from models.plan.fields import Scope, feature_columns, fields_of
from models.plan.scopes import Members
from models.plan.spec import ActionSpec, PlanSpec, RuleSpec
from models.plan.syntax import parse
from schemas import CandidateSet, DecisionRequest, Stage

_TIERS = (
    ("eligibility", Stage.ELIGIBILITY),
    ("applicability", Stage.APPLICABILITY),
    ("suitability", Stage.SUITABILITY),
)
_MEMO = 1024


class EngagementRule(msgspec.Struct, frozen=True):
    """One condition that removes actions which do not meet it."""

    stage: Stage
    id: str
    why: str
    """The reason in words one could say to a customer; may be empty."""
    text: str
    """The condition as written in the plan."""


@dataclass(frozen=True, eq=False)
class EngagementPolicy:
    """The eligibility, applicability and suitability rules of one plan, compiled.

    Rules are tried tier by tier; inside a tier the plan's policies as written, then the action's own.
    """

    spec: PlanSpec
    rules: tuple[EngagementRule, ...]
    _first_unmet: Callable[[DecisionRequest], tuple[int, ...]]

    @classmethod
    def of(cls, spec: PlanSpec, columns: Sequence[str]) -> "EngagementPolicy":
        """Compile the rules of `spec`, whose raw feature values are `columns`.

        Raises:
          ExpressionError: A rule cannot be used.
          ValueError: `columns` are not those of the plan.
        """
        _same_columns(spec, columns)
        rules, chains = _rules_by_action(spec)
        return cls(spec, tuple(rules), _compile_chains(spec, rules, chains))

    def apply(self, request: DecisionRequest) -> tuple[int, ...]:
        """For each action in plan order: index into `rules` of the first that is not met, else -1."""
        return self._first_unmet(request)

    def __reduce__(self) -> tuple[Any, ...]:
        return EngagementPolicy.of, (self.spec, feature_columns(self.spec))


@dataclass(frozen=True, eq=False)
class ContextWeights:
    """Factor C of each action: 1 + the percents of all conditions that are met / 100, never below 0."""

    spec: PlanSpec
    _met: Callable[[DecisionRequest], int]
    _factors: Callable[[int], NDArray[np.float64]]

    @classmethod
    def of(cls, spec: PlanSpec, columns: Sequence[str]) -> "ContextWeights":
        """Compile the context weights of `spec`, whose raw feature values are `columns`.

        Raises:
          ExpressionError: A condition cannot be used.
          ValueError: `columns` are not those of the plan.
        """
        _same_columns(spec, columns)
        table = fields_of(spec, Scope.DECISION)
        percents: dict[str, NDArray[np.float64]] = {}
        emitter = Emitter(table.roots)
        for text, actions, percent in _weights(spec):
            row = percents.setdefault(emitter.certainly(parse(text, table)), np.zeros(len(spec.actions)))
            row[actions] += percent
        rows = np.array(list(percents.values())).reshape(len(percents), len(spec.actions))
        return cls(spec, _compile_mask(spec, emitter, list(percents)), _factors_by_mask(rows))

    def apply(self, request: DecisionRequest) -> NDArray[np.float64]:
        """C of each action in plan order, shape (actions,), read-only."""
        return self._factors(self._met(request))

    def __reduce__(self) -> tuple[Any, ...]:
        return ContextWeights.of, (self.spec, feature_columns(self.spec))


def engage(policy: EngagementPolicy, request: DecisionRequest) -> CandidateSet:
    """Start the funnel: every action of the plan, and the rule that removed it."""
    return CandidateSet(request=request, removed_by=policy.apply(request))


Chain = tuple[tuple[int, ...], ...]
"""The rules of one action in the order tried, in runs: policies run together, own rules one by one."""


def _rules_by_action(spec: PlanSpec) -> tuple[list[EngagementRule], list[Chain]]:
    """All distinct rules in the order tried, and which of them each action must meet."""
    rules: dict[EngagementRule, int] = {}
    members = Members.of(spec)
    policies = [(policy, members.indices(policy.scope)) for policy in spec.policies]
    runs: list[list[tuple[int, ...]]] = [[] for _ in spec.actions]
    for tier, stage in _TIERS:
        shared = [(_number(rules, stage, policy), scope) for policy, scope in policies if policy.tier == tier]
        for index, action in enumerate(spec.actions):
            if run := tuple(number for number, scope in shared if index in scope):
                runs[index].append(run)
            runs[index] += [(_number(rules, stage, rule),) for rule in _own(action, tier)]
    return list(rules), [tuple(chain) for chain in runs]


def _number(rules: dict[EngagementRule, int], stage: Stage, rule: RuleSpec) -> int:
    return rules.setdefault(EngagementRule(stage, rule.id, rule.why, rule.when), len(rules))


def _own(action: ActionSpec, tier: str) -> tuple[RuleSpec, ...]:
    own: tuple[RuleSpec, ...] = getattr(action, tier)
    return own


def _compile_chains(
    spec: PlanSpec, rules: Sequence[EngagementRule], chains: Sequence[Chain]
) -> Callable[[DecisionRequest], tuple[int, ...]]:
    table = fields_of(spec, Scope.DECISION)
    emitter = Emitter(table.roots)
    code = _ChainCode([emitter.certainly(parse(rule.text, table)) for rule in rules], chains)
    answers = [code.answer(chain) for chain in chains]
    body = [*emitter.prologue(), *code.statements, f"return ({', '.join(answers)},)"]
    function: Callable[[DecisionRequest], tuple[int, ...]] = _define("first_unmet", spec, body)
    return function


class _ChainCode:
    """Source for runs and conditions: what is used more than once gets a local, the rest is written in place."""

    def __init__(self, conditions: Sequence[str], chains: Sequence[Chain]) -> None:
        runs = dict.fromkeys(run for chain in chains for run in chain if len(run) > 1)
        singles = [run[0] for chain in chains for run in chain if len(run) == 1]
        uses = [conditions[rule] for rule in [*singles, *(rule for run in runs for rule in run)]]
        shared = [source for source, count in Counter(uses).items() if count > 1]
        names = {source: f"c{number}" for number, source in enumerate(shared)}
        self._conditions = [names.get(source, source) for source in conditions]
        self._runs = {run: number for number, run in enumerate(runs)}
        self.statements = [f"{name} = {source}" for source, name in names.items()]
        for run, number in self._runs.items():
            tests = " else ".join(f"{rule} if not ({self._conditions[rule]})" for rule in run)
            self.statements += [f"e{number} = {tests} else -1", f"k{number} = e{number} < 0"]

    def answer(self, chain: Chain) -> str:
        """Source of the first rule of `chain` that is not met, else -1."""
        return "".join(f"{self._test(run)} else " for run in chain) + "-1"

    def _test(self, run: tuple[int, ...]) -> str:
        if (number := self._runs.get(run)) is not None:
            return f"e{number} if not k{number}"
        return f"{run[0]} if not ({self._conditions[run[0]]})"


def _weights(spec: PlanSpec) -> Iterator[tuple[str, list[int], float]]:
    """Every context weight: its condition, the actions it is about, its percent. The plan's come first."""
    members = Members.of(spec)
    for weight in spec.arbitration.context_weights:
        yield weight.when, sorted(members.indices(weight.scope)), weight.percent
    for index, action in enumerate(spec.actions):
        for weight in action.context_weights:
            yield weight.when, [index], weight.percent


def _compile_mask(
    spec: PlanSpec, emitter: Emitter, conditions: Sequence[str]
) -> Callable[[DecisionRequest], int]:
    """Which conditions are met, as bits."""
    tests = [f"if {source}: met |= {1 << bit}" for bit, source in enumerate(conditions)]
    body = [*emitter.prologue(), "met = 0", *tests, "return met"]
    function: Callable[[DecisionRequest], int] = _define("met", spec, body)
    return function


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


def _define(name: str, spec: PlanSpec, body: list[str]) -> Any:
    return define(name, "request", body, {"_zone": ZoneInfo(spec.time_zone)})


def _same_columns(spec: PlanSpec, columns: Sequence[str]) -> None:
    if tuple(columns) != feature_columns(spec):
        raise ValueError("the feature columns are not those of the plan: build both from the same PlanSpec")
