"""Rounds: one decision's slots, filled one after the other with the best candidates allowed."""

from collections.abc import Iterable, Mapping, Sequence

from models.ledger.allocation import Allocation, Allocator, Placed, Terms, Verdict
from models.ledger.offering import Offering
from models.ledger.refusals import AnyScreen, Refusals
from models.ledger.screens import Screen
from models.ledger.spots import mask
from models.ledger.tallies import Row
from models.ledger.verdicts import Judge, no_action


class Round:
    """The allocation of one decision by priority, while it is made. Sets of actions are the bits of an integer."""

    def __init__(self, plan: Allocator, refusals: Refusals, offering: Offering, brand: str) -> None:
        """Before anything is offered; `offering` is changed."""
        self._plan = plan
        self._refusals = refusals
        self._offering = offering
        self._brand = brand
        self._stopped: dict[int, int] = {}
        """By action whose turn came: the rule that stopped it then."""

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
        allowed = {name: self._plan.fits[name] & candidates & ~refused[name].bits() for name in asked}
        placed: list[Placed] = []
        for name, place in asked.items():
            found = self._fill(name, place, allowed[name] & ~self._plan.reserve, order)
            placed += found or self._fall_back(name, place, allowed[name])
        verdicts = self._verdicts(order, asked, refused, allowed)
        why = None if placed else no_action(self._plan.fitting(asked), order, verdicts)
        return Allocation(placed, verdicts, why, self._terms(order, asked))

    def _verdicts(
        self,
        order: Sequence[int],
        asked: Mapping[str, str],
        refused: Mapping[str, AnyScreen],
        allowed: Mapping[str, int],
    ) -> list[Verdict]:
        """What became of each candidate."""
        offered, rounds = self._offering.offered, self._plan.rounds
        screens = [refused[name] for name in asked]
        if rounds is not None and screens and not isinstance(screens[0], Screen):
            places = rounds.places_at(asked, self._brand)
            return rounds.verdicts(tuple(order), places, screens, offered, self._stopped)
        judge = Judge(self._plan, asked, refused, allowed, self._stopped)
        return judge.verdicts(order, offered)

    def _fill(self, placement: str, channel: str, competing: int, order: Sequence[int]) -> list[Placed]:
        """The offers of one placement, from those who compete for it."""
        placed: list[Placed] = []
        slots = self._plan.placements[placement].slots
        competing &= ~self._offering.offered
        stops = self._offering.stops(channel)
        for action in order if competing else ():
            if not competing >> action & 1:
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

    def _fall_back(self, placement: str, channel: str, allowed: int) -> list[Placed]:
        """The placement's fallback, if it may be offered."""
        action = self._plan.fallbacks.get(placement)
        if action is None or not (allowed & ~self._offering.offered) >> action & 1:
            return []
        rule = self._halt(action, channel)
        if rule is not None:
            self._stopped.setdefault(action, rule)
            return []
        return [self._place(action, placement, channel, 1)._replace(fallback=True)]

    def _halt(self, action: int, channel: str) -> int | None:
        """The rule that stops an action now that others were offered."""
        return next((rule for rule, bits in self._offering.stops(channel) if bits >> action & 1), None)

    def _place(self, action: int, placement: str, channel: str, slot: int) -> Placed:
        row = self._row(action, placement, channel)
        self._offering.add(action, row)
        return Placed(action, slot, row)

    def _row(self, action: int, placement: str, channel: str) -> Row:
        treatment = self._refusals.treatment(action, placement, channel)
        return self._plan.row(action, treatment, channel, placement, self._brand)

    def _terms(self, order: Sequence[int], asked: Mapping[str, str]) -> Terms | None:  # noqa: ARG002
        """What had a say besides priorities."""
        return None
