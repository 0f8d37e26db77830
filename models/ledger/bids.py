"""Bids: what each candidate is worth for one slot, once more than its priority has a say.

    bid = priority x (sampled / propensity) x boost - price

`sampled` is drawn anew for each slot, `boost` comes from what the customer did (`models.ledger.influences`), `price`
from the capacity that all customers share (`models.volumes`). Mandatory actions go first, in their fixed order,
whatever they bid; equal bids go in the order of the candidates.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.exploration.sampling import draw, is_drawn
from models.ledger.spots import Spot, mask, plan_spots
from models.plan.spec import PlanSpec
from models.times import Micros
from models.volumes.quotes import Quote, Volumes
from schemas.candidates import CandidateSet
from schemas.common import MessageClass
from schemas.decision import Price

_LARGEST = sys.float_info.max


class Bid(NamedTuple):
    """What an action bids for one slot."""

    action: int
    worth: float
    """Before any price."""
    price: float
    """What the contact costs, plan currency; negative: a subsidy."""
    sampled: float | None
    """The propensity drawn for it, if it was."""

    @property
    def amount(self) -> float:
        """The bid."""
        return self.worth - self.price


class Market:
    """The capacity that all customers share, as one decision meets it."""

    def __init__(self, volumes: Volumes, at: Micros, brand: str) -> None:
        """Ask for a quote at the time of the decision."""
        self._volumes = volumes
        self._quote: Quote = volumes.quote(at)
        self._at = at
        self._brand = brand
        self.prices: tuple[Price, ...] = self._quote.prices
        """To be recorded."""

    def surcharges(self, channel: str) -> Sequence[float] | None:
        """The price of a contact by action index; None: nothing costs anything there."""
        return self._quote.surcharges(channel, self._brand)

    def exhausted(self, channel: str) -> list[tuple[str, int]]:
        """Constraints of which nothing is left, and the actions that they refuse, as bits."""
        return self._quote.exhausted(channel, self._brand)

    def dearest(self, action: int, channel: str) -> str | None:
        """The constraint that asks most for an action."""
        return self._quote.dearest(action, channel, self._brand)

    def seen(self, channel: str, bids: Sequence[Bid]) -> None:
        """Tell who would have liked a slot, whatever it costs."""
        self._volumes.seen(self._at, channel, self._brand, [(bid.action, bid.worth) for bid in bids])

    def take(self, action: int, spot: Spot) -> None:
        """Take one contact's worth of capacity."""
        self._quote.offered(action, spot.channel, self._brand)
        self._volumes.take(self._at, spot)


class Bidding:
    """What an auction needs to know of the plan. Sets of actions are the bits of an integer.

    Attributes:
      ids: Action ids.
      mandatory: Actions that go first.
      explored: Actions whose propensity may be drawn: marketing that is not mandatory.
      charged: Actions that pay for capacity: those of no exempt class.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile the actions of `spec`."""
        actions = list(enumerate(spec.actions))
        self.ids = [action.id for action in spec.actions]
        self.mandatory = mask(i for i, action in actions if action.mandatory)
        marketing = mask(i for i, action in actions if action.message_class == MessageClass.MARKETING)
        self.explored = marketing & ~self.mandatory
        exempt = frozenset(spec.contact.exempt)
        self.charged = mask(i for i, spot in enumerate(plan_spots(spec)) if spot.message_class not in exempt)


class Auction:
    """The bids of the candidates of one decision."""

    def __init__(
        self,
        plan: Bidding,
        candidates: CandidateSet,
        boosts: Mapping[int, float],
        market: Market | None = None,
        chances: int = 0,
    ) -> None:
        """Before the first slot.

        Args:
          plan: The compiled plan.
          candidates: Ranked.
          boosts: The factor on the priority of each action that has one, by index.
          market: The capacity; None: nothing costs anything.
          chances: The candidates whose propensity is `drawn`, as bits.
        """
        self._plan = plan
        self._candidates = candidates
        self.boosts = boosts
        self._market = market
        self.drawn = chances
        """The candidates whose propensity is drawn for each slot, as bits."""

    def ranked(self, slot: int, channel: str, actions: Sequence[int], *, free: bool = False) -> list[Bid]:
        """The bids for a slot, best first.

        Args:
          slot: Its number, counted over the whole decision from 1.
          channel: Where it is.
          actions: Who bids, in the order of the candidates.
          free: Whether the contact costs nothing, since it is part of another.
        """
        sampled = self._sampled(slot, actions)
        surcharges = self._market.surcharges(channel) if self._market and not free else None
        bids = [self._bid(action, sampled.get(action), surcharges) for action in actions]
        mandatory = self._plan.mandatory
        return sorted(bids, key=lambda bid: -_LARGEST if mandatory >> bid.action & 1 else -bid.amount)

    def fixed(self, action: int, channel: str) -> Bid:
        """What an action would bid without chance."""
        return self._bid(action, None, self._market.surcharges(channel) if self._market else None)

    def too_dear(self, bid: Bid) -> bool:
        """Whether the price leaves nothing of the bid. Mandatory actions do not depend on theirs."""
        return bid.price > 0.0 >= bid.amount and not self._plan.mandatory >> bid.action & 1

    def by_chance(self, bids: Sequence[Bid]) -> tuple[Bid, ...]:
        """Of those who bid for a slot, who could have won it; nobody where chance had no say.

        Drawn bids can come out as anything, fixed ones as what they are.
        """
        if all(bid.sampled is None for bid in bids):
            return ()
        if any(self._plan.mandatory >> bid.action & 1 for bid in bids):
            return ()
        return tuple(bid for bid in bids if bid.sampled is not None or not self.too_dear(bid))

    def _sampled(self, slot: int, actions: Sequence[int]) -> dict[int, float]:
        found = [action for action in actions if self.drawn >> action & 1]
        if not found:
            return {}
        given = self._candidates
        values = draw(
            given.request.decision_id,
            slot,
            [self._plan.ids[action] for action in found],
            [given.propensities[action] for action in found],
            [given.evidence[action] for action in found],
        )
        return dict(zip(found, values, strict=True))

    def _bid(self, action: int, sampled: float | None, surcharges: Sequence[float] | None) -> Bid:
        worth = self._candidates.priorities[action]
        if sampled is not None and worth > 0.0:
            worth = min(worth * (sampled / self._candidates.propensities[action]), _LARGEST)
        worth = min(worth * self.boosts.get(action, 1.0), _LARGEST)
        pays = surcharges is not None and self._plan.charged >> action & 1
        return Bid(action, worth, surcharges[action] if pays and surcharges is not None else 0.0, sampled)


def drawn(plan: Bidding, candidates: CandidateSet) -> int:
    """The candidates whose propensity is drawn for each slot, as bits."""
    propensities, evidence = candidates.propensities, candidates.evidence
    if not evidence:
        return 0
    return plan.explored & mask([i for i in candidates.order if is_drawn(propensities[i], evidence[i])])
