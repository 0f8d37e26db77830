"""What of the compiled ledger Python calls."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from models.ledger.allocation import Allocator, Placed, Terms, Verdict
from models.ledger.bids import Bid
from models.ledger.tallies import Row, Tally
from models.times import Micros

VERSION: int

def lasting(pauses: Iterable[Any], rules: dict[str, tuple[int, Micros]], settled: Micros) -> bool: ...
def pointing(state: Any) -> bool: ...
def mask(order: Iterable[int]) -> int: ...

class Screen:
    @overload
    def get(self, action: int) -> int | None: ...
    @overload
    def get(self, action: int, default: int) -> int: ...
    def bits(self) -> int: ...
    def having(self, rules: dict[int, int]) -> Screen: ...

class Counts:
    def screen(
        self,
        channel: str,
        before: list[tuple[int, int]],
        first: int,
        after: list[tuple[int, int]],
        candidates: int = -1,
    ) -> Screen: ...
    def refused(self, channel: str, among: Collection[int] | None = None) -> Iterator[tuple[int, int]]: ...
    def refused_treatments(self, channel: str) -> dict[int, dict[str, int]]: ...
    def add(self, row: Row) -> set[int]: ...
    def copy(self) -> Counts: ...

class Table:
    def __init__(
        self,
        tallies: Sequence[Tally],
        limits: Sequence[Any],
        directions: Mapping[str, str],
        actions: int,
        most_rows: int,
        row: Callable[[str], Row],
    ) -> None: ...
    def count(
        self,
        times: list[Micros] | tuple[Micros, ...],
        items: list[int] | tuple[int, ...],
        committed: list[bool] | tuple[bool, ...],
        spots: list[str] | tuple[str, ...],
        at: Micros,
        brand: str,
    ) -> Counts | None: ...

class Place:
    name: str
    channel: str

class Rounds:
    def __init__(
        self,
        table: Table,
        plan: Allocator,
        placed: type[Placed],
        said: tuple[Verdict, Verdict, Verdict],
    ) -> None: ...
    def places_at(self, asked: Mapping[str, str], brand: str) -> list[Place]: ...
    def places(self, placements: tuple[str, ...], channel: str, brand: str) -> tuple[list[Place], int]: ...
    def fill(
        self, counts: Counts, order: tuple[int, ...], places: list[Place], screens: dict[str, Any]
    ) -> tuple[list[Placed], list[Verdict]]: ...
    def verdicts(
        self,
        order: tuple[int, ...],
        places: list[Place],
        screens: Sequence[Any],
        offered: int,
        stopped: dict[int, int],
    ) -> list[Verdict]: ...

class Bidding:
    def __init__(
        self, ids: Sequence[str], explored: int, mandatory: int, bid_type: type[Bid], terms_type: type[Terms]
    ) -> None: ...

class Deciding:
    def __init__(
        self,
        *,
        table: Table,
        rounds: Rounds,
        bidding: Bidding,
        times: tuple[Micros, ...],
        numbers: tuple[int, ...],
        policy: tuple[Any, ...],
        influences: tuple[Any, ...],
        recorder: tuple[Any, ...],
        contacts: tuple[Any, ...],
        counted: tuple[Any, Any],
        types: tuple[type, ...],
    ) -> None: ...
    def decide(self, state: Any, candidates: Any) -> tuple[Any, list[Any]] | None: ...

class Advancing:
    def __init__(
        self,
        *,
        context: tuple[Any, ...],
        funnel: tuple[Any, Any],
        ledger: tuple[Any, Any, Any],
        deciding: Deciding | None,
        types: tuple[Any, ...],
        observed: Any,
    ) -> None: ...
    def advance(self, state: Any, event: Any) -> tuple[Any, list[Any]]: ...
