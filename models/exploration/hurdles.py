"""What marketing must pass after it was scored: the ramp of new actions, and the least propensity, weight and priority.

Service and regulatory messages pass, and so do mandatory actions: they do not compete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.care import marketing, unsoftened
from models.plan.scopes import Members
from models.plan.spec import ActionSpec, MaturitySpec, PlanSpec
from schemas import MessageClass, Stage

Floats = NDArray[np.float64]
Rule = tuple[Stage, str]

MATURITY: Rule = (Stage.ACTION_MATURITY, "maturity")
PROPENSITY: Rule = (Stage.PROPENSITY_THRESHOLDS, "propensity-threshold")
WEIGHT: Rule = (Stage.PRIORITY_THRESHOLDS, "context-weight")
PRIORITY: Rule = (Stage.PRIORITY_THRESHOLDS, "priority-threshold")

_DOMAIN = b"nextbeam-ramp"
_ALL = 100.0 - 1e-9
"""Percent off a context weight that leave none, however they were rounded."""
_MEMO = 4096
"""Of so many customers and actions it is remembered what they come to: a customer mostly decides more than once."""


class Immature(NamedTuple):
    """An action that does not reach everybody yet."""

    position: int
    action: str
    share: float
    """Of the customers, whom it reaches."""


@dataclass(frozen=True, eq=False)
class Hurdles:
    """The hurdles of one plan, in the order they are taken.

    Attributes:
      rules: Stage and id of each that the plan has.
      immature: The actions on the ramp.
      weighted: Which actions (A,) need a context weight above 0, of those that can come to have none.
      propensities: The least propensity of each action (A,), 0 where any will do.
      priorities: The least priority of each action (A,), likewise.
    """

    rules: tuple[Rule, ...]
    immature: tuple[Immature, ...]
    weighted: NDArray[np.bool_]
    propensities: Floats
    priorities: Floats

    @classmethod
    def of(cls, spec: PlanSpec, positives: Floats) -> "Hurdles":
        """The hurdles of a plan whose actions have so many positive outcomes (A,)."""
        competing = [_competes(action) for action in spec.actions]
        default = spec.arbitration.propensity_threshold
        own = [action.propensity_threshold for action in spec.actions]
        propensities = np.where(competing, [default if each is None else each for each in own], 0.0)
        priorities = np.where(competing, spec.arbitration.priority_threshold, 0.0)
        ramp = spec.arbitration.maturity
        weighted = np.array(competing, dtype=np.bool_) & (_least_percents(spec) <= -_ALL)
        present = {
            MATURITY: ramp is not None,
            PROPENSITY: propensities.any(),
            WEIGHT: weighted.any(),
            PRIORITY: priorities.any(),
        }
        return cls(
            rules=tuple([rule for rule, there in present.items() if there]),
            immature=tuple(_on_the_ramp(spec, ramp, positives)) if ramp else (),
            weighted=weighted,
            propensities=propensities,
            priorities=priorities,
        )

    def over(
        self,
        removed_by: Sequence[int],
        customer_id: str,
        propensities: Floats,
        priorities: Floats,
        context_weights: Floats,
        *,
        first: int,
    ) -> tuple[int, ...]:
        """`removed_by` with the first hurdle that each action failed, of those that nothing removed before.

        Args:
          removed_by: Number of a rule by action; -1: none.
          customer_id: Whom the ramp lets in or not.
          propensities: Of the actions (A,).
          priorities: Of the actions (A,).
          context_weights: Of the actions (A,).
          first: Number of the first of `rules`.
        """
        found = list(removed_by)
        for number, rule in enumerate(self.rules, first):
            if rule == MATURITY:
                failing = self._kept_out(customer_id, found)
            else:
                failing = self._failing(rule, propensities, priorities, context_weights)
            for action in failing:
                if found[action] < 0:
                    found[action] = number
        return tuple(found)

    def _kept_out(self, customer_id: str, removed_by: Sequence[int]) -> Sequence[int]:
        """What the ramp keeps from the customer; what is out anyway is not looked at: a hash takes a while."""
        return [
            one.position
            for one in self.immature
            if removed_by[one.position] < 0 and admission(customer_id, one.action) >= one.share
        ]

    def _failing(
        self, rule: Rule, propensities: Floats, priorities: Floats, context_weights: Floats
    ) -> Sequence[int]:
        if rule == WEIGHT:
            low = self.weighted & (context_weights <= 0.0)
        else:
            low = priorities < self.priorities if rule == PRIORITY else propensities < self.propensities
        failing: list[int] = np.flatnonzero(low).tolist()
        return failing


def reached(ramp: MaturitySpec, positives: float) -> float:
    """The share of customers that an action with so many positive outcomes reaches."""
    grown = min(1.0, positives / ramp.positives)
    return (ramp.start_percent + (100.0 - ramp.start_percent) * grown) / 100.0


@lru_cache(_MEMO)
def admission(customer_id: str, action: str) -> float:
    """The share, in [0, 1), beyond which an action reaches this customer: never another, so that who is in stays in."""
    text = f"{customer_id}\0{action}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=6, person=_DOMAIN).digest(), "big") / 2**48


def _least_percents(spec: PlanSpec) -> Floats:
    """What all context weights that lower anything add up to (A,), whether they can hold together or not."""
    least = np.zeros(len(spec.actions))
    if not spec.arbitration.context_weight:
        return least
    inside = Members.of(spec)
    for weight in spec.arbitration.context_weights:
        least[sorted(inside.indices(weight.scope))] += min(0.0, weight.percent)
    for index, action in enumerate(spec.actions):
        least[index] += sum(min(0.0, weight.percent) for weight in action.context_weights)
    if unsoftened(spec) is not None:
        least[sorted(marketing(spec))] += spec.care.soften_percent
    return least


def _competes(action: ActionSpec) -> bool:
    return action.message_class is MessageClass.MARKETING and not action.mandatory


def _on_the_ramp(spec: PlanSpec, ramp: MaturitySpec, positives: Floats) -> Iterator[Immature]:
    for index, action in enumerate(spec.actions):
        share = reached(ramp, float(positives[index]))
        if _competes(action) and share < 1.0:
            yield Immature(index, action.id, share)
