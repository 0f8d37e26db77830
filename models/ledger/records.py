"""What the ledger says: decisions with every candidate's fate, feedback, and outcomes that answer nothing."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from models.arbitration import Arbitration
from models.experiments.arms import NBA
from models.kernel import find
from models.ledger.allocation import Allocation, Placed, Terms
from models.ledger.attribution import LABELS, OpenDecision
from models.ledger.spots import Spot
from models.ledger.state import Entry
from models.plan.spec import PlanSpec
from models.times import SECOND, Micros, moment
from schemas.candidates import CandidateSet
from schemas.common import ContactState, MessageClass, OutcomeKind, Stage
from schemas.dead_letter import DeadLetter, Reason
from schemas.decision import Candidate, Contribution, Decision, Offer, Removal
from schemas.feedback import Feedback
from schemas.outcome import Outcome
from schemas.request import DecisionRequest

Reasons = Callable[[DecisionRequest, int], tuple[Contribution, ...]]

KERNEL = 1
"""The version of the compiled form that this one goes with."""

_SEPARATOR = "\x1f"

_THRESHOLDS = (Stage.ACTION_MATURITY, Stage.PROPENSITY_THRESHOLDS, Stage.PRIORITY_THRESHOLDS)


class Recorder:
    """Writes decisions under one plan."""

    def __init__(
        self,
        spec: PlanSpec,
        digest: str,
        arbitration: Arbitration,
        rules: Sequence[tuple[Stage, str]],
        reasons: Reasons | None,
    ) -> None:
        """`rules` are the engagement rules, as `CandidateSet.removed_by` counts them."""
        self._digest = digest
        self._ids = arbitration.ids
        self._values: list[float] = arbitration.values.tolist()
        self._levers: list[float] = arbitration.levers.tolist()
        self._mandatory = [action.mandatory for action in spec.actions]
        self._classes = [action.message_class for action in spec.actions]
        self._rules = tuple(rules)
        self._reasons = reasons
        self._ranked_reasons = reasons if spec.arbitration.reasons_of == "ranked" else None
        self._removals: dict[int, Removal] = {}
        """By rule: what it removed last; most rules remove the same actions, or the same one, again and again."""
        self._compiled = self._writer()

    def _writer(self) -> Callable[[CandidateSet, Allocation, Entry], Decision | None] | None:
        """The compiled form of `reference`, if it is there."""
        kernel = find("records", KERNEL)
        if kernel is None or not self._ids:
            return None
        constants = (self._digest, self._ids, self._values, self._levers, self._mandatory, self._classes)
        compiled: Callable[[CandidateSet, Allocation, Entry], Decision | None] = kernel.Writer(
            (*constants, self._rules),
            (Decision, Offer, Candidate, Removal),
            (self._reasons, self._ranked_reasons),
            (moment, _no_action),
        ).decision
        return compiled

    def origin(self, candidates: CandidateSet) -> str:
        """What the offers of one decision have in common, for their feedback."""
        request = candidates.request
        return _SEPARATOR.join((request.brand, self._digest, candidates.model_digest, request.arm))

    def decision(self, candidates: CandidateSet, allocation: Allocation, entry: Entry) -> Decision:
        """The record of one decision."""
        made = self._compiled(candidates, allocation, entry) if self._compiled else None
        return self.reference(candidates, allocation, entry) if made is None else made

    def reference(self, candidates: CandidateSet, allocation: Allocation, entry: Entry) -> Decision:
        """The same in Python, which says what is right."""
        request = candidates.request
        removed = self._removed(candidates.removed_by)
        return Decision(
            decision_id=request.decision_id,
            signal_id=request.signal_id,
            customer_id=request.customer_id,
            decided_at=request.requested_at,
            brand=request.brand,
            channel=request.channel,
            direction=request.direction,
            trigger=request.trigger,
            page=request.page,
            placements=request.placements,
            offers=tuple(
                [
                    self._offer(candidates, allocation, placed, rank)
                    for rank, placed in enumerate(allocation.placed, 1)
                ]
            ),
            ranked=self._ranked(candidates, allocation),
            removed=removed,
            no_action=allocation.no_action if candidates.order else _no_action(removed),
            attributes=request.attributes,
            context=request.context,
            ledger_sequence=entry.sequence,
            ledger_since=moment(entry.since),
            notes=entry.notes,
            plan_digest=self._digest,
            model_digest=candidates.model_digest,
            trace=request.trace,
            household_id=request.household_id,
            arm=request.arm,
            prices=allocation.terms.quote if allocation.terms else (),
        )

    def _offer(self, candidates: CandidateSet, allocation: Allocation, placed: Placed, rank: int) -> Offer:
        offer = self._plain_offer(candidates, placed, rank)
        own = _own_propensity(candidates, placed.action)
        if own is None and allocation.terms is None and not placed.fallback:
            return offer
        return msgspec.structs.replace(
            offer, model_propensity=own, **_won(candidates, placed, allocation.terms)
        )

    def _plain_offer(self, candidates: CandidateSet, placed: Placed, rank: int) -> Offer:
        action, spot = placed.action, placed.row.spot
        return Offer(
            rank=rank,
            placement=spot.placement,
            slot=placed.slot,
            action=spot.action,
            treatment=spot.treatment,
            issue=spot.issue,
            group=spot.group,
            channel=spot.channel,
            message_class=self._classes[action],
            mandatory=self._mandatory[action],
            propensity=candidates.propensities[action],
            context_weight=candidates.context_weights[action],
            value=self._values[action],
            lever=self._levers[action],
            priority=candidates.priorities[action],
            reasons=self._reasons(candidates.request, action) if self._reasons else (),
        )

    def _ranked(self, candidates: CandidateSet, allocation: Allocation) -> tuple[Candidate, ...]:
        plain = self._plain_ranked(candidates, allocation)
        if allocation.terms is None and not candidates.model_propensities:
            return plain
        return tuple(
            msgspec.structs.replace(candidate, **_moved(candidates, action, allocation.terms))
            for candidate, action in zip(plain, candidates.order, strict=True)
        )

    def _plain_ranked(self, candidates: CandidateSet, allocation: Allocation) -> tuple[Candidate, ...]:
        request, said = candidates.request, self._ranked_reasons
        propensities, weights, priorities = (
            candidates.propensities,
            candidates.context_weights,
            candidates.priorities,
        )
        return tuple(
            [
                Candidate(
                    action=self._ids[action],
                    rank=rank,
                    propensity=propensities[action],
                    context_weight=weights[action],
                    value=self._values[action],
                    lever=self._levers[action],
                    priority=priorities[action],
                    stage=stage,
                    rule=rule,
                    reasons=said(request, action) if said else (),
                )
                for rank, (action, (stage, rule)) in enumerate(
                    zip(candidates.order, allocation.verdicts, strict=True), 1
                )
            ]
        )

    def _removed(self, removed_by: Sequence[int]) -> tuple[Removal, ...]:
        grouped: dict[int, list[str]] = {}
        for action, rule in zip(self._ids, removed_by, strict=True):
            if rule >= 0:
                grouped.setdefault(rule, []).append(action)
        return tuple([self._removal(rule, tuple(grouped[rule])) for rule in sorted(grouped)])

    def _removal(self, rule: int, actions: tuple[str, ...]) -> Removal:
        known = self._removals.get(rule)
        if known is None or known.actions != actions:
            stage, name = self._rules[rule]
            known = self._removals[rule] = Removal(stage=stage, rule=name, actions=actions)
        return known


def _moved(candidates: CandidateSet, action: int, terms: Terms | None) -> dict[str, Any]:
    """What a candidate carries besides the factors of its priority."""
    found: dict[str, Any] = {"model_propensity": _own_propensity(candidates, action)}
    if terms is not None:
        found |= {
            "evidence": candidates.evidence[action] if terms.drawn >> action & 1 else None,
            "boost": terms.boosts.get(action, 1.0),
            "price": terms.prices.get(action, 0.0),
        }
    return found


def _won(candidates: CandidateSet, placed: Placed, terms: Terms | None) -> dict[str, Any]:
    """How an offer came to its slot, where not by its priority alone."""
    found: dict[str, Any] = {"bundle": placed.bundle, "fallback": placed.fallback}
    if terms is not None and placed.bid is not None:
        found |= {
            "sampled": placed.bid.sampled,
            "boost": terms.boosts.get(placed.action, 1.0),
            "price": placed.bid.price,
            "bid": None if placed.fallback else placed.bid.amount,
            **_contenders(candidates, placed, terms),
        }
    return found


def _contenders(candidates: CandidateSet, placed: Placed, terms: Terms) -> dict[str, Any]:
    """Who could have won the slot, by rank; and their prices, unless they are what the candidates say."""
    rank = {action: number for number, action in enumerate(candidates.order, 1)}
    bids = sorted(placed.contenders, key=lambda bid: rank[bid.action])
    as_said = all(bid.price == terms.prices.get(bid.action, 0.0) for bid in bids)
    return {
        "contenders": tuple(rank[bid.action] for bid in bids),
        "contender_prices": () if as_said else tuple(bid.price for bid in bids),
    }


def _own_propensity(candidates: CandidateSet, action: int) -> float | None:
    """The model's own propensity, where it is not the one that was used."""
    if not candidates.model_propensities:
        return None
    own = candidates.model_propensities[action]
    return None if own == candidates.propensities[action] else own


