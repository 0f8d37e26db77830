"""Allocation: what deciding who gets the slots needs to know of the plan, and what it comes to."""

from collections.abc import Iterable
from typing import NamedTuple

from models.ledger.limits import MOST_ROWS, ContactLimits
from models.ledger.spots import mask, plan_spots
from models.ledger.suppressions import Suppressions
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


def mask_union(masks: Iterable[int]) -> int:
    """All actions of any of the sets."""
    union = 0
    for bits in masks:
        union |= bits
    return union
