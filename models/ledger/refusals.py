"""Refusals: which candidates, and which of their treatments, may not be offered before anything is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from models.gates import Gates
from models.ledger.allocation import Allocator
from models.ledger.counts import Counts
from models.ledger.screens import Screen
from models.ledger.suppressions import Paused
from schemas.request import DecisionRequest

if TYPE_CHECKING:
    from models.kernel.ledger import Counts as CompiledCounts
    from models.kernel.ledger import Screen as CompiledScreen

AnyScreen: TypeAlias = "Screen | CompiledScreen"


class Refusals:
    """What one decision must not offer, by channel. Sets of actions are the bits of an integer."""

    def __init__(
        self,
        plan: Allocator,
        counts: "Counts | CompiledCounts",
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

    def at(self, asked: Mapping[str, str], candidates: int) -> dict[str, AnyScreen]:
        """By placement asked for: the first rule that refuses each candidate there."""
        by_channel = {channel: self.screen(channel, candidates) for channel in dict.fromkeys(asked.values())}
        return {
            name: self._with_treatments(name, channel, by_channel[channel]) for name, channel in asked.items()
        }

    def any_treatments(self, channel: str) -> bool:
        """Whether any treatment is refused in `channel` that is not refused with its action."""
        return bool(self._by_treatment(channel))

    def treatment(self, action: int, placement: str, channel: str) -> str:
        """The first treatment written for the placement that nothing refuses; there must be one."""
        refused = self._by_treatment(channel).get(action, ())
        return next(name for name in self._plan.treatments[placement][action] if name not in refused)

    def screen(self, channel: str, candidates: int = -1) -> AnyScreen:
        """The first rule that refuses each candidate in `channel`, whatever the treatment."""
        plan = self._plan
        before: list[tuple[int, int]] = []
        after: list[tuple[int, int]] = []
        if self._gates is not None:
            before += self._gates.refused(self._request, channel)
        before += [(plan.first_suppression + rule, bits) for rule, bits in self._paused.within(channel)]
        if self._full:
            after.append((plan.memory_full, plan.limits.covered(channel, self._brand)))
        if self._lost:
            after.append((plan.memory_lost, plan.governed))
        if self._unsure:
            unsure = plan.limits.covered(channel, self._brand, household=True)
            after.append((plan.household_unsure, unsure))
        return self._counts.screen(channel, before, plan.first_limit, after, candidates)

    def _with_treatments(self, placement: str, channel: str, refused: AnyScreen) -> AnyScreen:
        """The refusals, and those candidates whose every treatment for this placement is refused.

        Such a candidate was left as long as one of its treatments was: the rule that refused the last one counts.
        """
        found: dict[int, int] = {}
        for action, rules in self._by_treatment(channel).items():
            fitting = self._plan.treatments[placement].get(action, ())
            if fitting and all(treatment in rules for treatment in fitting):
                rule = max(rules[treatment] for treatment in fitting)
                found[action] = min(rule, refused.get(action, rule))
        return refused.having(found) if found else refused

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
        gated = self._gates.refused_treatments(self._request, channel) if self._gates is not None else {}
        counted = self._counts.refused_treatments(channel)
        if not counted and not self._paused.treatments:
            return gated
        sources = [
            (0, gated),
            (plan.first_suppression, self._paused.treatments),
            (plan.first_limit, counted),
        ]
        found: dict[int, dict[str, int]] = {}
        for first, by_action in sources:
            for action, refused in by_action.items():
                known = found.setdefault(action, {})
                for name, rule in refused.items():
                    known.setdefault(name, first + rule)
        return found
