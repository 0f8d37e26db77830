"""Declared features, compiled once per plan: what to remember of each event, and one function for all values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, compress
from types import ModuleType
from typing import Any, TypeVar

from models.features import compiled
from models.features.demands import TRAIL_KEY, Demands, Feed
from models.features.emit import Emitter, Values
from models.features.memory import Memory
from models.features.series import Latest, Series
from models.features.shapes import Shape, check, series_shapes, slot_shapes
from models.features.values import Event, Read
from models.kernel import find
from models.plan.expressions import Filters, compile_filters
from models.plan.spec import FeatureSpec, PlanSpec
from models.times import CONTEXT_KERNEL, Micros
from schemas import Signal

Slots = Mapping[int, Any]
"""What a session, or a customer beyond sessions, remembers: plain values by slot key. Never changed in place."""

NOTHING: Slots = {}

Matches = tuple[bool, ...]
"""Which filters an event meets."""

Use = TypeVar("Use")
_MEMO = 1024


@dataclass(frozen=True, slots=True, eq=False)
class FeatureProgram:
    """The features of one plan, ready to run.

    An event is first *matched*: one truth value per distinct filter. The matches then feed the slots of the
    session it belongs to and the series of the customer; `values` reads all raw features from both.
    """

    values: Values
    """values(at, event, customer, session, slots, before, series, earlier): all columns, in order.

    `session` is (start, number) or None; `before` and `earlier` are slots and series without the event.
    """
    session_values: Values
    """The same arguments: the columns of session windows only, for the record of a session."""
    session_columns: tuple[str, ...]
    texts: tuple[str, ...]
    """All distinct filters of events."""
    feeds: Any
    """`remember` and `roll` of the kernel, or None where Python has to do."""
    kept: frozenset[int]
    """The series that are asked for their latest event however old it is."""
    _filters: Filters
    _session: Callable[[Matches], Sequence[Feed]]
    _rolling: Callable[[Matches], Sequence[Feed]]
    _labels: Callable[[Matches], Sequence[tuple[int, Read | None]]]
    _memories: Mapping[int, Memory]
    _series: Mapping[int, Series | Latest]
    _slot_shapes: Mapping[int, Shape]
    _series_shapes: Mapping[int, Shape]

    @classmethod
    def of(cls, spec: PlanSpec) -> "FeatureProgram":
        """Compile the features of a plan that `check_features` found good.

        Raises:
          ExpressionError: A filter cannot be used.
        """
        demands = Demands()
        kernel = find("context", CONTEXT_KERNEL)
        values, _ = _compiled(spec, spec.features, demands, kernel)
        in_session = tuple(feature for feature in spec.features if feature.window == "session")
        session_values, session_columns = _compiled(spec, in_session, demands, kernel)
        texts = tuple(text for text in demands.filters if text is not None)
        return cls(
            values=values,
            session_values=session_values,
            session_columns=session_columns,
            feeds=compiled.feeds(kernel, demands) if kernel else None,
            texts=texts,
            _filters=compile_filters(texts, spec),
            _session=_of_matches(demands.session_feeds()),
            _rolling=_of_matches(demands.rolling_feeds()),
            _labels=_of_matches(demands.labels()),
            _memories=demands.memories,
            _series=demands.series,
            kept=frozenset(demands.kept),
            _slot_shapes=slot_shapes(demands),
            _series_shapes=series_shapes(demands),
        )

    def match(self, event: Event) -> Matches:
        """Which filters the event certainly meets; the first is met by every signal."""
        return (event.__class__ is Signal, *self._filters(event))

    def remember(
        self, slots: Slots, event: Event, matches: Matches, at: Micros, tie: str, settled: Micros
    ) -> dict[int, Any]:
        """The slots of a session with one more event. `settled`: nothing earlier than this can still come."""
        if self.feeds is not None:
            fed: dict[int, Any] = self.feeds.remember(slots, event, matches, at, tie, settled)
            return fed
        new = _fed(slots, self._session(matches), event, at, tie, settled)
        memory = self._memories.get(TRAIL_KEY)
        if memory is None:
            return new
        labels = {key: True if read is None else read(event) for key, read in self._labels(matches)}
        known = {key: value for key, value in labels.items() if value is not None}
        new[TRAIL_KEY] = memory.add(new.get(TRAIL_KEY), at, tie, known, settled)
        return new

    def roll(
        self, series: Slots, event: Event, matches: Matches, at: Micros, tie: str, settled: Micros
    ) -> dict[int, Any]:
        """The series of a customer with one more event."""
        if self.feeds is not None:
            fed: dict[int, Any] = self.feeds.roll(series, event, matches, at, tie, settled)
            return fed
        return _fed(series, self._rolling(matches), event, at, tie, settled)

    def merge(self, earlier: Slots, later: Slots) -> Slots:
        """The slots of two parts of one session; what the plan does not know any more is dropped."""
        merged = {key: value for key, value in (*earlier.items(), *later.items()) if key in self._memories}
        for key in earlier.keys() & later.keys() & self._memories.keys():
            merged[key] = self._memories[key].merge(earlier[key], later[key])
        return merged

    def forgettable_at(self, series: Slots) -> Micros | None:
        """After this time plus the lateness horizon no window reaches any event; None if nothing can be forgotten."""
        if self.feeds is not None:
            reached: Micros | None = self.feeds.forgettable_at(series)
            return reached
        reaches = [
            (newest or 0) + kind.reach
            for key, kind in self._series.items()
            if key not in self.kept and key in series
            for newest in (kind.newest(series[key]),)
        ]
        return max(reaches, default=None)

    def examine(self, sessions: Iterable[Slots], series: Slots) -> None:
        """Look at the slots of sessions, and at the series beside them.

        Raises:
          ValueError: One of them is not as this plan would have left it.
        """
        check(series, self._series_shapes)
        for slots in sessions:
            check(slots, self._slot_shapes)

    def forget(self, series: Slots) -> dict[int, Any]:
        """The series that are asked for their latest event however old it is."""
        return {key: value for key, value in series.items() if key in self.kept}


def _compiled(
    spec: PlanSpec, features: tuple[FeatureSpec, ...], demands: Demands, kernel: ModuleType | None
) -> tuple[Values, tuple[str, ...]]:
    emitter = Emitter(demands, spec.time_zone)
    columns = [column for feature in features for column in emitter.columns(feature)]
    fast = compiled.Columns(kernel, demands, spec.time_zone).function(features) if kernel else None
    return fast or emitter.function(columns), tuple(column.name for column in columns)


def _of_matches(by_filter: Sequence[Sequence[Use]]) -> Callable[[Matches], Sequence[Use]]:
    """What is to be done with an event, by its matches. Few combinations occur, so the latest are kept."""

    @lru_cache(_MEMO)
    def uses(matches: Matches) -> Sequence[Use]:
        return tuple(chain.from_iterable(compress(by_filter, matches)))

    return uses


def _fed(
    slots: Slots, feeds: Sequence[Feed], event: Event, at: Micros, tie: str, settled: Micros
) -> dict[int, Any]:
    new = dict(slots)
    for key, add, read in feeds:
        if read is None:
            new[key] = add(new.get(key), at, tie, None, settled)
        elif (value := read(event)) is not None:
            new[key] = add(new.get(key), at, tie, value, settled)
    return new
