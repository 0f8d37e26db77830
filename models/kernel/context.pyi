"""What `models.times`, `models.identity`, `models.features` and `models.context` ask of the compiled context."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

VERSION: int

def micros(when: datetime) -> int: ...
def moment(at: int) -> datetime: ...
def fingerprint(text: str) -> bytes: ...
def hex_of_two(first: str, second: str) -> str: ...

class Feed:
    """One thing to do with a matching event; see `models.features.compiled`."""

    def __init__(
        self,
        key: int,
        kind: str,
        add: Callable[..., Any] | None,
        source: str,
        read: Callable[..., Any] | None,
        convert: Callable[[Any], Any] | None,
        name: str | None,
        owner: type,
        change: int | None,
        reach: int,
        keep_one: bool,
    ) -> None: ...

class Feeds:
    """The feeds of a plan by filter."""

    def __init__(
        self,
        session: tuple[tuple[Feed, ...], ...],
        rolling: tuple[tuple[Feed, ...], ...],
        labels: tuple[tuple[Feed, ...], ...],
        trail_key: int,
        trail_add: Callable[..., Any] | None,
        size: int,
        reaches: tuple[tuple[int, int, bool], ...],
        suppressing: int = 0,
    ) -> None: ...
    def suppressing(self, suppressing: int) -> Feeds: ...
    def forgettable_at(self, series: dict[int, Any]) -> int | None: ...
    def remember(
        self, slots: dict[int, Any], event: Any, matches: tuple[bool, ...], at: int, tie: str, settled: int
    ) -> dict[int, Any]: ...
    def roll(
        self, series: dict[int, Any], event: Any, matches: tuple[bool, ...], at: int, tie: str, settled: int
    ) -> dict[int, Any]: ...

class Filter:
    """All filters as one function, of signals of one type."""

    def __init__(self, call: Callable[[Any], tuple[bool, ...]], names: tuple[str, ...]) -> None: ...

class Ask:
    """One quantity of what is remembered."""

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        slot: int,
        last: int | None,
        label: int | None,
        low: int | None,
        high: int,
    ) -> None: ...

class Column:
    """One raw feature."""

    def __init__(self, code: str, **more: Any) -> None: ...

class Read:
    """A value of the event that asks, or of the customer."""

    def __init__(self, kind: str, name: str, call: Callable[..., Any] | None, owner: type) -> None: ...

class Values:
    """All columns as one function."""

    def __init__(
        self,
        columns: list[Column],
        slots: list[tuple[str, int]],
        reads: list[Read],
        local_time: Callable[[int], int] | None,
        number: Callable[[Any], float | None],
    ) -> None: ...
    def __call__(
        self,
        at: int,
        event: Any,
        customer: Mapping[str, Any],
        session: tuple[int, int] | None,
        slots: Mapping[int, Any],
        before: Mapping[int, Any],
        series: Mapping[int, Any],
        earlier: Mapping[int, Any],
    ) -> tuple[float, ...]: ...

class Steps:
    """`ContextFold.step` for what nearly all events are; None for all others."""

    def __init__(self, **parts: Any) -> None: ...
    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]] | None: ...

class Ends:
    """`ContextFold.expire` for nearly all customers; None for all others."""

    def __init__(self, **parts: Any) -> None: ...
    def expire(self, state: Any, now: int) -> tuple[Any, list[Any]] | None: ...
