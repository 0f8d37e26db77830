"""Offering: the offers that one decision has made so far, and what they leave for the next."""

from copy import copy
from typing import TYPE_CHECKING

from models.ledger.allocation import Allocator
from models.ledger.counts import Counts
from models.ledger.tallies import Row

if TYPE_CHECKING:
    from models.kernel.ledger import Counts as CompiledCounts


class Offering:
    """What changes while slots are filled. Sets of actions are the bits of an integer."""

    def __init__(self, plan: Allocator, counts: "Counts | CompiledCounts", *, brand: str, free: int) -> None:
        """Before anything is offered.

        Args:
          plan: The compiled plan.
          counts: The customer's contacts, as limits see them. They are changed.
          brand: That of the request.
          free: How many more contacts can be remembered.
        """
        self.offered = 0
        self._plan = plan
        self._counts = counts
        self._brand = brand
        self._free = free
        self._touched: set[int] = set()

    def add(self, action: int, row: Row) -> None:
        """Offer an action."""
        self._touched |= self._counts.add(row)
        self._free -= row.need > 0
        self.offered |= 1 << action

    def copy(self) -> "Offering":
        """The same again, to try out offers on."""
        found = copy(self)
        found._counts = self._counts.copy()
        found._touched = set(self._touched)
        return found

    def stops(self, channel: str) -> list[tuple[int, int]]:
        """Number of each rule that refuses more now that offers were made, and the actions it refuses."""
        plan = self._plan
        found = [
            (plan.first_limit + limit, bits)
            for limit, bits in (self._counts.refused(channel, self._touched) if self._touched else ())
        ]
        if self._free <= 0:
            found.append((plan.memory_full, plan.limits.covered(channel, self._brand)))
        return found
