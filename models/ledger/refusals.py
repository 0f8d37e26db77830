"""Refusals: which candidates, and which of their treatments, may not be offered before anything is."""

from collections.abc import Iterator, Mapping

from models.gates import Gates
from models.ledger.allocation import Allocator
from models.ledger.limits import Counts
from models.ledger.spots import members
from models.ledger.suppressions import Paused
from schemas.request import DecisionRequest


class Refusals:
    """What one decision must not offer, by channel. Sets of actions are the bits of an integer."""

    def __init__(
        self,
        plan: Allocator,
        counts: Counts,
        paused: Paused,
        *,
        gates: Gates | None = None,
        request: DecisionRequest,
        full: bool,
        lost: bool,
        unsure: bool,
    ) -> None:
        """Before anything is offered.

        Args:
          plan: The compiled plan.
          counts: The customer's contacts, as limits see them.
          paused: What suppressions pause.
          gates: What the request alone forbids; None: nothing.
          request: What is asked for.
          full: Whether no more contacts can be remembered.
          lost: Whether the past could not be read.
          unsure: Whether the household's contacts are not all known.
        """
        self._plan = plan
        self._counts = counts
        self._paused = paused
        self._gates = gates
        self._request = request
        self._brand = request.brand
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
        if self._gates is not None:
            yield from self._gates.refused(self._request, channel)
        for rule, bits in self._paused.within(channel):
            yield plan.first_suppression + rule, bits
        for limit, bits in self._counts.refused(channel):
            yield plan.first_limit + limit, bits
        if self._full:
            yield plan.memory_full, plan.limits.covered(channel, self._brand)
        if self._lost:
            yield plan.memory_lost, plan.governed
        if self._unsure:
            yield plan.household_unsure, plan.limits.covered(channel, self._brand, household=True)

    def _with_treatments(self, placement: str, channel: str, refused: dict[int, int]) -> dict[int, int]:
        """The refusals, and those candidates whose every treatment for this placement is refused.

        Such a candidate was left as long as one of its treatments was: the rule that refused the last one counts.
        """
        by_treatment = self._by_treatment(channel)
        if not by_treatment:
            return refused
        found = dict(refused)
        for action, rules in by_treatment.items():
            fitting = self._plan.treatments[placement].get(action, ())
            if fitting and all(treatment in rules for treatment in fitting):
                rule = max(rules[treatment] for treatment in fitting)
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
        plan = self._plan
        sources = [
            (0, self._gates.refused_treatments(self._request, channel) if self._gates is not None else {}),
            (plan.first_suppression, self._paused.treatments),
            (plan.first_limit, self._counts.refused_treatments(channel)),
        ]
        found: dict[int, dict[str, int]] = {}
        for first, by_action in sources:
            for action, refused in by_action.items():
                known = found.setdefault(action, {})
                for name, rule in refused.items():
                    known.setdefault(name, first + rule)
        return found
