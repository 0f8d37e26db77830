"""From events to lines in the order they arrive: late, twice, and between them lines that nobody can read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import msgspec

from models.simulation.config import SimulationConfig
from models.simulation.draws import chance, generator, wait
from models.simulation.lives import Event, Told
from models.simulation.spoiling import Record, spoil
from models.times import Micros, micros
from schemas import Signal

Stream = Literal["signals", "outcomes"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line of one feed."""

    stream: Stream
    payload: bytes
    arrives_at: Micros
    """When it arrives; only the order of lines shows it."""
    mark: str = "good"
    """good, late (good, and held back), duplicate, or the reason why it cannot be read."""


def arrivals_of(told: Told, config: SimulationConfig) -> Iterator[Arrival]:
    """All lines of one customer, in no particular order."""
    draws = generator(config.seed, "feed", told.person.customer.number)
    late_mean = config.late_mean / timedelta(microseconds=1)
    for event in told.events:
        stream: Stream = "signals" if isinstance(event, Signal) else "outcomes"
        record, at = record_of(event), micros(event.occurred_at) + wait(draws, 1.5, 0.7)
        payload = msgspec.json.encode(record)
        held = int(draws.exponential(late_mean)) if chance(draws, config.late) else 0
        yield Arrival(stream, payload, at + held, "late" if held else "good")
        if chance(draws, config.duplicates):
            again = at + held + wait(draws, 30, 1.0, at_most_s=900)
            yield Arrival(stream, payload, again, "duplicate")
        if chance(draws, config.malformed):
            reason, broken = spoil(record, draws)
            yield Arrival(stream, broken, at + 1, reason.value)


def record_of(event: Event) -> Record:
    """The event as a JSON object, without fields that are at their default."""
    record = {name: getattr(event, name) for name in event.__struct_fields__}
    return {name: value for name, value in record.items() if value not in (None, (), {})}
