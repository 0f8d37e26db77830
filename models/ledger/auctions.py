"""Auctions: slots that go to the best bid, and bundles, whose members follow the parent that won one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models.ledger.allocation import Allocator, Placed, Terms, mask_union
from models.ledger.bids import Auction, Bid, Market
from models.ledger.bundles import Bundle
from models.ledger.offering import Offering
from models.ledger.refusals import Refusals
from models.ledger.rounds import Round
from models.ledger.spots import mask, members


class _Slot(NamedTuple):
    """A slot to be filled."""

    placement: str
    channel: str
    number: int
    """Counted over the whole decision from 1, empty slots included."""
    left: int
    """Slots of the placement that are still empty, this one included."""
    competing: int
    """Who may have it as far as is known before anybody bids, as bits."""
    beside: int
    """Who is in the slots of the placement before it, as bits."""


class _Won(NamedTuple):
    """Who has a slot."""

    bid: Bid
    contenders: tuple[Bid, ...]
    """Of those who could have won it, where chance decided."""


class AuctionRound(Round):
    """The allocation of one decision by bids, while it is made. Sets of actions are the bits of an integer.

    A slot stays empty when nobody bids for it who could pay the price; then its placement is done.
    """

    def __init__(
        self,
        plan: Allocator,
        refusals: Refusals,
        offering: Offering,
        brand: str,
        *,
        auction: Auction,
        market: Market | None,
    ) -> None:
        """Before anything is offered; `offering` and `market` are changed."""
        super().__init__(plan, refusals, offering, brand)
        self._auction = auction
        self._bundles = plan.bundles
        self._market = market
        self._before = 0
        """Slots of the placements that are done."""
        self._lost: tuple[Bid, ...] = ()
        """Of those who could have won the slot that nobody did."""

    def _fill(self, placement: str, channel: str, competing: int, order: Sequence[int]) -> list[Placed]:
        placed: list[Placed] = []
        bundle: Bundle | None = None
        slots = self._plan.placements[placement].slots
        while len(placed) < slots:
            slot = _Slot(
                placement=placement,
                channel=channel,
                number=self._before + len(placed) + 1,
                left=slots - len(placed),
                competing=competing & ~self._offering.offered,
                beside=mask(one.action for one in placed),
            )
            won = self._follower(slot, bundle, order) if bundle else None
            if won is not None and bundle is not None:
                placed = [
                    one._replace(bundle=bundle.id) if one.action == bundle.parent else one for one in placed
                ]
                placed.append(self._give(slot, won, len(placed) + 1)._replace(bundle=bundle.id, follows=True))
                continue
            won = self._winner(slot, order)
            if won is None:
                break
            placed.append(self._give(slot, won, len(placed) + 1))
            self._pay(placed[-1])
            bundle = self._bundles.by_parent.get(won.bid.action)
        self._before += slots
        return placed

    def _fall_back(self, placement: str, channel: str, allowed: int) -> list[Placed]:
        found = super()._fall_back(placement, channel, allowed)
        for one in found:
            self._pay(one)
        bids = [self._auction.fixed(one.action, channel) for one in found]
        return [one._replace(bid=bid, contenders=self._lost) for one, bid in zip(found, bids, strict=True)]

    def _halt(self, action: int, channel: str) -> int | None:
        rule = super()._halt(action, channel)
        return self._beyond(self._auction.fixed(action, channel), channel) if rule is None else rule

    def _winner(self, slot: _Slot, order: Sequence[int]) -> _Won | None:
        """The best bid of all who are not tied to somebody else."""
        actions = _among(order, slot.competing & ~self._bundles.bound)
        bids = self._auction.ranked(slot.number, slot.channel, actions)
        halted = self._halted(slot, bids)
        able = [bid for bid in bids if bid.action not in halted and self._complete(slot, bid.action)]
        if self._market is not None:
            self._market.seen(slot.channel, able)
        buyers = self._buyers(slot.channel, able)
        self._lost = self._auction.by_chance(self._unsold(slot.channel, able))
        for bid in bids[: bids.index(buyers[0])] if buyers else bids:
            if bid.action in halted:
                self._stopped.setdefault(bid.action, halted[bid.action])
        return _Won(buyers[0], self._lost) if buyers else None

    def _follower(self, slot: _Slot, bundle: Bundle, order: Sequence[int]) -> _Won | None:
        """The best bid of the members of a bundle; the parent paid for them."""
        actions = _among(order, slot.competing & bundle.members)
        bids = self._auction.ranked(slot.number, slot.channel, actions, free=True)
        halted = self._halted(slot, bids)
        able = [bid for bid in bids if bid.action not in halted]
        for action, rule in halted.items():
            self._stopped.setdefault(action, rule)
        return _Won(able[0], self._auction.by_chance(able)) if able else None

    def _halted(self, slot: _Slot, bids: Iterable[Bid]) -> dict[int, int]:
        """By action that offers made before stop: the first rule that does."""
        found: dict[int, int] = {}
        stops = self._offering.stops(slot.channel)
        for bid in bids if stops else ():
            rule = next((rule for rule, bits in stops if bits >> bid.action & 1), None)
            if rule is not None:
                found[bid.action] = rule
        return found

    def _complete(self, slot: _Slot, action: int) -> bool:
        """Whether enough members of the action's bundle would be beside it."""
        bundle = self._bundles.by_parent.get(action)
        if bundle is None or self._fitting(slot, action, bundle) >= bundle.least:
            return True
        self._stopped.setdefault(action, self._plan.first_bundle + bundle.number)
        return False

    def _fitting(self, slot: _Slot, action: int, bundle: Bundle) -> int:
        """How many members are beside the parent already, or would follow it."""
        beside = (bundle.members & slot.beside).bit_count()
        following = bundle.members & slot.competing
        if beside >= bundle.least or not following:
            return beside
        trial = self._offering.copy()
        trial.add(action, self._row(action, slot.placement, slot.channel))
        most = beside + slot.left - 1
        for member in members(following):
            if beside >= most:
                break
            if not any(bits >> member & 1 for _, bits in trial.stops(slot.channel)):
                trial.add(member, self._row(member, slot.placement, slot.channel))
                beside += 1
        return beside

    def _buyers(self, channel: str, bids: Sequence[Bid]) -> list[Bid]:
        """The bids that capacity and its price leave."""
        buyers = []
        for bid in bids:
            rule = self._beyond(bid, channel)
            if rule is None:
                buyers.append(bid)
            else:
                self._stopped.setdefault(bid.action, rule)
        return buyers

    def _beyond(self, bid: Bid, channel: str) -> int | None:
        """The volume constraint that is exhausted, or asks too much of a bid."""
        if self._market is None:
            return None
        for name, bits in self._market.exhausted(channel):
            if bits & self._plan.governed & 1 << bid.action:
                return self._plan.volumes[name]
        if not self._auction.too_dear(bid):
            return None
        dearest = self._market.dearest(bid.action, channel)
        return None if dearest is None else self._plan.volumes[dearest]

    def _unsold(self, channel: str, bids: Sequence[Bid]) -> list[Bid]:
        """The bids for capacity that is not exhausted."""
        if self._market is None:
            return list(bids)
        gone = mask_union(bits for _, bits in self._market.exhausted(channel)) & self._plan.governed
        return [bid for bid in bids if not gone >> bid.action & 1]

    def _give(self, slot: _Slot, won: _Won, position: int) -> Placed:
        placed = self._place(won.bid.action, slot.placement, slot.channel, position)
        return placed._replace(bid=won.bid, contenders=won.contenders)

    def _pay(self, placed: Placed) -> None:
        if self._market is not None:
            self._market.take(placed.action, placed.row.spot)

    def _terms(self, order: Sequence[int], asked: Mapping[str, str]) -> Terms:
        prices: dict[int, float] = {}
        charging = self._market is not None and any(
            self._market.surcharges(channel) is not None for channel in asked.values()
        )
        for action in order if charging else ():
            first = next((name for name in asked if self._plan.fits[name] >> action & 1), None)
            price = self._auction.fixed(action, asked[first]).price if first is not None else 0.0
            if price:
                prices[action] = price
        quote = self._market.prices if self._market is not None else ()
        return Terms(self._auction.drawn, self._auction.boosts, prices, quote)


def _among(order: Sequence[int], bits: int) -> list[int]:
    return [action for action in order if bits >> action & 1]
