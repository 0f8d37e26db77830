"""Contacts counted for one decision, and what limits refuse by them. Sets of actions are the bits of an integer."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from models.ledger.screens import Screen
from models.ledger.spots import members
from models.ledger.tallies import UNKNOWN, Each, Row

if TYPE_CHECKING:
    from models.ledger.limits import ContactLimits


class Limit(NamedTuple):
    """One limit, ready to be asked."""

    tally: int
    at_most: int
    each: Each
    where: frozenset[str] | None
    """Channels in which it refuses; None: in all."""
    brands: tuple[str, ...]
    household: bool
    actions: int
    """Actions it may refuse: in scope, and of no exempt class."""
    members: Mapping[str, int]
    """The actions that a key stands for."""
    asked_from: int
    """While no key counts so many, there is room for sure: most limits, most of the time."""

    def holds(self, channel: str, brand: str) -> bool:
        """Whether it is about offers of this brand in this channel."""
        return (self.where is None or channel in self.where) and (not self.brands or brand in self.brands)

    def refused(self, counts: Mapping[str, int], channel: str, direction: str) -> int:
        """The actions that it refuses in a channel that it is about, given the contacts by key."""
        if self.at_most == 0:
            return self.actions
        if self.each == "channel":
            return self.actions if counts.get(channel, 0) >= self.at_most else 0
        if self.each == "direction":
            made = counts.get(direction, 0) + counts.get("", 0)
            return self.actions if made >= self.at_most else 0
        if self.each == "treatment":
            return 0
        bits = 0
        # Whichever is shorter: a limit on one action need not look at the contacts of all the others.
        for key in self.members if len(self.members) < len(counts) else counts:
            if counts.get(key, 0) >= self.at_most:
                bits |= self.members.get(key, 0)
        return bits


class Counts:
    """Contacts counted for one decision: those before it, and the offers it has made so far."""

    def __init__(
        self,
        limits: "ContactLimits",
        counts: Sequence[dict[str, int]],
        brand: str,
        blind: frozenset[int],
    ) -> None:
        """Before anything is offered.

        Args:
          limits: Of the plan.
          counts: Per tally, the contacts by key, in the fullest window around the decision. They are changed.
          brand: That which decides.
          blind: Tallies that contacts are missing of, nobody knows which: their limits refuse whatever they cover.
        """
        self._blind = blind
        self._direction = limits.direction
        self._limits = limits.limits
        self._by_treatment = limits.by_treatment
        self._adding = limits.adding
        self._of_directions = limits.of_directions
        self._brand = brand
        self._counts = counts
        self._peaks = [max(count.values(), default=0) for count in counts]
        for index in blind:
            self._peaks[index] = UNKNOWN

    def refused(self, channel: str, among: Collection[int] | None = None) -> Iterator[tuple[int, int]]:
        """Index of each limit that refuses anything in `channel`, as written, and the actions it refuses.

        `among`: look at these limits only.
        """
        peaks = self._peaks
        for index in range(len(self._limits)) if among is None else sorted(among):
            limit = self._limits[index]
            if peaks[limit.tally] < limit.asked_from or not limit.holds(channel, self._brand):
                continue
            counts = self._counts[limit.tally]
            blind = limit.tally in self._blind
            bits = limit.actions if blind else limit.refused(counts, channel, self._direction(channel))
            if bits:
                yield index, bits

    def screen(
        self,
        channel: str,
        before: list[tuple[int, int]],
        first: int,
        after: list[tuple[int, int]],
        candidates: int = -1,
    ) -> Screen:
        """The first rule that refuses each candidate in `channel`.

        Args:
          channel: Where.
          before: Rule numbers, and the actions they refuse, that come before limits; in this order.
          first: Number of the first limit.
          after: Those that come after limits.
          candidates: Who matters, as bits; -1: all.
        """
        limits = [(first + limit, bits) for limit, bits in self.refused(channel)]
        return Screen.of([*before, *limits, *after], candidates)

    def refused_treatments(self, channel: str) -> dict[int, dict[str, int]]:
        """By action index: the treatments refused in `channel`, each with the index of the limit that refuses it."""
        found: dict[int, dict[str, int]] = {}
        for index in self._by_treatment:
            limit = self._limits[index]
            if self._peaks[limit.tally] < limit.asked_from or not limit.holds(channel, self._brand):
                continue
            for key, count in self._counts[limit.tally].items():
                bits = limit.members.get(key, 0) if count >= limit.at_most else 0
                for action in members(bits):
                    found.setdefault(action, {}).setdefault(key.partition(" ")[2], index)
        return found

    def add(self, row: Row) -> set[int]:
        """Count an offer just made; the indices of the limits that it filled, or may have: `refused` knows."""
        filled: dict[int, int] = {}
        for index in self._adding:
            key = row.keys[index]
            if key is not None:
                counts = self._counts[index]
                counts[key] = count = counts.get(key, 0) + 1
                self._peaks[index] = max(self._peaks[index], count)
                # Contacts of unknown direction count for both: it may fill one together with them.
                filled[index] = sum(counts.values()) if index in self._of_directions else count
        if not filled:
            return set()
        return {i for i, limit in enumerate(self._limits) if filled.get(limit.tally, -1) >= limit.at_most}

    def copy(self) -> "Counts":
        """The same again, to try out offers on."""
        found = copy(self)
        found._counts = [dict(counts) for counts in self._counts]
        found._peaks = list(self._peaks)
        return found
