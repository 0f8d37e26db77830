"""Which actions a scope is about."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.plan.spec import PlanSpec, ScopeSpec


@dataclass(frozen=True)
class Members:
    """Indices of actions, in plan order, by everything that a scope can say."""

    by_issue: dict[str, frozenset[int]]
    by_group: dict[str, frozenset[int]]
    by_action: dict[str, frozenset[int]]
    by_class: dict[str, frozenset[int]]
    every: frozenset[int]

    @classmethod
    def of(cls, spec: PlanSpec) -> "Members":
        """The members of a checked plan."""
        issue_of = {group: body.issue for group, body in spec.groups.items()}
        return cls(
            _by([issue_of.get(action.group, "") for action in spec.actions]),
            _by([action.group for action in spec.actions]),
            _by([action.id for action in spec.actions]),
            _by([action.message_class.value for action in spec.actions]),
            frozenset(range(len(spec.actions))),
        )

    def indices(self, scope: ScopeSpec) -> frozenset[int]:
        """Actions that fit every key of `scope`; inside a key, one of its names is enough."""
        found = self.every
        for names, table in (
            (scope.issues, self.by_issue),
            (scope.groups, self.by_group),
            (scope.actions, self.by_action),
            (scope.classes, self.by_class),
        ):
            if names:
                found &= frozenset[int]().union(*(table.get(name, frozenset()) for name in names))
        return found


def bits(indices: Iterable[int]) -> int:
    """A set of actions as the bits of an integer."""
    found = 0
    for index in indices:
        found |= 1 << index
    return found


def _by(names: list[str]) -> dict[str, frozenset[int]]:
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        found.setdefault(name, []).append(index)
    return {name: frozenset(indices) for name, indices in found.items()}
