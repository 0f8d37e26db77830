"""Screens: the first rule that refuses each action, before anything is offered."""

from collections.abc import Iterable

from models.ledger.spots import mask, members


class Screen(dict[int, int]):
    """By action index: number of the first rule that refuses it. What is no candidate may be refused, too."""

    @classmethod
    def of(cls, rules: Iterable[tuple[int, int]], candidates: int = -1) -> "Screen":
        """From rule numbers and the actions they refuse, as bits, in the order tried; of these candidates."""
        found, left = cls(), candidates
        for rule, bits in rules:
            hit = bits & left
            if hit:
                left ^= hit
                found.update(dict.fromkeys(members(hit), rule))
        return found

    def bits(self) -> int:
        """The refused actions."""
        return mask(self)

    def having(self, rules: dict[int, int]) -> "Screen":
        """The same with other rules for some actions."""
        return Screen({**self, **rules})
