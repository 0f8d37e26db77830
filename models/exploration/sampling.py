"""Thompson-like sampling: a propensity drawn from what is known of it, the same again in every replay."""

from collections.abc import Sequence
from hashlib import blake2b

_DOMAIN = b"nextbeam-draw"
"""Keeps these hashes apart from all others of the same text."""

_STEPS = 2**53

LEAST = 1e-12
"""Draws stay this far from 0 and 1: closer, floats are too coarse to say how probable a draw was."""


def is_drawn(propensity: float, evidence: float) -> bool:
    """Whether chance has a say: a propensity that rests on no response, or on certainty, is what it is."""
    return propensity * evidence > 0.0 and (1.0 - propensity) * evidence > 0.0


def draw(
    decision_id: str,
    slot: int,
    action_ids: Sequence[str],
    propensities: Sequence[float],
    evidence: Sequence[float],
) -> list[float]:
    """A propensity for each action, drawn from Beta(p x evidence, (1 - p) x evidence), never quite 0 or 1.

    Draws are independent over decisions, slots and actions, and one depends on nothing but its own decision, slot,
    action, propensity and evidence: who else competes does not move it.

    Args:
      decision_id: Of the decision being made.
      slot: Number of the slot, counted over the whole decision.
      action_ids: Who competes.
      propensities: p of each, in [0, 1].
      evidence: Responses that each p rests on; 0: p itself is returned.
    """
    drawn = list(propensities)
    chance = [i for i, p in enumerate(propensities) if is_drawn(p, evidence[i])]
    if chance:
        from scipy.special import betaincinv  # noqa: PLC0415  (a worker that never explores does without)

        level = uniforms(decision_id, slot, [action_ids[i] for i in chance])
        wins = [propensities[i] * evidence[i] for i in chance]
        losses = [(1.0 - propensities[i]) * evidence[i] for i in chance]
        for i, value in zip(chance, betaincinv(wins, losses, level).tolist(), strict=True):
            drawn[i] = min(max(value, LEAST), 1.0 - LEAST)
    return drawn


def uniforms(decision_id: str, slot: int, action_ids: Sequence[str]) -> list[float]:
    """A number in (0, 1) for each action: a hash of decision, slot and action."""
    start = blake2b(
        f"{decision_id}\0{slot}\0".encode("utf-8", "surrogatepass"), digest_size=8, person=_DOMAIN
    )
    found = []
    for action in action_ids:
        one = start.copy()
        one.update(action.encode("utf-8", "surrogatepass"))
        found.append(((int.from_bytes(one.digest(), "big") >> 11) + 0.5) / _STEPS)
    return found
