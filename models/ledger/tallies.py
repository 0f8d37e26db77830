"""Tallies: contacts counted the way limits count them, in the fullest window that contains a moment.

Limits that count the same thing share one tally, so that hundreds of limits per action cost one walk over the contacts.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Literal, NamedTuple

from models.ledger.spots import Spot, in_scope
from models.plan.spec import LimitSpec, ScopeSpec
from models.times import NEVER, Micros, duration

UNKNOWN = 2**31
"""What contacts count that are not all remembered: more than any limit allows."""

Each = Literal["customer", "channel", "direction", "group", "issue", "action", "treatment"]


class Tally(NamedTuple):
    """What some limits count: contacts by key, in windows of one length."""

    each: Each
    window: Micros
    channels: tuple[str, ...]
    directions: tuple[str, ...]
    brands: tuple[str, ...]
    scope: ScopeSpec | None
    """None: whatever is out of scope has keys of its own, and need not be told apart."""
    per_brand: bool
    """Whether only contacts of the brand that decides count."""
    household: bool
    """Whether the contacts of the other members of the household count too."""
    committed: bool
    """Whether only contacts that were committed count."""
    counted: bool
    """Whether offers of the decision itself count. They are not committed yet."""

    @classmethod
    def of(cls, limit: LimitSpec) -> "Tally":
        """What a limit counts."""
        apart = limit.each in ("action", "treatment") or limit.scope == ScopeSpec()
        committed = limit.counts == "committed"
        return cls(
            each=limit.each,
            window=duration(limit.per),
            channels=limit.channels,
            directions=tuple(direction.value for direction in limit.directions),
            brands=limit.brands,
            scope=None if apart else limit.scope,
            per_brand=limit.per_brand,
            household=limit.whose == "household",
            committed=committed,
            counted=limit.same_decision == "counted" and not committed,
        )

    def key(self, spot: Spot) -> str | None:
        """Under what a contact counts; None if it does not."""
        if self.channels and spot.channel not in self.channels:
            return None
        if self.directions and spot.direction and spot.direction not in self.directions:
            return None
        if self.brands and spot.brand and spot.brand not in self.brands:
            return None
        if self.scope is not None and not in_scope(self.scope, spot):
            return None
        return key_of(self.each, spot)


class Row(NamedTuple):
    """A spot and what the limits make of it."""

    spot: Spot
    key: str
    """That of the spot, as it is remembered."""
    keys: tuple[str | None, ...]
    """Its key in each tally."""
    need: Micros
    """How long a contact must be remembered: the longest window of the limits that cover it; 0: not at all."""


class Contacts(NamedTuple):
    """Remembered contacts: three aligned columns, ascending by time."""

    times: Sequence[Micros]
    items: Sequence[int]
    """What each was: a position in `rows`."""
    committed: Sequence[bool]
    rows: Sequence[Row]
    forgotten: Micros = -NEVER
    """Time of the latest contact that was forgotten, whatever it was."""
    gaps: Sequence[tuple[Micros, Row]] = ()
    """Of what is not remembered of single spots: the latest time."""


def merged(every: Iterable[Contacts]) -> Contacts:
    """The contacts of several customers as if they were those of one."""
    rows: list[Row] = []
    entries: list[tuple[Micros, int, bool]] = []
    gaps: list[tuple[Micros, Row]] = []
    forgotten = -NEVER
    for contacts in every:
        gaps += contacts.gaps
        forgotten = max(forgotten, contacts.forgotten)
        first = len(rows)
        rows += contacts.rows
        items = [first + item for item in contacts.items]
        entries += zip(contacts.times, items, contacts.committed, strict=True)
    entries.sort()
    return Contacts(
        [at for at, _, _ in entries],
        [item for _, item, _ in entries],
        [done for _, _, done in entries],
        rows,
        forgotten,
        gaps,
    )


def key_of(each: Each, spot: Spot) -> str:
    """What tells contacts apart that are counted for each `each`."""
    if each == "customer":
        return ""
    if each == "treatment":
        return f"{spot.action} {spot.treatment}"
    found: str = getattr(spot, each)
    return found


class Walk:
    """One walk over some contacts, for a decision of one brand at one moment."""

    def __init__(self, contacts: Contacts, at: Micros, brand: str) -> None:
        self._contacts = contacts
        self._at = at
        self._brand = brand
        self._later = bool(contacts.times) and contacts.times[-1] > at
        self._columns = list(zip(*(row.keys for row in contacts.rows), strict=True)) if contacts.times else []
        self._windows: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        """Contacts by item in trailing windows, by the first contact in it."""

    def counts(self, index: int, tally: Tally) -> dict[str, int]:
        """Contacts by key in the fullest window that contains the moment; `index` is that of the tally.

        A key that contacts are missing of counts as full.
        """
        counts = self._remembered(index, tally) if self._columns else {}
        if not self._contacts.gaps:
            return counts
        for made, row in self._contacts.gaps:
            key = row.keys[index]
            elsewhere = tally.per_brand and row.spot.brand not in (self._brand, "")
            if key is not None and made > self._at - tally.window and not elsewhere:
                counts[key] = UNKNOWN
        return counts

    def forgot(self, window: Micros) -> bool:
        """Whether a contact was forgotten, of whatever kind, that shares a window of this length with the moment."""
        return self._contacts.forgotten > self._at - window

    def _remembered(self, index: int, tally: Tally) -> dict[str, int]:
        keys: Sequence[str | None] = self._columns[index]
        if tally.per_brand:
            rows = self._contacts.rows
            keys = [
                key if row.spot.brand in (self._brand, "") else None
                for key, row in zip(keys, rows, strict=True)
            ]
        if self._later:
            return self._fullest(keys, tally)
        return _by_key(keys, self._trailing(tally))

    def _trailing(self, tally: Tally) -> list[tuple[int, int]]:
        """Contacts by item in the window that ends with the moment: with no later contacts, that is the fullest."""
        times, items, committed = self._contacts[:3]
        first = bisect_right(times, self._at - tally.window)
        found = self._windows.get((first, tally.committed))
        if found is None:
            inside: Iterable[int] = items[first:]
            if tally.committed:
                inside = compress(inside, committed[first:])
            found = self._windows[first, tally.committed] = list(Counter(inside).items())
        return found

    def _fullest(self, keys: Sequence[str | None], tally: Tally) -> dict[str, int]:
        """Contacts by key, with contacts on both sides of the moment."""
        times, items, committed = self._contacts[:3]
        at, window = self._at, tally.window
        by_key: dict[str, list[Micros]] = {}
        for position in range(bisect_right(times, at - window), bisect_left(times, at + window)):
            key = keys[items[position]]
            if key is not None and (committed[position] or not tally.committed):
                by_key.setdefault(key, []).append(times[position])
        return {key: _peak(moments, at, window) for key, moments in by_key.items()}


def _by_key(keys: Sequence[str | None], found: Iterable[tuple[int, int]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item, count in found:
        key = keys[item]
        if key is not None:
            counts[key] = counts.get(key, 0) + count
    return counts


def _peak(moments: Sequence[Micros], at: Micros, window: Micros) -> int:
    """Most contacts in one window [s, s + window) that contains `at`; `moments` lie within `window` of it."""
    # The fullest windows start at a contact, or at `at` itself: until the next contact, moving one loses nothing.
    starts = [*(moment for moment in moments if moment <= at), at]
    return max(bisect_left(moments, start + window) - bisect_left(moments, start) for start in starts)
