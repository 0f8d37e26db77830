"""Refusals: which candidates, and which of their treatments, may not be offered before anything is."""

from collections.abc import Iterator, Mapping

from models.ledger.allocation import Allocator
from models.ledger.limits import Counts
from models.ledger.spots import members
from models.ledger.suppressions import Paused


class Refusals:
    """What one decision must not offer, by channel. Sets of actions are the bits of an integer."""

    def __init__(
        self,
        plan: Allocator,
        counts: Counts,
        paused: Paused,
        *,
        brand: str,
        full: bool,
        lost: bool,
        unsure: bool,
    ) -> None:
        """Before anything is offered.

        Args:
          plan: The compiled plan.
          counts: The customer's contacts, as limits see them.
          paused: What suppressions pause.
          brand: That of the request.
          full: Whether no more contacts can be remembered.
          lost: Whether the past could not be read.
          unsure: Whether the household's contacts are not all known.
        """
        self._plan = plan
        self._counts = counts
        self._paused = paused
        self._brand = brand
        self._full = full
        self._lost = lost
        self._unsure = unsure
        self._treatments: dict[str, Mapping[int, Mapping[str, int]]] = {}

    def at(self, asked: Mapping[str, str], candidates: int) -> dict[str, dict[int, int]]:
        """By placement asked for, and by candidate refused there: the first rule that refuses it."""
        by_channel = {
            channel: self._actions(channel, candidates) for channel in dict.fromkeys(asked.values())
        }
        return {
            name: self._with_treatments(name, channel, by_channel[channel]) for name, channel in asked.items()
        }

    def treatment(self, action: int, placement: str, channel: str) -> str:
        """The first treatment written for the placement that nothing refuses; there must be one."""
        refused = self._by_treatment(channel).get(action, ())
        return next(name for name in self._plan.treatments[placement][action] if name not in refused)

    def _actions(self, channel: str, candidates: int) -> dict[int, int]:
        found: dict[int, int] = {}
        for rule, bits in self._rules(channel):
            hit = candidates & bits
            if hit:
                candidates ^= hit
                found.update(dict.fromkeys(members(hit), rule))
        return found

    def _rules(self, channel: str) -> Iterator[tuple[int, int]]:
        plan = self._plan
        yield from self._paused.within(channel)
        for limit, bits in self._counts.refused(channel):
            yield plan.first_limit + limit, bits
        if self._full:
            yield plan.memory_full, plan.limits.covered(channel, self._brand)
        if self._lost:
            yield plan.memory_lost, plan.governed
        if self._unsure:
            yield plan.household_unsure, plan.limits.covered(channel, self._brand, household=True)

    def _with_treatments(self, placement: str, channel: str, refused: dict[int, int]) -> dict[int, int]:
        """The refusals, and those candidates whose every treatment for this placement is refused."""
        by_treatment = self._by_treatment(channel)
        if not by_treatment:
            return refused
        found = dict(refused)
        for action, rules in by_treatment.items():
            fitting = self._plan.treatments[placement].get(action, ())
            if fitting and all(treatment in rules for treatment in fitting):
                rule = min(rules[treatment] for treatment in fitting)
                found[action] = min(rule, found.get(action, rule))
        return found

    def _by_treatment(self, channel: str) -> Mapping[int, Mapping[str, int]]:
        """By action: the treatments refused in `channel`, each with the first rule that refuses it.

        Offers of the decision itself change nothing here: what counts by treatment counts by action too, and no
        action is offered twice.
        """
        found = self._treatments.get(channel)
        if found is None:
            found = self._treatments[channel] = self._find_treatments(channel)
        return found

    def _find_treatments(self, channel: str) -> Mapping[int, Mapping[str, int]]:
        limits, paused = self._counts.refused_treatments(channel), self._paused.treatments
        if not limits:
            return paused
        first = self._plan.first_limit
        found = {
            action: {name: first + limit for name, limit in refused.items()}
            for action, refused in limits.items()
        }
        for action, names in paused.items():
            found.setdefault(action, {}).update(names)
        return found