def _no_action(removed: Sequence[Removal]) -> str:
    """Why nothing was ranked: of those who got furthest, in the words of the funnel."""
    stages = {removal.stage for removal in removed}
    if not stages:
        return "no_candidates"
    if any(stage in stages for stage in _THRESHOLDS):
        return "all_below_thresholds"
    return "universal_holdout" if Stage.UNIVERSAL_HOLDOUT in stages else "all_removed_by_engagement_policy"


def feedback(
    made: OpenDecision,
    position: int,
    spot: Spot,
    origin: str,
    customer_id: str,
    *,
    kind: OutcomeKind,
    at: Micros,
    contact: ContactState,
    entry: Entry,
    outcome: Outcome | None = None,
) -> Feedback:
    """The feedback on an offer: from an outcome, or from silence (`outcome` is None).

    Args:
      made: The decision.
      position: Of the offer in it.
      spot: What was offered where.
      origin: As `Recorder.origin` wrote it.
      customer_id: The customer.
      kind: What happened.
      at: When.
      contact: The contact's state after it.
      entry: Its place in the ledger.
      outcome: The outcome.
    """
    brand, plan_digest, model_digest, *arm = origin.split(_SEPARATOR)
    rank = position + 1
    return Feedback(
        feedback_id=outcome.outcome_id if outcome else f"{made.decision_id}:{rank}:{kind}",
        decision_id=made.decision_id,
        customer_id=customer_id,
        rank=rank,
        action=spot.action,
        treatment=spot.treatment,
        issue=spot.issue,
        group=spot.group,
        channel=spot.channel,
        brand=brand,
        placement=spot.placement,
        message_class=MessageClass(spot.message_class),
        outcome=kind,
        occurred_at=outcome.occurred_at if outcome else moment(at),
        decided_at=moment(made.at),
        delay_s=(at - made.at) / SECOND,
        label=LABELS.get(kind),
        contact=contact,
        propensity=made.offers[position].propensity,
        value=outcome.value if outcome else None,
        plan_digest=plan_digest,
        model_digest=model_digest,
        trace=outcome.trace if outcome else None,
        ledger_sequence=entry.sequence,
        ledger_since=moment(entry.since),
        notes=entry.notes,
        arm=arm[0] if arm else NBA,
    )


def unattributed(outcome: Outcome, why: str) -> DeadLetter:
    """The dead letter of an outcome that answers no offer."""
    return DeadLetter.of(
        msgspec.json.encode(outcome),
        reason=Reason.UNATTRIBUTED,
        step="ApplyContactPolicy",
        detail=why,
        occurred_at=outcome.occurred_at,
        customer_id=outcome.customer_id,
    )
