"""PlanTerms: what a job was started with, so that every plan of it, in every process, is held to the same."""

from collections.abc import Callable
from dataclasses import dataclass

from models.ledger import by_household
from models.plan.compiled import Plan
from models.plan.spec import PlanSpec


class PlanRefusedError(ValueError):
    """A plan that is not to be decided by; says why, in words about the bank's own files only."""


@dataclass(frozen=True)
class PlanTerms:
    """What no later plan of a job may change. Small, and equal for plans that can follow each other.

    Keys and workers are laid out for the plan that a job starts with; and a file that was cut off between two entries
    is a valid plan, which lacks what keeps customers from harm.
    """

    shares_capacity: bool
    by_household: bool
    guards: tuple[str, ...]
    """Parts of the plan that keep customers from harm, of which it has some."""

    @classmethod
    def of(cls, plan: Plan) -> "PlanTerms":
        """Those of a plan."""
        guards = tuple(name for name, count in _GUARDS.items() if count(plan.spec))
        return cls(plan.shares_capacity, by_household(plan.spec), guards)

    def refusal(self, plan: Plan) -> str | None:
        """Why a plan is against them, and what to do; None: it is not."""
        new = PlanTerms.of(plan)
        if self.shares_capacity != new.shares_capacity:
            return "volume constraints came or went: customers would be spread over workers otherwise; start a new job"
        if self.by_household != new.by_household:
            return "limits by household came or went: states would have other keys; start a new job"
        for name in self.guards:
            if name not in new.guards:
                return f"{name}: there were some, now there is none; if that is meant, start a new job"
        return None


_GUARDS: dict[str, Callable[[PlanSpec], int]] = {
    "contact.limits": lambda spec: len(spec.contact.limits),
    "contact.suppressions": lambda spec: len(spec.contact.suppressions),
    "policies": lambda spec: len(spec.policies),
}
