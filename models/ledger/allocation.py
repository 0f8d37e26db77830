"""Allocation: what deciding who gets the slots needs to know of the plan, and what it comes to."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from models.gates import Gates
from models.kernel import find
from models.ledger.bids import Bid
from models.ledger.bundles import Bundles
from models.ledger.limits import MOST_ROWS, ContactLimits
from models.ledger.spots import KERNEL, mask, plan_spots
from models.ledger.suppressions import Suppressions
from models.ledger.tallies import Row
from models.plan.spec import PlanSpec
from schemas.common import Stage
from schemas.decision import Price

if TYPE_CHECKING:
    from models.kernel.ledger import Rounds

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

SAID: tuple[Verdict, Verdict, Verdict] = (
    (Stage.OUTPUT, None),
    (Stage.ARBITRATION, None),
    (Stage.TREATMENT_PLACEMENTS, None),
)
"""Of those who are offered, of those whom others outrank, and of those who have no treatment for any placement."""


class Placed(NamedTuple):
    """An action that was given a slot (counted from 1)."""

    action: int
    slot: int
    row: Row
    bid: Bid | None = None
    """What won the slot; None: its priority did, or it is a fallback."""
    contenders: tuple[Bid, ...] = ()
    """Of all who could have won the slot, where chance decided."""
    bundle: str | None = None
    follows: bool = False
    """Whether it is there because its parent is."""
    fallback: bool = False


class Terms(NamedTuple):
    """What had a say besides priorities."""

    drawn: int
    """Candidates whose propensity was drawn for each slot, as bits."""
    boosts: Mapping[int, float]
    """Factor on the priority, where there is one."""
    prices: Mapping[int, float]
    """Of each candidate that costs something where it would go first."""
    quote: tuple[Price, ...]
    """What volume constraints asked."""


class Allocation(NamedTuple):
    """Who was given a slot, and the verdict on every candidate, aligned with their order."""

    placed: list[Placed]
    verdicts: list[Verdict]
    no_action: str | None
    """Why nobody was, if so (`models.ledger.verdicts`)."""
    terms: Terms | None = None


class Allocator:
    """What allocation needs to know of the plan. Sets of actions are the bits of an integer.

    Attributes:
      rules: What refuses candidates, by rule number: gates, suppressions, limits, the memory's, volume constraints,
        bundles, each as written.
      fits: By placement, the actions that have a treatment there. A fallback fits only where it is one.
      fallbacks: By placement, the action that is offered when nothing else is.
      reserve: The fallbacks; they compete nowhere.
      rounds: The compiled form of rounds, which fills slots by priority; None where it is not built.
    """

    def __init__(
        self,
        spec: PlanSpec,
        limits: ContactLimits,
        suppressions: Suppressions,
        bundles: Bundles,
        gates: Gates | None,
    ) -> None:
        """Compile the placements and treatments of `spec`."""
        self.limits = limits
        self.bundles = bundles
        self.spots = plan_spots(spec)
        self.placements = spec.placements
        self.treatments: dict[str, dict[int, list[str]]] = {name: {} for name in spec.placements}
        for index, action in enumerate(spec.actions):
            for treatment in action.treatments:
                for name in treatment.placements:
                    self.treatments[name].setdefault(index, []).append(treatment.id)
        index_of = {action.id: index for index, action in enumerate(spec.actions)}
        self.fallbacks = {
            name: index_of[body.fallback]
            for name, body in spec.placements.items()
            if body.fallback is not None
        }
        self.reserve = mask(self.fallbacks.values())
        self.fits = {
            name: mask(i for i in fitting if not self.reserve >> i & 1 or self.fallbacks.get(name) == i)
            for name, fitting in self.treatments.items()
        }
        exempt = frozenset(spec.contact.exempt)
        self.governed = mask(i for i, spot in enumerate(self.spots) if spot.message_class not in exempt)
        self._rows: dict[tuple[int, str, str, str, str], Row] = {}
        self._number(spec, suppressions, gates)
        kernel = find("ledger", KERNEL) if limits.table is not None else None
        self.rounds: Rounds | None = (
            None if kernel is None else kernel.Rounds(limits.table, self, Placed, SAID)
        )

    def _number(self, spec: PlanSpec, suppressions: Suppressions, gates: Gates | None) -> None:
        self.rules: list[Verdict] = list(gates.rules) if gates else []
        self.first_suppression = len(self.rules)
        self.rules += zip(suppressions.stages, suppressions.ids, strict=True)
        self.first_limit = len(self.rules)
        self.rules += zip(self.limits.stages, self.limits.ids, strict=True)
        self.memory_full = len(self.rules)
        self.memory_lost, self.household_unsure = self.memory_full + 1, self.memory_full + 2
        self.rules += [(Stage.CONTACT_LIMITS, name) for name in (MEMORY_FULL, MEMORY_LOST, HOUSEHOLD_UNSURE)]
        volumes = [volume.id for volume in spec.contact.volumes]
        self.volumes = {name: len(self.rules) + number for number, name in enumerate(volumes)}
        self.rules += [(Stage.VOLUME_CONSTRAINTS, name) for name in volumes]
        self.first_bundle = len(self.rules)
        self.rules += [(Stage.BUNDLING, name) for name in self.bundles.ids]

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

    def fitting(self, asked: Iterable[str]) -> int:
        """The actions that have a treatment for any of these placements."""
        return mask_union(self.fits[name] for name in asked)


def mask_union(masks: Iterable[int]) -> int:
    """All actions of any of the sets."""
    union = 0
    for bits in masks:
        union |= bits
    return union
