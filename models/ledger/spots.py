"""Spots: what exactly a contact was: an action, said how, where. The ledger remembers contacts as spots."""

from collections.abc import Iterable
from typing import NamedTuple

from models.plan.spec import PlanSpec, ScopeSpec

KERNEL = 7
"""The version of the compiled ledger (`models.kernel.ledger`) that this package goes with."""

_SEPARATOR = "\x1f"


class Spot(NamedTuple):
    """An action as offered. Complete in itself, so that the ledger can read contacts of actions long retired.

    Brand and direction are empty where they are not known: in contacts that older code wrote. What is not known counts
    for every brand and both directions.
    """

    action: str
    treatment: str
    channel: str
    placement: str
    group: str
    issue: str
    message_class: str
    brand: str = ""
    direction: str = ""

    @property
    def key(self) -> str:
        """All of it in one string: what the state holds, once per customer and spot."""
        return _SEPARATOR.join(self)


def spot_of(key: str) -> Spot:
    """The spot with this key."""
    return Spot(*key.split(_SEPARATOR))


def in_scope(scope: ScopeSpec, spot: Spot) -> bool:
    """Whether the spot's action is one that `scope` is about."""
    return (
        (not scope.actions or spot.action in scope.actions)
        and (not scope.groups or spot.group in scope.groups)
        and (not scope.issues or spot.issue in scope.issues)
        and (not scope.classes or spot.message_class in scope.classes)
    )


def plan_spots(spec: PlanSpec) -> tuple[Spot, ...]:
    """The first treatment of each action, in plan order, without channel, placement, brand and direction.

    Raises:
      ValueError: A name holds the unit separator U+001F, which only we may use.
    """
    spots = tuple(
        Spot(
            action.id,
            action.treatments[0].id,
            "",
            "",
            action.group,
            spec.groups[action.group].issue,
            action.message_class.value,
        )
        for action in spec.actions
    )
    names = [*spec.brands, *spec.channels, *spec.placements, *spec.groups, *spec.issues]
    if any(_SEPARATOR in name for name in names):
        raise ValueError("a name of the plan holds the control character U+001F; remove it")
    return spots


def mask(indices: Iterable[int]) -> int:
    """A set of action indices as the bits of an integer."""
    bits = 0
    for index in indices:
        bits |= 1 << index
    return bits


def members(bits: int) -> list[int]:
    """The indices whose bits are set, ascending."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found
