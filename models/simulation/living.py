"""Customers who live now: the days of the simulated bank, one event after the other at a chosen rate."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import lru_cache
from heapq import heappop, heappush
from typing import Literal, NamedTuple

import msgspec
from numpy.random import Generator

from models.plan.spec import PlanSpec
from models.simulation.config import demand
from models.simulation.customers import Customer, Facts, customer
from models.simulation.days import day_at, introduce, write_day
from models.simulation.draws import chance, generator, wait
from models.simulation.feeds import record_of
from models.simulation.glimpse import REMEMBERED
from models.simulation.life import LifeEvent, life_of
from models.simulation.person import Person
from models.simulation.scribe import Scribe
from models.simulation.spoiling import spoil
from models.times import DAY, SECOND, Micros, moment
from schemas import Signal

PAUSE_S = 8.0
"""Mean time between two events of a customer who is there."""
_LIFETIME = 730 * DAY
_SHARES = ("malformed", "duplicates", "disorder", "busiest")
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingConfig:
    """How much happens, and how badly the feed behaves. Shares are of good signals."""

    rate: float = 25.0
    """Good signals a second; what is added to them comes on top."""
    customers: int = 2_000
    seed: int = 7
    run: str = "live"
    """Part of every signal's id: another run of the same seed is another time."""
    arrivals: Literal["poisson", "paced"] = "poisson"
    """poisson: whenever they like; paced: one every 1/rate seconds."""
    malformed: float = 0.005
    """Unreadable messages added."""
    duplicates: float = 0.01
    """Messages that come twice, byte for byte."""
    disorder: float = 0.02
    """Messages held back, so that later ones come first."""
    held_s: float = 20.0
    """Mean time that a message is held back."""
    busiest: float = 0.0
    """Signals that are of one customer, the first."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
          ValueError: With the field, the value and what it may be.
        """
        for name in _SHARES:
            demand(0 <= getattr(self, name) <= 1, name, getattr(self, name), "between 0 and 1")
        demand(0 < self.rate <= 100_000, "rate", self.rate, "more than 0 and at most 100,000 a second")
        demand(0 < self.customers <= _MOST, "customers", self.customers, "1 or more")
        demand(self.held_s > 0, "held_s", self.held_s, "more than 0")
        demand(0 < len(self.run) <= 100, "run", self.run, "1 to 100 characters")

    def described(self) -> dict[str, object]:
        """The fields, as JSON knows them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Sending(NamedTuple):
    """One message, and when it is due."""

    at: Micros
    payload: bytes
    mark: str
    """good, late (good, and held back), duplicate, or the reason why it cannot be read."""


def sendings(config: LivingConfig, spec: PlanSpec, begins: Micros) -> Iterator[Sending]:
    """Messages without end, by the time they are due. The same arguments give the same messages.

    The event time of a signal is the time at which it happens, from `begins` on; one that is held back is due later.
    """
    draws = generator(config.seed, "live-feed", config.run)
    held: list[tuple[Micros, int, Sending]] = []
    for number, (at, signal) in enumerate(signals(config, spec, begins)):
        while held and held[0][0] <= at:
            yield heappop(held)[2]
        for turn, sending in enumerate(_sent(signal, at, config, draws)):
            heappush(held, (sending.at, 4 * number + turn, sending))


def _sent(signal: Signal, at: Micros, config: LivingConfig, draws: Generator) -> Iterator[Sending]:
    """The message of one signal, and what comes of it on the way."""
    record = record_of(signal)
    payload = msgspec.json.encode(record)
    late = chance(draws, config.disorder)
    due = at + int(draws.exponential(config.held_s) * SECOND) if late else at
    yield Sending(due, payload, "late" if late else "good")
    if chance(draws, config.duplicates):
        yield Sending(due + wait(draws, 2.0, 1.0, at_most_s=60), payload, "duplicate")
    if chance(draws, config.malformed):
        reason, broken = spoil(record, draws)
        yield Sending(at + 1, broken, reason.value)


def signals(config: LivingConfig, spec: PlanSpec, begins: Micros) -> Iterator[tuple[Micros, Signal]]:
    """Good signals without end, at the configured rate: those who are there take turns at random."""
    draws = generator(config.seed, "live", config.run)
    bank = _Bank(config, spec, begins, draws)
    gap = SECOND / config.rate
    at = float(begins)
    while True:
        at += draws.exponential(gap) if config.arrivals == "poisson" else gap
        yield int(at), bank.next(int(at))


@dataclass(slots=True)
class _Known:
    """What must be remembered of a customer between two days."""

    facts: Facts
    days: int = 0
    signals: int = 0
    last_at: Micros = 0


@dataclass(slots=True)
class _Presence:
    """A customer who is there, and what they are about to do, last things first."""

    number: int
    left: list[Signal] = field(default_factory=list)


class _Bank:
    """The customers. Some are there at any time; one who has lived through a day leaves, and another comes.

    A customer's days are those of every simulation of the seed. They follow each other without the nights, and what
    happens takes the time that it takes here, not the time of day of the simulation.
    """

    def __init__(self, config: LivingConfig, spec: PlanSpec, begins: Micros, draws: Generator) -> None:
        self._config, self._spec, self._draws = config, spec, draws
        self._begins = begins - begins % DAY
        self._known: dict[int, _Known] = {}
        self._nature = lru_cache(REMEMBERED)(self._draw_nature)
        there = max(1, min(config.customers // 2, round(config.rate * PAUSE_S)))
        self._there = [_Presence(number) for number in range(there)]  # the first is always the busiest
        self._present = set(range(there))

    def next(self, at: Micros) -> Signal:
        """What happens now."""
        draws, there = self._draws, self._there
        place = 0 if chance(draws, self._config.busiest) else int(draws.integers(len(there)))
        presence = there[place]
        known = self._known.get(presence.number)
        if not presence.left:
            if known is not None:
                self._leave(presence, stays=place == 0 and self._config.busiest > 0)
            known = self._arrive(presence)
        assert known is not None
        return self._now(presence.left.pop(), known, at)

    def _leave(self, presence: _Presence, *, stays: bool) -> None:
        if stays:
            return
        self._present.discard(presence.number)
        while (number := int(self._draws.integers(self._config.customers))) in self._present:
            pass
        presence.number = number
        self._present.add(number)

    def _arrive(self, presence: _Presence) -> _Known:
        """The next day of a customer on which something happens; before the first one, they are introduced."""
        number = presence.number
        who, life = self._nature(number)
        known = self._known.get(number)
        scribe = Scribe(who.customer_id, "day", self._spec.placements)
        if known is None:
            person = Person.at(who, life, self._begins)
            known = self._known[number] = _Known(person.facts)
            introduce(person, scribe, self._begins)
        person = Person(who, life, known.facts)
        while known.days < 1 or not scribe.written:
            day = day_at(self._spec.time_zone, self._begins + known.days * DAY)
            draws = generator(self._config.seed, "day", number, known.days)
            write_day(draws, person, scribe, day)
            known.days += 1
        scribe.written.sort(key=lambda signal: signal.occurred_at, reverse=True)
        presence.left = scribe.written
        return known

    def _now(self, signal: Signal, known: _Known, at: Micros) -> Signal:
        """The signal as it happens here and now."""
        since, known.last_at = at - known.last_at, at
        known.signals += 1
        if signal.profile:
            known.facts.update(signal.profile)
        attributes = signal.attributes
        if "dwell_s" in attributes:
            attributes = {**attributes, "dwell_s": round(min(since, DAY) / SECOND, 1)}
        return msgspec.structs.replace(
            signal,
            signal_id=f"{signal.customer_id}-{self._config.run}-{known.signals:06d}",
            occurred_at=moment(at),
            attributes=attributes,
        )

    def _draw_nature(self, number: int) -> tuple[Customer, tuple[LifeEvent, ...]]:
        who = customer(self._config.seed, number)
        return who, life_of(self._config.seed, who, self._begins, self._begins + _LIFETIME)
