"""Arbitration: which of the actions that may be offered is worth most to this customer, now."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.exploration.evidence import Evidence, Smoothing
from models.exploration.hurdles import Hurdles, Rule
from models.plan.spec import ActionSpec, ArbitrationSpec, EvidenceSpec, PlanSpec
from schemas.candidates import CandidateSet
from schemas.common import MessageClass

Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float64).max)

_RANDOM_PROPENSITY, _RANDOM_EVIDENCE = 0.5, 2.0
"""Beta(1, 1): every propensity is as likely as any other."""
_UNWEIGHTED = frozenset({"random_action", "propensity_only", "no_levers"})
_DIFFERENT = _UNWEIGHTED | {"random_propensity"}
"""Kinds of arms that arbitrate differently; the others differ in what there is to arbitrate, or not at all."""


class Arbitration(msgspec.Struct, frozen=True, kw_only=True):
    """What arbitration needs to know of the plan. All arrays are aligned with its A actions.

    Attributes:
      ids: Action ids.
      values: V (A,), plan currency.
      levers: L (A,) = 1 + (issue + group + action lever percent) / 100, never below 0.
      mandatory: (A,) bool; ranked before all others, whatever their priority.
      ties: (A,) position of each id in the sorted ids, which decides between equal priorities.
      drawable: (A,) bool; marketing that is not mandatory, so that chance may have a say in it.
      switches: Which factors count; C does in any case, if only for duty of care.
      weighted: Whether the context weights that authors wrote count.
      arms: Kind of each experiment arm that is arbitrated for differently.
      smoothing: Towards the starting propensities; None: not at all.
      hurdles: What marketing must pass.
      first_rule: Number of the first of `rules` in `CandidateSet.removed_by`.
      evidence: Responses that the propensities rest on (A,), 0 where nothing is drawn; None: nothing ever is.
    """

    ids: tuple[str, ...]
    values: Floats
    levers: Floats
    mandatory: NDArray[np.bool_]
    ties: NDArray[np.int64]
    drawable: NDArray[np.bool_]
    switches: ArbitrationSpec
    weighted: bool
    arms: Mapping[str, str]
    smoothing: Smoothing | None
    hurdles: Hurdles
    first_rule: int
    evidence: Floats | None

    @staticmethod
    def of(
        spec: PlanSpec, *, first_rule: int = 0, learned: Mapping[str, EvidenceSpec] | None = None
    ) -> "Arbitration":
        """Compiled from a plan.

        Args:
          spec: The plan.
          first_rule: How many rules engagement policy has.
          learned: What the model learned from, for every action that it scores.
        """
        ids = [action.id for action in spec.actions]
        mandatory = np.array([action.mandatory for action in spec.actions], dtype=np.bool_)
        marketing = [action.message_class is MessageClass.MARKETING for action in spec.actions]
        evidence = Evidence.of(spec, learned or {})
        explores = spec.arbitration.exploration == "thompson" and spec.arbitration.propensity
        return Arbitration(
            ids=tuple(ids),
            values=np.array([action.value for action in spec.actions], dtype=np.float64),
            levers=np.array([_lever(spec, action) for action in spec.actions], dtype=np.float64),
            mandatory=mandatory,
            ties=np.argsort(np.argsort(np.array(ids))),
            drawable=np.array(marketing, dtype=np.bool_) & ~mandatory,
            switches=msgspec.structs.replace(spec.arbitration, context_weight=True),
            weighted=spec.arbitration.context_weight,
            arms={arm.id: arm.kind for arm in spec.experiments.arms if arm.kind in _DIFFERENT},
            smoothing=Smoothing.of(spec, evidence.responses) if spec.arbitration.smoothing else None,
            hurdles=Hurdles.of(spec, evidence.positives),
            first_rule=first_rule,
            evidence=np.where(marketing & ~mandatory, evidence.rests_on, 0.0) if explores else None,
        )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Stage and id of each rule by which arbitration removes actions."""
        return self.hurdles.rules

    def unweighted(self, arm: str) -> bool:
        """Whether customers of this arm are decided for without the context weights that authors wrote."""
        return not self.weighted or self.arms.get(arm) in _UNWEIGHTED


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
    whose product is negative or no finite number has priority 0: it can still be offered, after all others, unless it
    is marketing whose context weight is 0 (`models.exploration.hurdles`).
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


