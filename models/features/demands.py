"""What the features of a plan demand to be remembered: each distinct thing once, whoever asks for it."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from models.features.memory import (
    ADD,
    BALANCE,
    DISTINCT,
    LATEST,
    MAXIMUM,
    RESET,
    SUBTRACT,
    TALLY,
    TOTAL,
    Add,
    Memory,
    trail,
)
from models.features.series import Latest, Series
from models.features.values import Event, Read, mark, number, reader
from models.identity import slot_key
from models.plan.spec import FeatureSpec
from models.times import Micros

Quantity = Literal["count", "latest_at", "total", "mean", "maximum", "distinct", "last"]
"""What can be asked of matching events: `session_*`, `trail_*` and `window_*` answer it."""

TRAIL_KEY = slot_key("trail")

_MEMORIES: dict[Quantity, tuple[str, Memory]] = {
    "count": ("tally", TALLY),
    "latest_at": ("tally", TALLY),
    "total": ("total", TOTAL),
    "mean": ("total", TOTAL),
    "maximum": ("maximum", MAXIMUM),
    "distinct": ("distinct", DISTINCT),
    "last": ("latest", LATEST),
}
_SHAPES: dict[Quantity, str] = {
    "count": "times",
    "latest_at": "times",
    "total": "numbers",
    "mean": "numbers",
    "maximum": "numbers",
    "distinct": "marks",
    "last": "latest",
}


class Feed(NamedTuple):
    """One thing to do with a matching event: add what `read` says to the slot `key`; skip if that is None."""

    key: int
    add: Add
    read: Read | None


class Source(NamedTuple):
    """Where a value is read from and as what: what a compiled form need not call Python for."""

    path: str
    kind: Literal["number", "mark", "any"]
    change: int | None = None
    """What it does to a balance."""


class Demands:
    """Collects what is to be remembered while the expressions of features are written."""

    def __init__(self) -> None:
        self.filters: list[str | None] = [None]
        """Distinct filters; the first matches every behavioural signal."""
        self.memories: dict[int, Memory] = {}
        self.series: dict[int, Series | Latest] = {}
        self.kept: set[int] = set()
        """Series that are asked for their latest event however old it is."""
        self.sources: dict[Read, Source] = {}
        """What some of the functions that read do."""
        self._names: dict[int, str] = {}
        self._session: dict[int, list[tuple[int, Read | None]]] = {}
        self._rolling: dict[int, list[tuple[int, Read | None]]] = {}
        self._labels: dict[int, tuple[int, Read | None]] = {}
        self.trail_size = 0

    def session(self, quantity: Quantity, where: str | None, of: str | None, *, numeric: bool) -> int:
        """The slot of a session that answers this."""
        name, memory = _MEMORIES[quantity]
        key, read = self._key(name, quantity, where, of, numeric=numeric)
        self.memories[key] = memory
        self._session[key] = [(self._filter(where), read)]
        return key

    def label(
        self, quantity: Quantity, where: str | None, of: str | None, last: int, *, numeric: bool
    ) -> int:
        """The label on the trail's events that answers this for up to `last` of them."""
        key, read = self._key("label", quantity, where, of, numeric=numeric)
        self.trail_size = max(self.trail_size, last)
        self.memories[TRAIL_KEY] = trail(self.trail_size)
        self._labels[key] = (self._filter(where), read)
        return key

    def window(
        self,
        quantity: Quantity,
        where: str | None,
        of: str | None,
        length: Micros | None,
        delay: Micros,
        *,
        numeric: bool,
    ) -> int:
        """The series that answers this over (t-delay-length, t-delay]; length None: over all that is known."""
        key, read = self._key(_SHAPES[quantity], quantity, where, of, numeric=numeric)
        latest = quantity in {"latest_at", "last"}
        reach = delay if latest or length is None else delay + length
        old = self.series.get(key)
        shape = Latest if quantity == "last" else Series
        self.series[key] = shape(max(reach, old.reach if old else 0), latest or bool(old and old.keep_one))
        self._rolling[key] = [(self._filter(where), read)]
        if length is None:
            self.kept.add(key)
        return key

    def balance(self, feature: FeatureSpec) -> int:
        """The slot of a session that holds this running sum."""
        changes = ((ADD, feature.add), (SUBTRACT, feature.subtract), (RESET, feature.reset))
        key = self._named(f"balance|{feature.of}|{feature.add}|{feature.subtract}|{feature.reset}")
        self.memories[key] = BALANCE
        amount = _converted(reader(feature.of or ""), number)
        self._session[key] = [
            (self._filter(where), self._sourced(_change(change, amount), feature.of or "", "number", change))
            for change, where in changes
            if where is not None
        ]
        return key

    def session_feeds(self) -> tuple[tuple[Feed, ...], ...]:
        """By filter: what an event that matches it adds to its session."""
        return self._by_filter(self._session, {key: memory.add for key, memory in self.memories.items()})

    def rolling_feeds(self) -> tuple[tuple[Feed, ...], ...]:
        """By filter: what an event that matches it adds to the customer's series."""
        return self._by_filter(self._rolling, {key: series.add for key, series in self.series.items()})

    def labels(self) -> tuple[tuple[tuple[int, Read | None], ...], ...]:
        """By filter: how a matching event is labelled on the trail."""
        return tuple(
            tuple((key, read) for key, (index, read) in self._labels.items() if index == place)
            for place in range(len(self.filters))
        )

    def _by_filter(
        self, uses: dict[int, list[tuple[int, Read | None]]], adds: dict[int, Add]
    ) -> tuple[tuple[Feed, ...], ...]:
        feeds: list[list[Feed]] = [[] for _ in self.filters]
        for key, sources in uses.items():
            for index, read in sources:
                feeds[index].append(Feed(key, adds[key], read))
        return tuple(map(tuple, feeds))

    def _key(
        self, memory: str, quantity: Quantity, where: str | None, of: str | None, *, numeric: bool
    ) -> tuple[int, Read | None]:
        if quantity in {"count", "latest_at"}:
            return self._named(f"{memory}|{where}"), None
        path = of or ""
        if quantity == "last" and not numeric:
            return self._named(f"{memory}|{where}|any {of}"), self._sourced(reader(path), path, "any")
        if quantity == "distinct":
            return self._named(f"{memory}|{where}|mark {of}"), self._sourced(
                _converted(reader(path), mark), path, "mark"
            )
        return self._named(f"{memory}|{where}|number {of}"), self._sourced(
            _converted(reader(path), number), path, "number"
        )

    def _sourced(
        self, read: Read, path: str, kind: Literal["number", "mark", "any"], change: int | None = None
    ) -> Read:
        self.sources[read] = Source(path, kind, change)
        return read

    def _named(self, name: str) -> int:
        key = slot_key(name)
        while self._names.setdefault(key, name) != name:  # once in 2**32; the order of features decides
            key = (key + 1) % 2**32
        return key

    def _filter(self, where: str | None) -> int:
        if where not in self.filters:
            self.filters.append(where)
        return self.filters.index(where)


def _converted(read: Read, convert: Callable[[Any], Any]) -> Read:
    return lambda event: convert(read(event))


def _change(change: int, amount: Read) -> Read:
    """How an event changes a balance; an amount below nothing adds and takes away nothing."""

    def read(event: Event | None) -> Any:
        if change == RESET:
            return change, 0.0
        value = amount(event)
        return None if value is None else (change, max(value, 0.0))

    return read
