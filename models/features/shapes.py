"""What slots and series have to look like under a plan: for states that something did not go well with."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from models.features.demands import TRAIL_KEY, Demands, Feed, Source
from models.features.memory import ADD, BALANCE, DISTINCT, LATEST, MAXIMUM, RESET, SUBTRACT, TALLY, TOTAL
from models.features.series import Latest, Series
from models.features.values import Read
from models.identity import FINGERPRINT_BYTES
from models.stored import EARLIEST, Finite, Moment, Number
from models.stored import LATEST as LAST

Shape = Callable[[Any], object]
"""Raises ValueError if a value has another."""

Mark = Annotated[bytes, Meta(min_length=FINGERPRINT_BYTES, max_length=FINGERPRINT_BYTES)]
Change = Literal[ADD, SUBTRACT, RESET]  # type: ignore[valid-type]

_VALUES: Mapping[str | None, Any] = {
    None: bool,
    "number": Finite,
    "mark": Mark,
    "any": Any,
}


def slot_shapes(demands: Demands) -> dict[int, Shape]:
    """The shape of each slot of a session that a plan demands, by key."""
    values = _values(demands, demands.session_feeds())
    return {key: _slot(demands, key, values.get(key, bool)) for key in demands.memories}


def series_shapes(demands: Demands) -> dict[int, Shape]:
    """The shape of each series that a plan demands, by key: a slot may have the same key and another shape."""
    values = _values(demands, demands.rolling_feeds())
    return {key: _kept(kind, values[key]) for key, kind in demands.series.items()}


def _values(demands: Demands, feeds: Iterable[Iterable[Feed]]) -> dict[int, Any]:
    """The type of what is remembered of an event, by key."""
    return {feed.key: _value(demands, feed.read) for group in feeds for feed in group}


def _kept(kind: Series | Latest, value: Any) -> Shape:
    return _packed(value) if isinstance(kind, Series) else _typed(list[_entry(value)])  # type: ignore[misc]


def check(kept: Mapping[int, Any], known: Mapping[int, Shape]) -> None:
    """Check slots or series; those that the plan does not know may be as they are.

    Raises:
      ValueError: One has another shape than its key has.
    """
    for key, value in kept.items():
        shape = known.get(key)
        if shape is None:
            continue
        try:
            shape(value)
        except (msgspec.ValidationError, RecursionError) as error:
            raise ValueError(f"slot {key} is damaged: {error}") from error


def _of(value: Any, kind: Any) -> Any:
    return msgspec.convert(value, kind, builtin_types=(bytes,))  # or a text would do for bytes


def _value(demands: Demands, read: Read | None) -> Any:
    source: Source | None = demands.sources.get(read) if read is not None else None
    return _VALUES[source.kind if source else None]


def _slot(demands: Demands, key: int, value: Any) -> Shape:
    if key == TRAIL_KEY:
        return _trail({key: _value(demands, read) for group in demands.labels() for key, read in group})
    memory = demands.memories[key]
    if memory is TOTAL:
        return _total
    if memory is DISTINCT:
        return _marks
    types: dict[int, Any] = {
        id(TALLY): tuple[Number, Moment],
        id(MAXIMUM): Finite,
        id(LATEST): _entry(value),
        id(BALANCE): tuple[Finite, list[tuple[Moment, str, Change, Finite]]],
    }
    return _typed(types[id(memory)])


def _entry(value: Any) -> Any:
    return tuple[Moment, str, value]


def _typed(kind: Any) -> Shape:
    return lambda value: _of(value, kind)


def _total(value: Any) -> None:
    _of(value, Annotated[list[Finite], Meta(min_length=2)])
    _of(value[0], Annotated[int, Meta(ge=1, le=2**53)])


def _marks(value: Any) -> None:
    if not isinstance(value, bytes) or not value or len(value) % FINGERPRINT_BYTES:
        raise ValueError("no fingerprints")


def _trail(labels: Mapping[int, Any]) -> Shape:
    """Steps whose labels have values of their kinds."""

    def check_steps(value: Any) -> None:
        for _, _, said in _of(value, list[tuple[Moment, str, dict[int, Any]]]):
            for label, each in said.items():
                _of(each, labels.get(label, Any))

    return check_steps


def _packed(value: Any) -> Shape:
    """A series beside whose times there is a value each, or nothing."""

    def check_series(packed: Any) -> None:
        times, payload = _of(packed, tuple[bytes, bytes])
        if len(times) % 8 or len(payload) != (0 if value is bool else len(times)):
            raise ValueError("a series with other values than times")
        known = memoryview(times).cast("q")
        if any(not EARLIEST <= at <= LAST for at in known) or sorted(known) != list(known):
            raise ValueError("a series whose times are none, or out of order")

    return check_series