def arbitrate(
    arbitration: Arbitration,
    candidates: CandidateSet,
    context_weights: Floats,
    care_weights: Floats | None = None,
) -> CandidateSet:
    """Rank the actions that engagement policy let through.

    Args:
      arbitration: The compiled plan.
      candidates: With `removed_by` and `propensities`, each of length A.
      context_weights: C (A,).
      care_weights: C (A,) without what authors wrote: what duty of care alone makes of it; None: 1.

    Returns:
      The candidates with `context_weights`, `priorities` (0 where removed) and `order` (what remains, best first);
      with what failed a hurdle in `removed_by`; with `evidence` where propensities are drawn, and the model's own
      `model_propensities` where they are no longer the `propensities`.
      Propensities and context weights that are no number, or out of range, come back as the bound they broke (a NaN
      as 0), so that the record holds the factors that were used.

    Raises:
      ValueError: An array is not of length A.
    """
    model, removed = np.array(candidates.propensities, dtype=np.float64), _removed(candidates.removed_by)
    _check_lengths(len(arbitration.ids), model, removed, context_weights)
    model = _bounded(model, 1.0)
    factors = _Factors(
        model if arbitration.smoothing is None else arbitration.smoothing.apply(model) * ~removed,
        _bounded(context_weights, _LARGEST) if arbitration.weighted else _care(model, care_weights),
        arbitration.evidence,
    )
    priorities = _priorities(arbitration, factors)
    removed_by = candidates.removed_by
    if arbitration.rules:
        customer_id, first = candidates.request.customer_id, arbitration.first_rule
        removed_by = arbitration.hurdles.over(
            removed_by,
            customer_id,
            factors.propensities,
            priorities,
            factors.context_weights,
            first=first,
        )
        removed = _removed(removed_by)
    if (kind := arbitration.arms.get(candidates.request.arm)) is not None:
        factors, priorities = _in_arm(kind, arbitration, factors, _care(model, care_weights), ~removed)
    priorities[removed] = 0.0
    order = rank(priorities, arbitration.mandatory, arbitration.ties)
    changed = factors.propensities is not model
    return msgspec.structs.replace(
        candidates,
        removed_by=removed_by,
        propensities=tuple(factors.propensities.tolist()),
        context_weights=tuple(factors.context_weights.tolist()),
        priorities=tuple(priorities.tolist()),
        order=tuple(order[~removed[order]].tolist()),
        evidence=() if factors.evidence is None else tuple((factors.evidence * ~removed).tolist()),
        model_propensities=tuple(model.tolist()) if changed else (),
    )


class _Factors(NamedTuple):
    """What priorities are made of besides the plan, all (A,); `evidence` is None where nothing is drawn."""

    propensities: Floats
    context_weights: Floats
    evidence: Floats | None


def _priorities(arbitration: Arbitration, factors: _Factors) -> Floats:
    return prioritise(
        factors.propensities,
        factors.context_weights,
        arbitration.values,
        arbitration.levers,
        switches=arbitration.switches,
    )


def _in_arm(
    kind: str, arbitration: Arbitration, factors: _Factors, care: Floats, remaining: NDArray[np.bool_]
) -> tuple[_Factors, Floats]:
    """Factors and priorities as an experiment arm has them; hurdles are taken as everybody takes them.

    Args:
      kind: Of the arm.
      arbitration: The compiled plan.
      factors: As everybody has them.
      care: C (A,) by duty of care alone.
      remaining: (A,).
    """
    ones = np.ones(care.size)
    if kind in _UNWEIGHTED:
        factors = factors._replace(context_weights=care)
    if kind == "no_levers":
        without = msgspec.structs.replace(arbitration, levers=ones)
        return factors, _priorities(without, factors)
    if kind == "propensity_only":
        bare = msgspec.structs.replace(arbitration, values=ones, levers=ones, switches=ArbitrationSpec())
        return factors, _priorities(bare, factors)
    chance = arbitration.drawable & remaining
    priorities = _priorities(arbitration, factors)
    factors = factors._replace(
        propensities=np.where(chance, _RANDOM_PROPENSITY, factors.propensities),
        evidence=np.where(chance, _RANDOM_EVIDENCE, 0.0),
    )
    if kind == "random_propensity":
        return factors, _priorities(arbitration, factors)
    # any action is as good as any other: drawn, the best of them bids what the best would have bid
    best = float(priorities[chance].max(initial=0.0)) or 1.0
    return factors, np.where(chance, best * _RANDOM_PROPENSITY, priorities)


def _care(like: Floats, weights: Floats | None) -> Floats:
    return np.ones(like.size) if weights is None else _bounded(weights, _LARGEST)


def _removed(removed_by: Sequence[int]) -> NDArray[np.bool_]:
    return np.array(removed_by, dtype=np.int64) >= 0


def _bounded(numbers: Floats, top: float) -> Floats:
    return np.minimum(np.fmax(numbers, 0.0), top)


def _check_lengths(actions: int, *arrays: Sequence[Any] | NDArray[Any]) -> None:
    lengths = [len(array) for array in arrays]
    if any(length != actions for length in lengths):
        raise ValueError(
            f"arbitration of {actions} actions got propensities, removals and context weights of lengths "
            f"{lengths}; were they computed by another plan?"
        )
