"""What a simulation wrote, counted: what any reader of its files must find again."""

from collections import Counter
from typing import Any

from models.simulation.feeds import Arrival
from models.simulation.lives import Told
from models.simulation.simulation import Simulation
from models.simulation.strays import is_stray
from schemas import Signal

_GOOD = {"good", "late"}


class Manifest:
    """Counts lines and lives as they pass."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._lines: Counter[str] = Counter()
        self._marks: Counter[tuple[str, str]] = Counter()
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._counted: Counter[str] = Counter()
        self._lives: Counter[str] = Counter()

    def tell(self, told: Told) -> None:
        """Count one customer's life."""
        self._counted.update(told.counted)
        for event in told.events:
            if isinstance(event, Signal):
                self._kinds["signals", event.type] += 1
            else:
                self._kinds["outcomes", event.kind.value] += 1
                self._lives["unattributed_outcomes"] += is_stray(event)
        self._lives["customers"] += 1
        self._lives["offers"] += len(told.responses)
        self._lives["positive"] += sum(response.positive for _, response in told.responses)

    def line(self, arrival: Arrival) -> None:
        """Count one line."""
        self._lines[arrival.stream] += 1
        self._marks[arrival.stream, arrival.mark] += 1

    def contents(self) -> dict[str, Any]:
        """The manifest, as JSON knows it."""
        return {
            "simulation": self._simulation.config.described(),
            "plan": {"name": self._simulation.spec.name, "version": self._simulation.spec.version},
            "lines": {stream: self._lines[stream] for stream in ("signals", "outcomes")},
            "signals": _part(self._kinds, "signals"),
            "outcomes": _part(self._kinds, "outcomes"),
            "late": {stream: self._marks[stream, "late"] for stream in ("signals", "outcomes")},
            "duplicates": {stream: self._marks[stream, "duplicate"] for stream in ("signals", "outcomes")},
            "malformed": {stream: self._malformed(stream) for stream in ("signals", "outcomes")},
            "lives": dict(sorted(self._lives.items())),
            "accounting": self._accounting(),
        }

    def _malformed(self, stream: str) -> dict[str, int]:
        marks = _part(self._marks, stream)
        return {mark: count for mark, count in marks.items() if mark not in _GOOD | {"duplicate"}}

    def _accounting(self) -> dict[str, int] | None:
        """How a bounded run with the same plan accounts for all lines; None if nothing decided here."""
        if not self._counted:
            return None
        malformed = sum(sum(self._malformed(stream).values()) for stream in ("signals", "outcomes"))
        counted = self._counted
        return {
            "inputs": sum(self._lines.values()),
            "decided": counted["decided"],
            "observed": counted["observed"],
            "duplicates": counted["duplicates"] + sum(self._marks[s, "duplicate"] for s in self._lines),
            "dead_letters": counted["dead_letters"] + malformed,
        }


def _part(counts: Counter[tuple[str, str]], stream: str) -> dict[str, int]:
    return {name: count for (of, name), count in sorted(counts.items()) if of == stream}
