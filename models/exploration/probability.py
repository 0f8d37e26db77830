"""The exact probability with which each contender wins a slot, where propensities are drawn.

A contender bids gain x s - price, where s is drawn from a Beta distribution of its own, or is 1 for those that are not
drawn. The best bid wins, equal bids in the order of the contenders; one that its price leaves nothing of does not
compete. So P(i wins) is the integral of the product of the others' distribution functions over i's own.

It is computed along the path (F_1(x), ..., F_n(x)) as the bid x rises: between two points of a grid the path is taken
as straight, and along a straight line the integral of the product is a polynomial, which quadrature integrates exactly.
No density is needed, so certainty, jumps and singular ends (p near 0 or 1, little or much evidence) are no special
cases, and all probabilities of a slot add up to one by construction. Grids are made finer until nothing moves.
`models.exploration.races` does so for many slots at once, which costs a fraction, and the same to the last bit.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from models.exploration.paths import NEVER
from models.exploration.races import race_chances
from models.exploration.sampling import is_drawn
from schemas.decision import Candidate, Decision, Offer

_LARGEST = float(np.finfo(np.float64).max)


class Contender(NamedTuple):
    """Bids gain x s - price, s ~ Beta(wins, losses); fixed (s = 1) where these are 0."""

    gain: float
    price: float = 0.0
    wins: float = 0.0
    losses: float = 0.0

    @classmethod
    def of(
        cls, priority: float, propensity: float, evidence: float, boost: float = 1.0, price: float = 0.0
    ) -> "Contender":
        """The contender whose bid is priority x (s / propensity) x boost - price."""
        if priority <= 0.0 or not is_drawn(propensity, evidence):
            return cls(min(priority * boost, _LARGEST), price)
        gain = min(priority / propensity * boost, _LARGEST)
        return cls(gain, price, propensity * evidence, (1.0 - propensity) * evidence)

    @property
    def drawn(self) -> bool:
        """Whether chance has a say in its bid."""
        return self.gain > 0.0 and self.wins > 0.0 and self.losses > 0.0


def win_probabilities(contenders: Sequence[Contender]) -> list[float]:
    """P(wins the slot) of each contender, to 1e-4; they add up to 1 less P(nobody bids more than its price).

    Args:
      contenders: In the order that decides between equal bids.
    """
    return all_win_probabilities([contenders])[0]


def all_win_probabilities(slots: Sequence[Sequence[Contender]]) -> list[list[float]]:
    """`win_probabilities` of each slot, the same to the last bit, for much less than one after the other."""
    playing = [_playing(contenders) for contenders in slots]
    sizes = [len(each) for each in playing]
    rows = [contenders[i] for contenders, each in zip(slots, playing, strict=True) for i in each]
    if not rows:
        return [[0.0] * len(contenders) for contenders in slots]
    race = np.repeat(np.arange(len(slots)), sizes)
    chances = iter(race_chances(np.array(rows, dtype=np.float64), race, len(slots)).tolist())
    return [_placed(len(all_), each, chances) for all_, each in zip(slots, playing, strict=True)]


def _placed(size: int, playing: Sequence[int], chances: Iterator[float]) -> list[float]:
    """The next chances, where those who play are; nothing for the others."""
    found = [0.0] * size
    for i in playing:
        found[i] = next(chances)
    return found


def with_probabilities(decision: Decision) -> Decision:
    """The decision with the probability of each offer, from what the record holds; 1 where chance had no say.

    Raises:
      ValueError: The record does not hold what the offer was chosen from.
    """
    return all_with_probabilities([decision])[0]


def all_with_probabilities(decisions: Sequence[Decision]) -> list[Decision]:
    """`with_probabilities` of each, the same to the last bit, for much less than one after the other.

    Raises:
      ValueError: The record of one of them does not hold what an offer was chosen from.
    """
    chosen = [
        (offer, decision.ranked)
        for decision in decisions
        for offer in decision.offers
        if left_to_chance(offer)
    ]
    chances = iter(all_win_probabilities([slot_contenders(offer, ranked) for offer, ranked in chosen]))
    return [_told(decision, chances) for decision in decisions]


def _told(decision: Decision, chances: Iterator[list[float]]) -> Decision:
    offers = tuple(
        [
            msgspec.structs.replace(
                offer,
                probability=_probability(offer, decision.ranked, next(chances))
                if left_to_chance(offer)
                else 1.0,
            )
            for offer in decision.offers
        ]
    )
    return msgspec.structs.replace(decision, offers=offers)


def all_slot_probabilities(slots: Sequence[tuple[Offer, Sequence[Candidate]]]) -> list[dict[int, float]]:
    """P(wins the slot) of each candidate that could have, by rank, for offers and what their decisions ranked.

    Empty where chance had no say.

    Raises:
      ValueError: A record does not hold what the offer was chosen from.
    """
    chosen = [slot_contenders(offer, ranked) for offer, ranked in slots if left_to_chance(offer)]
    chances = iter(all_win_probabilities(chosen))
    return [
        dict(zip(offer.contenders, next(chances), strict=True)) if left_to_chance(offer) else {}
        for offer, _ in slots
    ]


def left_to_chance(offer: Offer) -> bool:
    """Whether chance had a say in it."""
    return bool(offer.contenders) and not offer.mandatory


def slot_contenders(offer: Offer, ranked: Sequence[Candidate]) -> list[Contender]:
    """Who could have won the slot of `offer`, in the order that decides between equal bids.

    Raises:
      ValueError: Not all of them are among the candidates of the record.
    """
    if not 1 <= min(offer.contenders) <= max(offer.contenders) <= len(ranked):
        raise ValueError(f"offer {offer.rank}: no candidate of rank {max(offer.contenders)}")
    contenders = [ranked[rank - 1] for rank in offer.contenders]
    prices = offer.contender_prices or [candidate.price for candidate in contenders]
    return [
        Contender.of(each.priority, each.propensity, each.evidence or 0.0, each.boost, price)
        for each, price in zip(contenders, prices, strict=True)
    ]


def _probability(offer: Offer, ranked: Sequence[Candidate], chances: Sequence[float]) -> float:
    if offer.fallback:
        return min(max(0.0, 1.0 - sum(chances)), 1.0)
    names = [ranked[rank - 1].action for rank in offer.contenders]
    if offer.action not in names:
        raise ValueError(f"offer {offer.rank}: {offer.action!r} is not among its contenders")
    return min(max(chances[names.index(offer.action)], NEVER), 1.0)  # it happened: weights divide by it


def _playing(contenders: Sequence[Contender]) -> list[int]:
    """Who may win: those that are drawn, and the best of the others."""
    drawn = [i for i, each in enumerate(contenders) if each.drawn]
    fixed = _best_fixed(contenders)
    return sorted(drawn if fixed is None else [*drawn, fixed])


def _best_fixed(contenders: Sequence[Contender]) -> int | None:
    """The first of the best bids that are not drawn, of those that their price leaves something of."""
    bids = [
        (each.gain - each.price, -i)
        for i, each in enumerate(contenders)
        if not each.drawn and not each.gain - each.price <= 0.0 < each.price
    ]
    return -max(bids)[1] if bids else None
