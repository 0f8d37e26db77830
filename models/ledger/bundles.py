"""Bundles: actions that go together. The parent wins a slot, its members follow into the next ones of its placement."""

from typing import NamedTuple

from models.ledger.spots import mask
from models.plan.spec import BundleSpec, PlanSpec


class Bundle(NamedTuple):
    """One bundle, by action index."""

    number: int
    """As written, from 0."""
    id: str
    parent: int
    members: int
    """A set of actions, as bits."""
    least: int
    """How many of the members must be beside the parent."""


class Bundles:
    """All bundles of a plan.

    Attributes:
      ids: As written.
      by_parent: By action index.
      tied: Actions that are not offered without a parent, each with the number of its bundle.
      bound: The same actions as bits.
      involved: Actions that are a parent or tied to one, as bits.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile `spec.bundles`."""
        index = {action.id: number for number, action in enumerate(spec.actions)}
        self.ids = tuple(bundle.id for bundle in spec.bundles)
        self.by_parent: dict[int, Bundle] = {}
        self.tied: dict[int, int] = {}
        for number, bundle in enumerate(spec.bundles):
            self.by_parent[index[bundle.parent]] = _compile(number, bundle, index)
            for member in bundle.members if not bundle.alone else ():
                self.tied.setdefault(index[member], number)
        self.bound = mask(self.tied)
        self.involved = mask(self.by_parent) | self.bound


def _compile(number: int, bundle: BundleSpec, index: dict[str, int]) -> Bundle:
    found = {index[member] for member in bundle.members}
    least = {"all": len(found), "any": 1, "none": 0}[bundle.needs]
    return Bundle(number, bundle.id, index[bundle.parent], mask(found), least)
