"""When customers come, and what they do: visits in order of their starts, and from them events in order of time.

Visits are spread over the days by the inverse of the share that comes before each hour, one visit in each of as many
equal parts of it, so that they need no sorting; events still to come are held until the next visits start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from benchmarks.decide50.generate.draws import Draws, Floats, Ints
from benchmarks.decide50.generate.strategy import BRANDS, DEVICES

DAYS = 35
"""Unless asked for others."""
_CHUNK = 8192
_GOES_ON = 0.88
"""Of visitors after each event: 8.3 events a visit."""
_PAUSE_S = 45.0
_HOURS = (0.0, 7.0, 9.0, 16.0, 24.0)
_BUSY = (0.2, 1.0, 1.8, 1.0)
"""Visits between these hours, relative to an even day: few by night, and those who do not come then come later."""
_CHANNEL_SHARES = (0.55, 0.35, 0.10)
_ZIPF, _SHIFT = 0.9, 19.5
_MS = 1000


@dataclass(frozen=True)
class Arrivals:
    """Columns of events in order of time: int64[n] each. `at` is in ms since the first day, the rest are indexes."""

    at: Ints
    order: Ints
    """Place in the order of visits: what is drawn of an event is drawn by it, and ties of time are broken by it."""
    customer: Ints
    brand: Ints
    channel: Ints
    device: Ints

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints) -> "Arrivals":
        """Some of them, in this order."""
        return Arrivals(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self, other: "Arrivals") -> "Arrivals":
        """These and others, ordered."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        both = Arrivals(*(np.concatenate(pair) for pair in pairs))
        return both.take(np.lexsort((both.order, both.at)))


@dataclass(frozen=True)
class Crowd:
    """How many come, how often one of them, and how many events they leave."""

    customers: int
    events: int
    skew: float = 0.0
    """Share of one customer, number 0; 0: nobody is singled out."""
    days: int = DAYS


def arrivals(draws: Draws, crowd: Crowd) -> Iterator[Arrivals]:
    """All events, in parts, in order of time."""
    total = _visits(draws, crowd.events)
    held = Arrivals(*(np.empty(0, np.int64) for _ in fields(Arrivals)))
    made = 0
    for first in range(0, total, _CHUNK):
        numbers = np.arange(first, min(first + _CHUNK, total))
        lengths = _lengths(draws, numbers)
        lengths[-1] -= max(0, made + int(lengths.sum()) - crowd.events)
        held = held.join(_part(draws, crowd, numbers, lengths, total, made))
        made += int(lengths.sum())
        last = numbers[-1] + 1 >= total
        until = np.iinfo(np.int64).max if last else _starts(draws, crowd, numbers[-1:] + 1, total)[0] * _MS
        ready = int(np.searchsorted(held.at, int(until)))
        yield held.take(np.arange(ready))
        held = held.take(np.arange(ready, len(held)))


def _visits(draws: Draws, events: int) -> int:
    """How many visits it takes to have so many events."""
    first = made = 0
    while True:
        upto = made + np.cumsum(_lengths(draws, np.arange(first, first + _CHUNK)))
        if upto[-1] >= events:
            return first + int(np.searchsorted(upto, events)) + 1
        first, made = first + _CHUNK, int(upto[-1])


def _lengths(draws: Draws, visits: Ints) -> Ints:
    """Events of each visit: geometric, at least one."""
    left = 1.0 - draws.uniform("length", visits)
    lengths: Ints = 1 + np.floor(np.log(left) / np.log(_GOES_ON)).astype(np.int64)
    return lengths


def _starts(draws: Draws, crowd: Crowd, visits: Ints, total: int) -> Floats:
    """Seconds since the first day."""
    days = (visits + draws.uniform("start", visits)) / total * crowd.days
    busy = np.diff(_HOURS) * _BUSY
    upto = np.concatenate(([0.0], np.cumsum(busy) / busy.sum()))
    starts: Floats = (np.floor(days) * 24.0 + np.interp(days % 1.0, upto, _HOURS)) * 3600.0
    return starts


def _customers(draws: Draws, crowd: Crowd, visits: Ints) -> Ints:
    """Whose visits they are: by a shifted zipf law, of which the sum is inverted as an integral."""
    power = 1.0 - _ZIPF
    low, high = _SHIFT**power, (crowd.customers + _SHIFT) ** power
    ranks = (low + draws.uniform("customer", visits) * (high - low)) ** (1.0 / power) - _SHIFT
    found: Ints = np.clip(ranks.astype(np.int64), 0, crowd.customers - 1)
    if not crowd.skew:
        return found
    others = np.minimum(found + 1, crowd.customers - 1)
    # At even distances: so many of all visits, not about so many.
    singled = np.floor((visits + 1) * crowd.skew) > np.floor(visits * crowd.skew)
    return np.where(singled, 0, others)


def _part(draws: Draws, crowd: Crowd, visits: Ints, lengths: Ints, total: int, made: int) -> Arrivals:
    """The events of some visits, of which the first event of all is number `made`."""
    of = np.repeat(np.arange(len(visits)), lengths)
    order = made + np.arange(len(of))
    pauses = np.cumsum(-_PAUSE_S * np.log1p(-draws.uniform("pause", order)))
    firsts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    before = np.where(firsts > 0, pauses[firsts - 1], 0.0)
    at = _starts(draws, crowd, visits, total)[of] + pauses - before[of]
    return Arrivals(
        at=(at * _MS).astype(np.int64),
        order=order,
        customer=_customers(draws, crowd, visits)[of],
        brand=draws.below("brand", visits, len(BRANDS))[of],
        channel=draws.weighted("channel", visits, _CHANNEL_SHARES)[of],
        device=draws.below("device", visits, len(DEVICES))[of],
    )
