"""A customer as the simulation goes: facts that change, and the behaviour that answers depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from models.simulation.customers import Customer, Facts
from models.simulation.life import LifeEvent, active, news
from models.simulation.world import TOPICS
from models.times import DAY, Micros, micros
from schemas import Outcome, OutcomeKind, Signal

WEEK = 7 * DAY
MONTH = 30 * DAY


class Respondent(Protocol):
    """What an answer depends on: the customer, what the bank knows of them, and how they have behaved."""

    customer: Customer
    facts: Facts

    def views(self, topic: str, at: Micros) -> int:
        """Events about the topic in the 7 days up to `at`: the feature views_TOPIC_7d."""

    def impressions(self, at: Micros) -> int:
        """Offers seen in the 7 days up to `at`: the feature impressions_7d."""

    def times_seen(self, action: str, at: Micros) -> int:
        """How often this action was seen in the 7 days up to `at`."""

    def mood(self, at: Micros) -> float:
        """Mean sentiment of the last 30 days' conversations, 0 without one: the feature sentiment_30d."""

    def abandoned(self, at: Micros) -> float:
        """How recently an application was left, half-life two days: the feature abandoned_lately."""

    def changed(self, facts: Mapping[str, Any]) -> Facts:
        """Those of the facts that are news."""


@dataclass(slots=True)
class Person:
    """Mutable; lives as long as one customer is simulated. Learns only from events that were sent."""

    customer: Customer
    life: tuple[LifeEvent, ...]
    facts: Facts
    looked: list[tuple[Micros, str]] = field(default_factory=list)
    moods: list[tuple[Micros, float]] = field(default_factory=list)
    seen: list[tuple[Micros, str | None]] = field(default_factory=list)
    abandoned_at: Micros | None = None

    @classmethod
    def at(cls, customer: Customer, life: tuple[LifeEvent, ...], begins: Micros) -> "Person":
        """The customer when the simulation begins: what the bank learned before is known."""
        facts = dict(customer.facts)
        for _, learned in news(life, -(2**62), begins):
            facts.update(learned)
        return cls(customer, life, facts)

    def note(self, event: Signal | Outcome) -> None:
        """Remember what later answers depend on."""
        at = micros(event.occurred_at)
        if isinstance(event, Outcome):
            if event.kind is OutcomeKind.IMPRESSION:
                self.seen.append((at, event.action))
            return
        if event.profile is not None:
            self.facts.update(event.profile)
        if event.type == "profile":
            return
        topic, sentiment = event.attributes.get("topic"), event.attributes.get("sentiment")
        if isinstance(topic, str):
            self.looked.append((at, topic))
        if isinstance(sentiment, float):
            self.moods.append((at, sentiment))
        if event.type == "application_abandoned":
            self.abandoned_at = at

    def views(self, topic: str, at: Micros) -> int:
        """Events about the topic in the 7 days up to `at`: the feature views_TOPIC_7d."""
        return sum(1 for when, what in self.looked if what == topic and at - WEEK < when <= at)

    def impressions(self, at: Micros) -> int:
        """Offers seen in the 7 days up to `at`: the feature impressions_7d."""
        return sum(1 for when, _ in self.seen if at - WEEK < when <= at)

    def times_seen(self, action: str, at: Micros) -> int:
        """How often this action was seen in the 7 days up to `at`."""
        return sum(1 for when, what in self.seen if what == action and at - WEEK < when <= at)

    def mood(self, at: Micros) -> float:
        """Mean sentiment of the last 30 days' conversations, 0 without one: the feature sentiment_30d."""
        recent = [mood for when, mood in self.moods if at - MONTH < when <= at]
        return sum(recent) / len(recent) if recent else 0.0

    def abandoned(self, at: Micros) -> float:
        """How recently an application was left, half-life two days: the feature abandoned_lately."""
        return 0.0 if self.abandoned_at is None else 0.5 ** ((at - self.abandoned_at) / (2 * DAY))

    def interests(self, at: Micros) -> Mapping[str, float]:
        """Weight of each topic when choosing what to look at, at this moment of life."""
        boosts = [kind.interest for kind in active(self.life, at)]
        leaning = self.customer.hidden.interest
        return {
            topic: float(np.exp(leaning[topic] + sum(boost.get(topic, 0.0) for boost in boosts)))
            for topic in TOPICS
        }

    def travelling(self, at: Micros) -> bool:
        """Whether abroad."""
        return any(event.kind == "travel" and event.begins <= at < event.ends for event in self.life)

    def changed(self, facts: Mapping[str, Any]) -> Facts:
        """Those of the facts that are news."""
        return {name: value for name, value in facts.items() if self.facts.get(name) != value}
