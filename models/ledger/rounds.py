"""Rounds: one decision's slots, filled one after the other with the best candidates allowed."""

from collections.abc import Iterable, Sequence

from models.ledger.allocation import Allocation, Allocator, Placed, mask_union
from models.ledger.offering import Offering
from models.ledger.refusals import Refusals
from models.ledger.spots import mask
from models.ledger.verdicts import Judge


class Round:
    """The allocation of one decision, while it is made. Sets of actions are the bits of an integer."""

    def __init__(self, plan: Allocator, refusals: Refusals, offering: Offering, brand: str) -> None:
        """Before anything is offered; `offering` is changed."""
        self._plan = plan
        self._refusals = refusals
        self._offering = offering
        self._brand = brand
        self._stopped: dict[int, int] = {}
        """By action whose turn came: the rule that stopped it because of offers made just before."""

    def allocate(self, order: Sequence[int], placements: Iterable[str], channel: str) -> Allocation:
        """Fill each placement's slots in turn with the best candidates allowed, no action twice.

        Args:
          order: The candidates, best first, by action index.
          placements: To fill, in this order; one that the plan does not know stays empty.
          channel: That of the request.
        """
        asked = self._plan.asked(placements, channel)
        candidates = mask(order)
        refused = self._refusals.at(asked, candidates)
        allowed = {name: self._plan.fits[name] & candidates & ~mask(refused[name]) for name in asked}
        placed: list[Placed] = []
        for name, place in asked.items():
            placed += self._fill(name, place, allowed[name], order)
        judge = Judge(self._plan, asked, refused, allowed, self._stopped)
        fitting = mask_union(self._plan.fits[name] for name in asked) & candidates
        nothing = "contact_policy" if fitting else "no_treatment_for_placements"
        return Allocation(placed, judge.verdicts(order, self._offering.offered), None if placed else nothing)

    def _fill(self, placement: str, channel: str, allowed: int, order: Sequence[int]) -> list[Placed]:
        placed: list[Placed] = []
        slots = self._plan.placements[placement].slots
        fitting = allowed & ~self._offering.offered
        stops = self._offering.stops(channel)
        for action in order if fitting else ():
            if not fitting >> action & 1:
                continue
            rule = next((rule for rule, bits in stops if bits >> action & 1), None)
            if rule is not None:
                self._stopped.setdefault(action, rule)
                continue
            placed.append(self._place(action, placement, channel, len(placed) + 1))
            if len(placed) == slots:
                break
            stops = self._offering.stops(channel)
        return placed

    def _place(self, action: int, placement: str, channel: str, slot: int) -> Placed:
        treatment = self._refusals.treatment(action, placement, channel)
        row = self._plan.row(action, treatment, channel, placement, self._brand)
        self._offering.add(action, row)
        return Placed(action, slot, row)
