"""Chains of rules compiled into one Python function: for each thing, the first of its rules that is not met.

A condition that several chains share is evaluated once, one that a single chain states only if it gets so far.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from models.plan.conditions import Condition
from models.plan.emit import Emitter, define
from models.plan.fields import Scope, fields_of
from models.plan.spec import PlanSpec, RuleSpec
from models.plan.syntax import parse
from models.rule_tables import tabled_chains
from schemas import DecisionRequest, Stage

Chain = tuple[tuple[int, ...], ...]
"""Rule numbers in the order tried, in runs: what several chains share runs together, own rules one by one."""

FirstUnmet = Callable[[DecisionRequest], tuple[int, ...]]
"""For each chain: number of the first rule that is not met, else -1."""


class EngagementRule(msgspec.Struct, frozen=True):
    """One condition that removes what does not meet it."""

    stage: Stage
    id: str
    why: str
    """The reason in words one could say to a customer; may be empty."""
    text: str
    """The condition as written in the plan, or in the words of what it was made from."""


class RuleTable:
    """The distinct rules of one plan, numbered in the order in which they are first named."""

    def __init__(self, spec: PlanSpec) -> None:
        self._spec = spec
        self._fields = fields_of(spec, Scope.DECISION)
        self._numbers: dict[EngagementRule, int] = {}
        self._conditions: dict[int, Condition] = {}

    @property
    def rules(self) -> tuple[EngagementRule, ...]:
        """All rules, by number."""
        return tuple(self._numbers)

    def number(self, rule: EngagementRule) -> int:
        """The number of a rule that is tried elsewhere, not in a chain."""
        return self._numbers.setdefault(rule, len(self._numbers))

    def written(self, stage: Stage, rule: RuleSpec) -> int:
        """The number of a rule as an author wrote it.

        Raises:
          ExpressionError: Its condition cannot be used.
        """
        number = self.number(EngagementRule(stage, rule.id, rule.why, rule.when))
        if number not in self._conditions:
            self._conditions[number] = parse(rule.when, self._fields)
        return number

    def stated(self, rule: EngagementRule, condition: Condition) -> int:
        """The number of a rule that no author wrote."""
        number = self.number(rule)
        self._conditions[number] = condition
        return number

    def compile(self, chains: Sequence[Chain]) -> FirstUnmet:
        """The function over these chains: in the kernel, or as tested one by one."""
        zone = ZoneInfo(self._spec.time_zone)
        return tabled_chains(self._conditions, chains, self._fields.roots, zone, self.tested(chains))

    def tested(self, chains: Sequence[Chain]) -> FirstUnmet:
        """The function over these chains in Python, which tests one condition after the other."""
        emitter = Emitter(self._fields.roots)
        used = dict.fromkeys(rule for chain in chains for run in chain for rule in run)
        code = _ChainCode({rule: emitter.certainly(self._conditions[rule]) for rule in used}, chains)
        answers = "".join(f"{code.answer(chain)}, " for chain in chains)
        body = [*emitter.prologue(), *code.statements, f"return ({answers})"]
        names = {"_zone": ZoneInfo(self._spec.time_zone)}
        function: FirstUnmet = define("first_unmet", "request", body, names)
        return function


class _ChainCode:
    """Source for runs and conditions: what is used more than once gets a local, the rest is written in place."""

    def __init__(self, conditions: Mapping[int, str], chains: Sequence[Chain]) -> None:
        runs = dict.fromkeys(run for chain in chains for run in chain if len(run) > 1)
        singles = [run[0] for chain in chains for run in chain if len(run) == 1]
        uses = [conditions[rule] for rule in [*singles, *(rule for run in runs for rule in run)]]
        shared = [source for source, count in Counter(uses).items() if count > 1]
        names = {source: f"c{number}" for number, source in enumerate(shared)}
        self._conditions = {rule: names.get(source, source) for rule, source in conditions.items()}
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
