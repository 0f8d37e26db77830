"""What is known of each action so far, and what follows from it for its propensity."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.plan.spec import ActionSpec, EvidenceSpec, PlanSpec

Floats = NDArray[np.float64]

_NOTHING = EvidenceSpec(responses=0, positives=0)


_RANDOM_ARMS = frozenset({"random_propensity", "random_action"})


def explores(spec: PlanSpec) -> bool:
    """Whether chance has a say in any decision of the plan."""
    arms = any(arm.kind in _RANDOM_ARMS and arm.share > 0.0 for arm in spec.experiments.arms)
    return arms or spec.arbitration.exploration != "none"


def known_propensity(action: ActionSpec) -> float:
    """P of an action without a model: (0.5 + positives) / (1 + responses) where the plan tells them, else its start."""
    if action.evidence is None:
        return action.starting_propensity
    return (0.5 + action.evidence.positives) / (1.0 + action.evidence.responses)


@dataclass(frozen=True, eq=False)
class Evidence:
    """By action (A,), in plan order.

    Attributes:
      responses: That the model learned from, or that the plan tells.
      positives: How many of them were positive.
      rests_on: Responses that the propensity rests on: with those that its start is worth, where that has a part in it.
    """

    responses: Floats
    positives: Floats
    rests_on: Floats

    @classmethod
    def of(cls, spec: PlanSpec, learned: Mapping[str, EvidenceSpec]) -> "Evidence":
        """The evidence of a plan.

        Args:
          spec: The plan; what it says of an action goes before what was learned.
          learned: What the model learned from, for every action that it scores.
        """
        known = [action.evidence or learned.get(action.id, _NOTHING) for action in spec.actions]
        responses = np.array([each.responses for each in known], dtype=np.float64)
        started = np.array(
            [
                spec.arbitration.smoothing or (action.evidence is None and action.id not in learned)
                for action in spec.actions
            ]
        )
        starting = np.array([action.starting_evidence for action in spec.actions])
        return cls(
            responses=responses,
            positives=np.array([each.positives for each in known], dtype=np.float64),
            rests_on=responses + np.where(started, starting, 0.0),
        )


@dataclass(frozen=True, eq=False)
class Smoothing:
    """SE / (SE + ME + 1) x starting propensity + ME / (SE + ME + 1) x propensity, as `level` + `slope` x P (A,).

    SE is the starting evidence, ME the responses. Where there is neither, nothing says by how much, and P stays.
    """

    level: Floats
    slope: Floats

    @classmethod
    def of(cls, spec: PlanSpec, responses: Floats) -> "Smoothing":
        """The smoothing of a plan whose actions have so many responses (A,)."""
        start = np.array([action.starting_propensity for action in spec.actions])
        worth = np.array([action.starting_evidence for action in spec.actions])
        total = worth + responses
        return cls(worth / (total + 1.0) * start, np.where(total > 0.0, responses / (total + 1.0), 1.0))

    def apply(self, propensities: Floats) -> Floats:
        """The smoothed propensities (A,)."""
        return self.level + self.slope * propensities
