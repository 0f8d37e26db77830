"""Arbitration: which of the actions that may be offered is worth most to this customer, now."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.plan.spec import ActionSpec, ArbitrationSpec, PlanSpec
from schemas.candidates import CandidateSet

Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float64).max)


class Arbitration(msgspec.Struct, frozen=True, kw_only=True):
    """What arbitration needs to know of the plan. All arrays are aligned with its A actions.

    Attributes:
      ids: Action ids.
      values: V (A,), plan currency.
      levers: L (A,) = 1 + (issue + group + action lever percent) / 100, never below 0.
      mandatory: (A,) bool; ranked before all others, whatever their priority.
      ties: (A,) position of each id in the sorted ids, which decides between equal priorities.
      switches: Which factors count.
    """

    ids: tuple[str, ...]
    values: Floats
    levers: Floats
    mandatory: NDArray[np.bool_]
    ties: NDArray[np.int64]
    switches: ArbitrationSpec

    @staticmethod
    def of(spec: PlanSpec) -> "Arbitration":
        """Compiled from a plan."""
        ids = [action.id for action in spec.actions]
        return Arbitration(
            ids=tuple(ids),
            values=np.array([action.value for action in spec.actions], dtype=np.float64),
            levers=np.array([_lever(spec, action) for action in spec.actions], dtype=np.float64),
            mandatory=np.array([action.mandatory for action in spec.actions], dtype=np.bool_),
            ties=np.argsort(np.argsort(np.array(ids))),
            switches=spec.arbitration,
        )


def _lever(spec: PlanSpec, action: ActionSpec) -> float:
    group = spec.groups[action.group]
    percent = spec.issues[group.issue].lever_percent + group.lever_percent + action.lever_percent
    return max(0.0, 1.0 + percent / 100.0)


def prioritise(
    propensities: Floats,
    context_weights: Floats,
    values: Floats,
    levers: Floats,
    *,
    switches: ArbitrationSpec,
) -> Floats:
    """Priority = P x C x V x L of each row, a factor that is switched off being 1.

    The product is taken as ((P x V) x C) x L, so that equal inputs give equal bits wherever it is computed. A row
    whose product is negative or no finite number has priority 0: it can still be offered, after all others.
    """
    factors = (
        (switches.propensity, propensities),
        (switches.value, values),
        (switches.context_weight, context_weights),
        (switches.levers, levers),
    )
    product = np.ones(len(propensities), dtype=np.float64)
    with np.errstate(all="ignore"):
        for on, factor in factors:
            if on:
                product = product * factor
    sound = np.isfinite(product) & (product > 0.0)
    return product if sound.all() else np.where(sound, product, 0.0)


def rank(priorities: Floats, mandatory: NDArray[np.bool_], ids: NDArray[Any]) -> NDArray[np.int64]:
    """Row indices, best first: mandatory, then priority descending, ties by `ids` (any sortable array)."""
    return np.lexsort((ids, -priorities, ~mandatory))


def arbitrate(arbitration: Arbitration, candidates: CandidateSet, context_weights: Floats) -> CandidateSet:
    """Rank the actions that engagement policy let through.

    Args:
      arbitration: The compiled plan.
      candidates: With `removed_by` and `propensities`, each of length A.
      context_weights: C (A,).

    Returns:
      The candidates with `context_weights`, `priorities` (0 where removed) and `order` (what remains, best first).
      Propensities and context weights that are no number, or out of range, come back as the bound they broke (a NaN
      as 0), so that the record holds the factors that were used.

    Raises:
      ValueError: An array is not of length A.
    """
    propensities = np.array(candidates.propensities, dtype=np.float64)
    removed = np.array(candidates.removed_by, dtype=np.int64) >= 0
    _check_lengths(len(arbitration.ids), propensities, removed, context_weights)
    bounded = _bounded(propensities, 1.0)
    weights = _bounded(context_weights, _LARGEST)
    priorities = prioritise(
        bounded, weights, arbitration.values, arbitration.levers, switches=arbitration.switches
    )
    priorities[removed] = 0.0
    order = rank(priorities, arbitration.mandatory, arbitration.ties)
    return msgspec.structs.replace(
        candidates,
        propensities=tuple(bounded.tolist()),
        context_weights=tuple(weights.tolist()),
        priorities=tuple(priorities.tolist()),
        order=tuple(order[~removed[order]].tolist()),
    )


def _bounded(numbers: Floats, top: float) -> Floats:
    return np.minimum(np.fmax(numbers, 0.0), top)


def _check_lengths(actions: int, *arrays: Sequence[Any] | NDArray[Any]) -> None:
    lengths = [len(array) for array in arrays]
    if any(length != actions for length in lengths):
        raise ValueError(
            f"arbitration of {actions} actions got propensities, removals and context weights of lengths "
            f"{lengths}; were they computed by another plan?"
        )
