"""Allocation: which of the ranked candidates get the slots asked for, and what became of every other one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from models.ledger.limits import MOST_ROWS, ContactLimits, Counts
from models.ledger.spots import mask, members, plan_spots
from models.ledger.suppressions import Paused, Suppressions
from models.ledger.tallies import Row
from models.plan.spec import PlanSpec
from schemas.common import Stage

MEMORY_FULL = "memory-full"
"""Rule id: the contact memory is full of contacts that limits still need. One more could be remembered only by
forgetting one of them, and then a limit could be exceeded; so nothing that a limit covers is offered."""

MEMORY_LOST = "memory-lost"
"""Rule id: the contacts of the past could not be read. Until all of them would be forgotten anyway, nothing that
contact policy governs is offered."""

HOUSEHOLD_UNSURE = "household-unsure"
"""Rule id: contacts of other members of the household may have been forgotten, or could not be read. Nothing is
offered that a limit of the whole household covers."""

Verdict = tuple[Stage, str | None]

_OFFERED: Verdict = (Stage.OUTPUT, None)
_OUTRANKED: Verdict = (Stage.ARBITRATION, None)
_NO_TREATMENT: Verdict = (Stage.TREATMENT_PLACEMENTS, None)


class Placed(NamedTuple):
    """An action that was given a slot (counted from 1)."""

    action: int
    slot: int
    row: Row


class Allocation(NamedTuple):
    """Who was given a slot, and the verdict on every candidate, aligned with their order."""

    placed: list[Placed]
    verdicts: list[Verdict]
    no_action: str | None
    """Why nobody was, if so: contact_policy or no_treatment_for_placements."""


class Allocator:
    """What allocation needs to know of the plan.

    Attributes:
      rules: The verdicts of contact policy by rule number: suppressions, limits, each as written, then the memory's.
    """

    def __init__(self, spec: PlanSpec, limits: ContactLimits, suppressions: Suppressions) -> None:
        """Compile the placements and treatments of `spec`."""
        self.limits = limits
        self.spots = plan_spots(spec)
        self.placements = spec.placements
        self.treatments: dict[str, dict[int, list[str]]] = {name: {} for name in spec.placements}
        for index, action in enumerate(spec.actions):
            for treatment in action.treatments:
                for name in treatment.placements:
                    self.treatments[name].setdefault(index, []).append(treatment.id)
        self.fits = {name: mask(fitting) for name, fitting in self.treatments.items()}
        self.first_limit = len(suppressions.ids)
        self.memory_full = self.first_limit + len(limits.ids)
        self.memory_lost = self.memory_full + 1
        self.household_unsure = self.memory_lost + 1
        self.rules: list[Verdict] = list(zip(suppressions.stages, suppressions.ids, strict=True))
        self.rules += zip(limits.stages, limits.ids, strict=True)
        self.rules += [(Stage.CONTACT_LIMITS, MEMORY_FULL), (Stage.CONTACT_LIMITS, MEMORY_LOST)]
        self.rules.append((Stage.CONTACT_LIMITS, HOUSEHOLD_UNSURE))
        exempt = frozenset(spec.contact.exempt)
        self._rows: dict[tuple[int, str, str, str, str], Row] = {}
        self.governed = mask(i for i, spot in enumerate(self.spots) if spot.message_class not in exempt)

    def row(self, action: int, treatment: str, channel: str, placement: str, brand: str) -> Row:
        """The spot of an offer, and what the limits make of it."""
        offer = (action, treatment, channel, placement, brand)
        row = self._rows.get(offer)
        if row is None:
            if len(self._rows) >= MOST_ROWS:
                self._rows.clear()
            spot = self.spots[action]._replace(
                treatment=treatment,
                channel=channel,
                placement=placement,
                brand=brand,
                direction=self.limits.direction(channel),
            )
            row = self._rows[offer] = self.limits.row(spot.key)
        return row

    def asked(self, placements: Iterable[str], channel: str) -> dict[str, str]:
        """The placements that the plan knows, in the order asked, each with the channel an offer there is made in."""
        return {
            name: self.placements[name].channel or channel for name in placements if name in self.placements
        }


class Round:
    """The allocation of one decision, while it is made. Sets of actions are the bits of an integer."""

    def __init__(
        self,
        plan: Allocator,
        counts: Counts,
        paused: Paused,
        *,
        brand: str,
        free: int,
        lost: bool = False,
        unsure: bool = False,
    ) -> None:
        """Before anything is offered.

        Args:
          plan: The compiled plan.
          counts: The customer's contacts, as limits see them.
          paused: What suppressions pause.
          brand: That of the request.
          free: How many more contacts can be remembered.
          lost: Whether the past could not be read.
          unsure: Whether the household's contacts are not all known.
        """
        self._plan = plan
        self._counts = counts
        self._paused = paused
        self._brand = brand
        self._free = free
        self._lost = lost
        self._unsure = unsure
        self._touched: set[int] = set()
        self._offered = 0
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
        refusals = {place: self._refusals(place, candidates) for place in dict.fromkeys(asked.values())}
        refused = {name: self._refused_at(name, place, refusals[place]) for name, place in asked.items()}
        open_at = {name: self._plan.fits[name] & candidates & ~mask(refused[name]) for name in asked}
        placed: list[Placed] = []
        for name, place in asked.items():
            placed += self._fill(name, place, open_at[name], order)
        fitting = mask_union(self._plan.fits[name] for name in asked) & candidates
        verdicts = self._verdicts(order, mask_union(open_at.values()), fitting, asked, refused)
        nothing = "contact_policy" if fitting else "no_treatment_for_placements"
        return Allocation(placed, verdicts, None if placed else nothing)

    def _refusals(self, channel: str, candidates: int) -> dict[int, int]:
        """By candidate refused in `channel`: the first rule that refuses it, before any offer of this decision."""
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
        if self._free <= 0:
            yield plan.memory_full, plan.limits.covered(channel, self._brand)
        if self._lost:
            yield plan.memory_lost, plan.governed
        if self._unsure:
            yield plan.household_unsure, plan.limits.covered(channel, self._brand, household=True)

    def _refused_at(self, placement: str, channel: str, refusals: dict[int, int]) -> dict[int, int]:
        """The refusals, and those candidates whose every treatment for this placement is refused."""
        by_treatment = self._refused_treatments(channel)
        if not by_treatment:
            return refusals
        found = dict(refusals)
        for action, rules in by_treatment.items():
            fitting = self._plan.treatments[placement].get(action, ())
            if fitting and all(treatment in rules for treatment in fitting):
                rule = min(rules[treatment] for treatment in fitting)
                found[action] = min(rule, found.get(action, rule))
        return found

    def _refused_treatments(self, channel: str) -> Mapping[int, Mapping[str, int]]:
        """By action: the treatments refused in `channel` by now, each with the first rule that refuses it."""
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

    def _fill(self, placement: str, channel: str, fitting: int, order: Sequence[int]) -> list[Placed]:
        placed: list[Placed] = []
        slots = self._plan.placements[placement].slots
        fitting &= ~self._offered
        stops = self._stops(channel)
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
            stops = self._stops(channel)
        return placed

    def _stops(self, channel: str) -> list[tuple[int, int]]:
        """Number of each rule that refuses more now that offers were made, and the actions it refuses."""
        plan = self._plan
        found = [
            (plan.first_limit + limit, bits)
            for limit, bits in (self._counts.refused(channel, self._touched) if self._touched else ())
        ]
        if self._free <= 0:
            found.append((plan.memory_full, plan.limits.covered(channel, self._brand)))
        return found

    def _place(self, action: int, placement: str, channel: str, slot: int) -> Placed:
        refused = self._refused_treatments(channel).get(action, ())
        treatment = next(name for name in self._plan.treatments[placement][action] if name not in refused)
        row = self._plan.row(action, treatment, channel, placement, self._brand)
        self._touched |= self._counts.add(row)
        self._free -= row.need > 0
        self._offered |= 1 << action
        return Placed(action, slot, row)

    def _verdicts(
        self,
        order: Sequence[int],
        allowed: int,
        fitting: int,
        asked: Mapping[str, str],
        refused: Mapping[str, Mapping[int, int]],
    ) -> list[Verdict]:
        """What became of each candidate; `allowed` were refused nowhere that they fit, `fitting` fit somewhere."""
        anywhere = set().union(*refused.values())
        verdicts = []
        for action in order:
            if self._offered >> action & 1:
                verdict = _OFFERED
            elif allowed >> action & 1:
                stop = self._stopped.get(action)
                verdict = _OUTRANKED if stop is None else self._plan.rules[stop]
            elif action not in anywhere:
                verdict = _NO_TREATMENT
            else:
                verdict = self._refusal(action, fitting >> action & 1 == 1, asked, refused)
            verdicts.append(verdict)
        return verdicts

    def _refusal(
        self, action: int, fits: bool, asked: Mapping[str, str], refused: Mapping[str, Mapping[int, int]]
    ) -> Verdict:
        """Why a candidate could be offered nowhere: the rule at the first placement that it fits.

        One that fits none is without a treatment, unless it is refused in all of the channels: that says more.
        """
        rules = [
            refused[name].get(action) for name in asked if not fits or self._plan.fits[name] >> action & 1
        ]
        known = [rule for rule in rules if rule is not None]
        return self._plan.rules[known[0]] if known and len(known) == len(rules) else _NO_TREATMENT


def mask_union(masks: Iterable[int]) -> int:
    """All actions of any of the sets."""
    union = 0
    for bits in masks:
        union |= bits
    return union
