"""A customer as one decision shows them: all that a channel needs to know for the customer to answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from models.features import FeatureTable
from models.plan.spec import PlanSpec
from models.simulation.customers import Customer, Facts, customer
from models.times import Micros
from schemas import Decision

REMEMBERED = 4_096
"""Customers whose nature is kept at hand; the others are drawn anew when they come."""

_ID = re.compile(r"c([0-9]{6,9})")


@dataclass(slots=True)
class Glimpse:
    """A `Respondent`: their nature is drawn from the seed, what they did lately is read from the decision's features.

    What no feature tells is as if it had not happened: how often one action was seen, above all.
    """

    customer: Customer
    facts: Facts
    features: Mapping[str, float]

    def views(self, topic: str, at: Micros) -> int:  # noqa: ARG002  (a decision is of one moment)
        """The feature views_TOPIC_7d."""
        return int(self.features.get(f"views_{topic}_7d", 0.0))

    def impressions(self, at: Micros) -> int:  # noqa: ARG002
        """The feature impressions_7d."""
        return int(self.features.get("impressions_7d", 0.0))

    def times_seen(self, action: str, at: Micros) -> int:  # noqa: ARG002
        """No feature tells it."""
        return 0

    def mood(self, at: Micros) -> float:  # noqa: ARG002
        """The feature sentiment_30d."""
        return self.features.get("sentiment_30d", 0.0)

    def abandoned(self, at: Micros) -> float:  # noqa: ARG002
        """The feature abandoned_lately."""
        return self.features.get("abandoned_lately", 0.0)

    def changed(self, facts: Mapping[str, Any]) -> Facts:
        """Those of the facts that are news."""
        return {name: value for name, value in facts.items() if self.facts.get(name) != value}


class Glimpses:
    """Makes glimpses of the customers of the simulated bank `seed` from the decisions of a plan."""

    def __init__(self, spec: PlanSpec, seed: int) -> None:
        self._columns: Sequence[str] = FeatureTable.of(spec).columns
        self._customer = lru_cache(REMEMBERED)(lambda number: customer(seed, number))

    def of(self, decision: Decision) -> Glimpse | None:
        """The customer at the moment of the decision; None: they are nobody of this bank."""
        found = _ID.fullmatch(decision.customer_id)
        if found is None:
            return None
        who = self._customer(int(found[1]))
        known = {name: value for name, value in decision.context.customer.items() if value is not None}
        # A decision of another plan has other columns: what cannot be read is not known.
        features = decision.context.features if len(decision.context.features) == len(self._columns) else ()
        return Glimpse(who, {**who.facts, **known}, dict(zip(self._columns, features, strict=False)))
