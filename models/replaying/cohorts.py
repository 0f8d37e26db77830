"""Cohorts: groups of customers by what was known of them, the same under every plan compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from models.plan.spec import CareFactSpec, PlanSpec

CARE = "care"
BRAND = "brand"
AGE = "age"
NO_MARK = "no mark"
UNKNOWN = "unknown"

_AGES = (18, 25, 35, 45, 55, 65, 75)


class Cell(NamedTuple):
    """One value of one cohort dimension."""

    dimension: str
    value: str


class CareMark(NamedTuple):
    """A circumstance in which marketing must step back, and the facts that tell it in any of the plans."""

    name: str
    facts: frozenset[str]


@dataclass(frozen=True)
class Cohorts:
    """Which cohorts are told apart: care marks, brand, and facts of the customer's profile.

    Facts are read from the events themselves, not from what a plan made of them: a plan that forgets to declare a fact
    is compared over the same customers as one that does.
    """

    marks: tuple[CareMark, ...]
    facts: tuple[str, ...]
    """Dimensions besides care marks and brand."""

    @classmethod
    def of(cls, specs: Sequence[PlanSpec], facts: Iterable[str] | None = None) -> "Cohorts":
        """The cohorts for comparing plans; by default an age band, where a plan knows an age.

        Raises:
          ValueError: A fact is not one that any of the plans declares, or it has no categories.
        """
        declared = {name: field for spec in specs for name, field in spec.vocabulary.customer.items()}
        marks = _marks(specs)
        if facts is None:
            return cls(marks, (AGE,) if AGE in declared else ())
        wanted = tuple(dict.fromkeys(facts))
        known = {name for name, field in declared.items() if field.type != "number" or name == AGE}
        known -= {name for name, field in declared.items() if field.type == "integer" and name != AGE}
        for name in wanted:
            if name not in known:
                raise ValueError(
                    f"{name!r} is no fact with categories; the plans know {', '.join(sorted(known)) or 'none'}"
                )
        return cls(marks, tuple(name for name in wanted if name != BRAND))

    def marked(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the care marks that hold."""
        return tuple(mark.name for mark in self.marks if any(facts.get(fact) for fact in mark.facts))

    def cells(self, facts: Mapping[str, Any], brand: str) -> tuple[Cell, ...]:
        """All cohorts of a customer with these facts, dealing with this brand."""
        care = [Cell(CARE, name) for name in self.marked(facts)] or [Cell(CARE, NO_MARK)]
        return (
            *care,
            Cell(BRAND, brand),
            *(Cell(fact, value) for fact in self.facts for value in _values(fact, facts.get(fact))),
        )


def _marks(specs: Sequence[PlanSpec]) -> tuple[CareMark, ...]:
    found: dict[str, set[str]] = {}
    for spec in specs:
        for name in spec.care.__struct_fields__:
            part = getattr(spec.care, name)
            if isinstance(part, CareFactSpec):
                found.setdefault(name, set()).add(part.fact)
    return tuple(CareMark(name, frozenset(facts)) for name, facts in found.items())


def _values(fact: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return (UNKNOWN,)
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    if isinstance(value, tuple | list):
        return tuple(map(str, dict.fromkeys(value))) or ("none",)
    if fact == AGE and isinstance(value, int | float):
        return (age_band(value),)
    return (str(value),)


def place(cell: Cell) -> tuple[bool, bool, str]:
    """Sort key of the values of one dimension: what is not known last, open beginnings first."""
    return cell.value in (NO_MARK, UNKNOWN), not cell.value.startswith("under "), cell.value


def age_band(age: float) -> str:
    """The band of an age in years, e.g. 25-34."""
    if age < _AGES[0]:
        return f"under {_AGES[0]}"
    for low, high in pairwise(_AGES):
        if age < high:
            return f"{low}-{high - 1}"
    return f"{_AGES[-1]} and over"
